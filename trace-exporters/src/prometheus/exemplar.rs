//! Exemplars as Prometheus wants them: one a line, and few labels.

use std::borrow::Cow;

use trace_core::model::Exemplar;

use super::label::{Naming, Pair};

/// The characters of all names and values together (OpenMetrics 1.0, "Exemplars").
const MAX_CHARS: usize = 128;

/// The latest exemplar.
pub(crate) fn latest<'a>(exemplars: impl IntoIterator<Item = &'a Exemplar>) -> Option<&'a Exemplar> {
    exemplars.into_iter().max_by_key(|e| e.time)
}

/// The latest exemplar in each of the buckets that `bounds` make, which are one more.
pub(crate) fn by_bucket<'a>(exemplars: &'a [Exemplar], bounds: &[f64]) -> Vec<Option<&'a Exemplar>> {
    let mut found: Vec<Option<&Exemplar>> = vec![None; bounds.len() + 1];
    for exemplar in exemplars {
        let value = exemplar.value.as_f64();
        let place = &mut found[bounds.partition_point(|b| *b < value)];
        *place = latest(place.iter().copied().chain([exemplar]));
    }
    found
}

/// Its labels by name: trace and span first, then attributes while they fit.
pub(crate) fn labels(exemplar: &Exemplar, naming: Naming) -> Vec<Pair<'_>> {
    let mut left = MAX_CHARS;
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    let mut offer = |name: Cow<'_, str>, value: String, pairs: &mut Vec<Pair<'_>>| {
        let length = name.chars().count() + value.chars().count();
        let known = pairs.iter().any(|(n, _)| *n == name);
        if length <= left && !known && !value.is_empty() {
            left -= length;
            pairs.push((Cow::Owned(name.into_owned()), Cow::Owned(value)));
        }
    };
    if let Some(id) = exemplar.trace_id {
        offer(Cow::Borrowed("trace_id"), id.to_string(), &mut pairs);
    }
    if let Some(id) = exemplar.span_id {
        offer(Cow::Borrowed("span_id"), id.to_string(), &mut pairs);
    }
    for kv in &exemplar.attributes {
        let value = kv.value.as_ref().as_str().map_or_else(|| kv.value.to_string(), str::to_owned);
        offer(naming.label(&kv.key), value, &mut pairs);
    }
    pairs.sort();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use trace_core::model::{KeyValue, Number, SpanId, Timestamp, TraceId};

    fn exemplar(ms: u64, value: f64, attributes: Vec<KeyValue>) -> Exemplar {
        Exemplar {
            time: Timestamp::from_unix_nanos(ms * 1_000_000),
            value: Number::F64(value),
            trace_id: TraceId::new(1),
            span_id: SpanId::new(2),
            attributes,
        }
    }

    #[test]
    fn each_bucket_has_its_latest_exemplar() {
        let all = [
            exemplar(3, 1.0, vec![]),
            exemplar(5, 0.5, vec![]),
            exemplar(4, 0.1, vec![]),
            exemplar(1, 9.0, vec![]),
        ];
        let found: Vec<Option<f64>> =
            by_bucket(&all, &[1.0, 2.0]).iter().map(|e| e.map(|e| e.value.as_f64())).collect();
        assert_eq!(found, [Some(0.5), None, Some(9.0)]);
    }

    proptest! {
        #[test]
        fn labels_are_never_too_long(attributes in prop::collection::vec(("[a-z.]{0,40}", "\\PC{0,90}"), 0..5)) {
            let attributes = attributes.into_iter().map(|(k, v)| KeyValue::new(k, v)).collect();
            let exemplar = exemplar(1, 1.0, attributes);
            let pairs = labels(&exemplar, Naming::default());
            let chars: usize = pairs.iter().map(|(n, v)| n.chars().count() + v.chars().count()).sum();
            prop_assert!(chars <= MAX_CHARS);
            prop_assert!(pairs.windows(2).all(|w| w[0].0 < w[1].0));
            prop_assert!(pairs.iter().any(|(n, _)| n == "trace_id") && pairs.iter().any(|(n, _)| n == "span_id"));
        }
    }
}
