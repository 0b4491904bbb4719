//! Events with attributes as the texts of annotations: `"name": {"key":"value"}` (specification). The SDK for Python writes
//! `{"name": {"key":"value"}}`, which is read, too.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, Serializer};
use trace_core::batch::{Attributes, EventRef};
use trace_core::model::{Array, KeyValue, Value};

/// Attributes as a JSON object with values of their own types.
pub(super) struct Object<'a>(pub(super) Attributes<'a>);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        for (key, value) in self.0.clone() {
            map.serialize_entry(key, &value)?;
        }
        map.end()
    }
}

/// The text of an event: its name alone if it has no attributes.
pub(super) fn text(event: EventRef<'_>) -> String {
    if event.attributes().next().is_none() {
        return event.name().to_owned();
    }
    let mut out = serde_json::to_string(event.name()).unwrap_or_default();
    // An object of texts, numbers and lists is always JSON.
    let _ = write!(out, ": {}", serde_json::to_string(&Object(event.attributes())).unwrap_or_default());
    out
}

/// The name and attributes of an event of this text.
pub(super) fn parse(text: String) -> (String, Vec<KeyValue>) {
    with_attributes(&text).unwrap_or((text, Vec::new()))
}

fn with_attributes(text: &str) -> Option<(String, Vec<KeyValue>)> {
    if !text.ends_with('}') {
        return None;
    }
    if text.starts_with('{') {
        let object: BTreeMap<String, BTreeMap<String, Scalar>> = serde_json::from_str(text).ok()?;
        let mut events = object.into_iter();
        return match (events.next(), events.next()) {
            (Some((name, attributes)), None) => Some((name, key_values(attributes))),
            _ => None,
        };
    }
    if !text.starts_with('"') {
        return None;
    }
    let mut names = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let name = names.next()?.ok()?;
    let object = text.get(names.byte_offset()..)?.strip_prefix(':')?;
    Some((name, attributes(object)?))
}

/// The attributes of a JSON object; `None` if it is none.
pub(super) fn attributes(object: &str) -> Option<Vec<KeyValue>> {
    serde_json::from_str(object).ok().map(key_values)
}

fn key_values(object: BTreeMap<String, Scalar>) -> Vec<KeyValue> {
    object.into_iter().map(|(key, Scalar(value))| KeyValue::new(key, value)).collect()
}

/// Any JSON value as one of the data model: what it has no room for becomes JSON text.
pub(super) struct Scalar(pub(super) Value);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self(value(serde_json::Value::deserialize(d)?)))
    }
}

fn value(json: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::String(v) => v.into(),
        Json::Bool(v) => v.into(),
        Json::Number(v) => match (v.as_i64(), v.as_f64()) {
            (Some(v), _) => v.into(),
            (None, Some(v)) => v.into(),
            (None, None) => v.to_string().into(),
        },
        Json::Array(list) => array(&list).map_or_else(|| Json::Array(list).to_string().into(), Value::Array),
        Json::Null => "".into(),
        Json::Object(_) => json.to_string().into(),
    }
}

/// A list of values of one kind.
fn array(list: &[serde_json::Value]) -> Option<Array> {
    use serde_json::Value as Json;
    match list.first() {
        Some(Json::Bool(_)) => list.iter().map(Json::as_bool).collect::<Option<_>>().map(Array::Bool),
        Some(Json::Number(n)) if n.is_i64() => {
            list.iter().map(Json::as_i64).collect::<Option<_>>().map(Array::I64)
        }
        Some(Json::Number(_)) => list.iter().map(Json::as_f64).collect::<Option<_>>().map(Array::F64),
        Some(Json::String(_)) => {
            let text = |v: &Json| v.as_str().map(|v| v.to_owned().into());
            list.iter().map(text).collect::<Option<_>>().map(Array::String)
        }
        None => Some(Array::String(Vec::new())),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_an_event_with_attributes_are_read_and_other_texts_stay() {
        let expected = ("a".to_owned(), vec![KeyValue::new("k", 1)]);
        for text in [r#""a": {"k":1}"#, r#"{"a": {"k": 1}}"#] {
            assert_eq!(parse(text.to_owned()), expected);
        }
        for text in ["{}", r#"{"a":1}"#, r#"{"a":{},"b":{}}"#, "{x}", "\"a\"", "plain"] {
            assert_eq!(parse(text.to_owned()), (text.to_owned(), Vec::new()));
        }
    }
}
