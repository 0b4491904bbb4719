//! What a collection finds, compared with a model that keeps every measurement.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{NOW, meter, registry};
use crate::model::{AttributeSet, KeyValue, MetricData};

#[derive(Clone, Debug)]
struct Op {
    instrument: u8,
    value: f64,
    labels: Vec<(u8, i64)>,
    bound: bool,
}

fn op() -> impl Strategy<Value = Op> {
    let value =
        prop_oneof![4 => (-100i32..100).prop_map(f64::from), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)];
    let labels = prop::collection::vec((0u8..3, 0i64..3), 0..4);
    (0u8..4, value, labels, any::<bool>()).prop_map(|(instrument, value, labels, bound)| Op {
        instrument,
        value,
        labels,
        bound,
    })
}

proptest! {
    #[test]
    fn collect_equals_a_naive_model(ops in prop::collection::vec(op(), 0..200), limit in 1usize..30) {
        const BOUNDS: [f64; 3] = [-10.0, 0.0, 25.0];
        let r = registry(limit);
        let m = meter(&r);
        let c = m.counter("i0").build().unwrap();
        let u = m.up_down_counter("i1").build().unwrap();
        let g = m.gauge("i2").build().unwrap();
        let h = m.histogram("i3").bounds(BOUNDS).build().unwrap();

        let mut model: [BTreeMap<String, Vec<f64>>; 4] = Default::default();
        let mut rejected = 0;
        for op in &ops {
            let labels: Vec<_> = op.labels.iter().map(|(k, v)| KeyValue::new(format!("k{k}"), *v)).collect();
            match (op.instrument, op.bound) {
                (0, false) => c.add(op.value, &labels),
                (0, true) => c.bind(&labels).add(op.value),
                (1, false) => u.add(op.value, &labels),
                (1, true) => u.bind(&labels).add(op.value),
                (2, false) => g.record(op.value, &labels),
                (2, true) => g.bind(&labels).record(op.value),
                (_, false) => h.record(op.value, &labels),
                (_, true) => h.bind(&labels).record(op.value),
            }
            let good = op.value.is_finite() && (op.instrument != 0 || op.value >= 0.0);
            rejected += u64::from(!good);
            let series = &mut model[usize::from(op.instrument)];
            let mut key = render(&AttributeSet::new(labels));
            if good || op.bound {
                if !series.contains_key(&key) && series.keys().filter(|k| *k != OVERFLOW).count() >= limit {
                    key = OVERFLOW.to_owned();
                }
                series.entry(key).or_default().extend(good.then_some(op.value));
            }
        }

        prop_assert_eq!(r.rejected(), rejected);
        let mut found: [BTreeMap<String, Vec<u64>>; 4] = Default::default();
        for metric in r.collect(NOW).scopes.iter().flat_map(|s| &s.metrics) {
            let i: usize = metric.name[1..].parse().unwrap();
            match &metric.data {
                MetricData::Sum { points, .. } | MetricData::Gauge { points } => {
                    for p in points {
                        let old = found[i].insert(render(&p.attributes), vec![p.value.as_f64().to_bits()]);
                        prop_assert!(old.is_none());
                    }
                }
                MetricData::Histogram { points, .. } => {
                    for p in points {
                        let mut all = p.buckets.clone();
                        all.extend([p.sum, p.min.unwrap_or(0.0), p.max.unwrap_or(0.0)].map(|v| (v + 0.0).to_bits()));
                        prop_assert!(found[i].insert(render(&p.attributes), all).is_none());
                    }
                }
                MetricData::ExponentialHistogram { .. } => prop_assert!(false, "no view asks for it"),
            }
        }
        let sum = |v: &[f64]| v.iter().fold(0.0, |a, b| a + b);
        let expected: [BTreeMap<String, Vec<u64>>; 4] = [0, 1, 2, 3].map(|i| {
            let series = model[i].iter().filter(|(_, v)| i != 2 || !v.is_empty());
            series.map(|(k, v)| (k.clone(), match i {
                0 | 1 => vec![(sum(v) + 0.0).to_bits()],
                2 => vec![v[v.len() - 1].to_bits()],
                _ => {
                    let mut buckets = vec![0; BOUNDS.len() + 1];
                    for x in v {
                        buckets[BOUNDS.iter().position(|b| x <= b).unwrap_or(BOUNDS.len())] += 1;
                    }
                    let (min, max) = v.iter().fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
                    let extremes = if v.is_empty() { [0.0, 0.0] } else { [min, max] };
                    buckets.extend([sum(v), extremes[0], extremes[1]].map(|x| (x + 0.0).to_bits()));
                    buckets
                }
            })).collect()
        });
        prop_assert_eq!(found, expected);
    }
}

const OVERFLOW: &str = "otel.metric.overflow=true";

fn render(set: &AttributeSet) -> String {
    set.iter().map(|kv| format!("{}={}", kv.key, kv.value)).collect::<Vec<_>>().join(",")
}
