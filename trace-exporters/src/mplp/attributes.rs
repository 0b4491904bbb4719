//! Attributes as JSON objects, and back.

use serde_json::{Map, Value as Json};
use trace_core::model::{Array, KeyValue, Value, ValueRef};

use super::document::Object;
use super::keys;

/// Objects of foreign documents nested deeper than this become JSON text.
const MAX_DEPTH: usize = 8;

/// Numbers that JSON has none for become text.
pub(super) fn to_json(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::String(v) => v.into(),
        ValueRef::Bool(v) => v.into(),
        ValueRef::I64(v) => v.into(),
        ValueRef::F64(v) => number(v),
        ValueRef::Array(Array::Bool(v)) => v.clone().into(),
        ValueRef::Array(Array::I64(v)) => v.clone().into(),
        ValueRef::Array(Array::F64(v)) => v.iter().map(|v| number(*v)).collect::<Vec<_>>().into(),
        ValueRef::Array(Array::String(v)) => v.iter().map(|v| Json::from(&**v)).collect::<Vec<_>>().into(),
        other => other.to_string().into(),
    }
}

fn number(value: f64) -> Json {
    if value.is_finite() { value.into() } else { value.to_string().into() }
}

/// Attributes of a document: objects as dotted keys, lists of one kind of scalar as lists, every other list as JSON text
/// under `KEY.json`; nulls are left out and named.
pub(super) fn from_object(object: &Object) -> Vec<KeyValue> {
    let (mut found, mut nulls) = (Vec::new(), Vec::new());
    flatten("", object, 0, &mut found, &mut nulls);
    if !nulls.is_empty() {
        found.push(KeyValue::new(keys::NULLS, nulls));
    }
    found
}

fn flatten(
    before: &str,
    object: &Map<String, Json>,
    depth: usize,
    found: &mut Vec<KeyValue>,
    nulls: &mut Vec<String>,
) {
    for (key, value) in object {
        let key = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
        match value {
            Json::Null => nulls.push(key),
            Json::Object(inner) if depth < MAX_DEPTH && !inner.is_empty() => {
                flatten(&key, inner, depth + 1, found, nulls);
            }
            value => match from_json(value) {
                Some(value) => found.push(KeyValue::new(key, value)),
                None => found.push(KeyValue::new(format!("{key}.json"), value.to_string())),
            },
        }
    }
}

/// `None` for what the data model has no room for.
pub(super) fn from_json(json: &Json) -> Option<Value> {
    Some(match json {
        Json::String(v) => v.clone().into(),
        Json::Bool(v) => (*v).into(),
        Json::Number(v) => match (v.as_i64(), v.as_f64()) {
            (Some(v), _) => v.into(),
            (None, v) => v?.into(),
        },
        Json::Array(list) => Value::Array(array(list)?),
        Json::Null | Json::Object(_) => return None,
    })
}

fn array(list: &[Json]) -> Option<Array> {
    match list.first() {
        None => Some(Array::String(Vec::new())),
        Some(Json::Bool(_)) => list.iter().map(Json::as_bool).collect::<Option<_>>().map(Array::Bool),
        Some(Json::Number(n)) if n.is_i64() => {
            list.iter().map(Json::as_i64).collect::<Option<_>>().map(Array::I64)
        }
        Some(Json::Number(_)) => list.iter().map(Json::as_f64).collect::<Option<_>>().map(Array::F64),
        Some(_) => {
            let text = |v: &Json| v.as_str().map(|v| v.to_owned().into());
            list.iter().map(text).collect::<Option<_>>().map(Array::String)
        }
    }
}
