//! What makes a stream of points the same one, as bytes: equal if and only if the identities are.

use trace_core::model::{Array, AttributeSet, Metric, MetricData, Resource, Scope, ValueRef};

/// The resource. That of its streams begins with it.
pub(crate) fn of_resource(resource: &Resource) -> Vec<u8> {
    let mut out = Vec::new();
    put_text(&resource.schema_url, &mut out);
    put_attributes(&resource.attributes, &mut out);
    out
}

/// A metric of a resource: scope, name, unit, and the kind of its points.
pub(super) fn of_metric(resource: &[u8], scope: &Scope, metric: &Metric) -> Vec<u8> {
    let mut out = resource.to_vec();
    for text in [&scope.name, &scope.version, &scope.schema_url, &metric.name, &metric.unit] {
        put_text(text, &mut out);
    }
    put_attributes(&scope.attributes, &mut out);
    out.push(match &metric.data {
        MetricData::Sum { monotonic: true, .. } => 0,
        MetricData::Sum { .. } => 1,
        MetricData::Histogram { .. } => 2,
        MetricData::ExponentialHistogram { .. } => 3,
        _ => 4,
    });
    out
}

/// A series of a metric.
pub(super) fn of_series(attributes: &AttributeSet) -> Vec<u8> {
    let mut out = Vec::new();
    put_attributes(attributes, &mut out);
    out
}

fn put_attributes(attributes: &AttributeSet, out: &mut Vec<u8>) {
    put_len(attributes.len(), out);
    for kv in attributes {
        put_text(&kv.key, out);
        put_value(kv.value.as_ref(), out);
    }
}

fn put_value(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Bool(v) => out.extend([b'b', v.into()]),
        ValueRef::I64(v) => put_word(b'i', v.to_ne_bytes(), out),
        ValueRef::F64(v) => put_word(b'd', v.to_bits().to_ne_bytes(), out),
        ValueRef::String(v) => {
            out.push(b's');
            put_text(v, out);
        }
        ValueRef::Array(array) => {
            out.push(b'a');
            put_array(array, out);
        }
        // A kind of value that is not known yet has its text.
        other => put_text(&other.to_string(), out),
    }
}

fn put_array(array: &Array, out: &mut Vec<u8>) {
    let items: Vec<ValueRef<'_>> = match array {
        Array::Bool(items) => items.iter().map(|v| ValueRef::Bool(*v)).collect(),
        Array::I64(items) => items.iter().map(|v| ValueRef::I64(*v)).collect(),
        Array::F64(items) => items.iter().map(|v| ValueRef::F64(*v)).collect(),
        Array::String(items) => items.iter().map(|v| ValueRef::String(v)).collect(),
        _ => Vec::new(),
    };
    put_len(items.len(), out);
    items.into_iter().for_each(|item| put_value(item, out));
}

fn put_word(tag: u8, word: [u8; 8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend(word);
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put_len(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

/// Before each part, so that no two sequences of parts read alike.
fn put_len(len: usize, out: &mut Vec<u8>) {
    out.extend((len as u64).to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use trace_core::model::{KeyValue, Value};

    #[test]
    fn only_equal_attributes_have_equal_identities() {
        let set = |list: Vec<(&'static str, Value)>| -> AttributeSet {
            list.into_iter().map(|(k, v)| KeyValue::new(k, v)).collect()
        };
        let all = [
            set(vec![]),
            set(vec![("a", "1".into())]),
            set(vec![("a", 1.into())]),
            set(vec![("a", 1.0.into())]),
            set(vec![("a", true.into())]),
            set(vec![("a", "".into()), ("b", "".into())]),
            set(vec![("a", "b".into())]),
            set(vec![("ab", "".into())]),
            set(vec![("a", Value::from(vec!["1"]))]),
            set(vec![("a", Value::from(vec!["", "1"]))]),
            set(vec![("a", Value::from(vec![1i64]))]),
        ];
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                assert_eq!(of_series(a) == of_series(b), i == j, "{a:?} {b:?}");
            }
        }
    }
}
