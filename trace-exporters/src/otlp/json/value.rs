//! What all signals share: attributes, values, resource, scope.

use trace_core::model::{Array, AttributeSet, KeyValue, Resource, Scope, ValueRef};

use super::writer::Json;

/// `KeyValue`s, left out if there are none.
pub(super) fn attributes<'a>(
    json: &mut Json<'_>,
    key: &str,
    list: impl IntoIterator<Item = (&'a str, ValueRef<'a>)>,
) {
    json.list(key, list, |json, (key, v)| {
        json.object(|json| {
            json.key("key").string(key);
            json.key("value");
            value(json, v);
        });
    });
}

pub(super) fn attribute_set(json: &mut Json<'_>, key: &str, set: &AttributeSet) {
    attributes(json, key, set.into_iter().map(pair));
}

pub(super) fn pair(kv: &KeyValue) -> (&str, ValueRef<'_>) {
    (&kv.key, kv.value.as_ref())
}

/// `AnyValue`.
fn value(json: &mut Json<'_>, v: ValueRef<'_>) {
    json.object(|json| match v {
        ValueRef::String(v) => json.key("stringValue").string(v),
        ValueRef::Bool(v) => json.key("boolValue").bool(v),
        ValueRef::I64(v) => json.key("intValue").quoted(v),
        ValueRef::F64(v) => json.key("doubleValue").double(v),
        ValueRef::Array(v) => json.key("arrayValue").object(|json| {
            json.key("values");
            values(json, v);
        }),
        // A kind of value that this version does not know travels as text rather than not at all.
        other => json.key("stringValue").string(&other.to_string()),
    });
}

fn values(json: &mut Json<'_>, array: &Array) {
    match array {
        Array::Bool(v) => json.array(v, |json, v| value(json, ValueRef::Bool(*v))),
        Array::I64(v) => json.array(v, |json, v| value(json, ValueRef::I64(*v))),
        Array::F64(v) => json.array(v, |json, v| value(json, ValueRef::F64(*v))),
        Array::String(v) => json.array(v, |json, v| value(json, ValueRef::String(v))),
        other => {
            let text = ValueRef::Array(other).to_string();
            json.array([&text], |json, v| value(json, ValueRef::String(v)));
        }
    }
}

pub(super) fn resource(json: &mut Json<'_>, resource: &Resource) {
    json.key("resource").object(|json| attribute_set(json, "attributes", &resource.attributes));
}

pub(super) fn scope(json: &mut Json<'_>, scope: &Scope) {
    json.key("scope").object(|json| {
        json.text("name", &scope.name);
        json.text("version", &scope.version);
        attribute_set(json, "attributes", &scope.attributes);
    });
}
