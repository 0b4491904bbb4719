//! Readers of deltas beside readers of totals.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::model::Temporality;

fn secs(s: u64) -> Timestamp {
    Timestamp::from_unix_secs(s)
}

/// Name, start, time and values of all numbers.
fn seen(batch: &MetricBatch, name: &str) -> Vec<(Timestamp, Timestamp, Number)> {
    let points = find(batch, name).map(number_points).unwrap_or_default();
    points.iter().map(|p| (p.start, p.time, p.value)).collect()
}

#[test]
fn a_delta_is_what_came_since_the_last_look_and_disturbs_nobody() {
    let r = registry(10);
    let m = meter(&r);
    let (c, u) = (m.counter("c").build().unwrap(), m.up_down_counter("u").build().unwrap());
    let (a, b) = (r.reader(TemporalityPreference::Delta), r.reader(TemporalityPreference::Delta));
    let total = r.reader(TemporalityPreference::Cumulative);
    c.add(5, &[]);
    u.add(-2, &[]);
    assert_eq!(seen(&a.collect(secs(1010)), "c"), [(START, secs(1010), Number::I64(5))]);
    c.add(2, &[]);
    assert_eq!(seen(&a.collect(secs(1020)), "c"), [(secs(1010), secs(1020), Number::I64(2))]);
    let quiet = a.collect(secs(1030));
    assert_eq!(seen(&quiet, "c"), [], "nothing happened");
    assert_eq!(seen(&quiet, "u"), [(START, secs(1030), Number::I64(-2))], "always cumulative");
    assert_eq!(seen(&b.collect(secs(1040)), "c"), [(START, secs(1040), Number::I64(7))]);
    assert_eq!(seen(&total.collect(secs(1050)), "c"), [(START, secs(1050), Number::I64(7))]);
    assert_eq!(seen(&r.collect(secs(1050)), "c"), [(START, secs(1050), Number::I64(7))]);
    let temporality = |batch: &MetricBatch, name| match find(batch, name) {
        Some(MetricData::Sum { temporality, .. }) => temporality,
        other => panic!("{other:?}"),
    };
    assert_eq!(temporality(&quiet, "u"), Temporality::Cumulative);
    c.add(1, &[]);
    assert_eq!(temporality(&a.collect(secs(1060)), "c"), Temporality::Delta);
}

#[test]
fn a_clock_that_steps_back_does_not_turn_an_interval_around() {
    let r = registry(10);
    let c = meter(&r).counter("c").build().unwrap();
    let reader = r.reader(TemporalityPreference::Delta);
    c.add(1, &[]);
    reader.collect(secs(2000));
    c.add(1, &[]);
    assert_eq!(seen(&reader.collect(secs(1500)), "c"), [(secs(2000), secs(2000), Number::I64(1))]);
}

#[test]
fn histograms_of_an_interval_have_its_buckets_and_its_extremes() {
    let view = View::of("e").aggregation(Aggregation::EXPONENTIAL);
    let r = with(RegistryOptions { views: vec![view], ..RegistryOptions::default() });
    let m = meter(&r);
    let h = m.histogram("h").bounds([10.0]).build().unwrap();
    let e = m.histogram("e").build().unwrap();
    let (a, b) = (r.reader(TemporalityPreference::Delta), r.reader(TemporalityPreference::LowMemory));
    let intervals = [vec![1.0, 100.0], vec![5.0], vec![], vec![20.0, 30.0, 7.0]];
    for (i, values) in intervals.iter().enumerate() {
        for v in values {
            h.record(*v, &[]);
            e.record(*v, &[]);
        }
        let batch = a.collect(secs(1010 + i as u64));
        let Some((min, max)) =
            values.iter().copied().map(|v| (v, v)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
        else {
            assert!(find(&batch, "h").is_none() && find(&batch, "e").is_none());
            continue;
        };
        let Some(MetricData::Histogram { points, temporality }) = find(&batch, "h") else {
            panic!("{batch:?}")
        };
        assert_eq!(temporality, Temporality::Delta);
        assert_eq!((points[0].count, points[0].sum), (values.len() as u64, values.iter().sum()));
        assert_eq!((points[0].min, points[0].max), (Some(min), Some(max)), "interval {i}");
        let below = values.iter().filter(|v| **v <= 10.0).count() as u64;
        assert_eq!(points[0].buckets, [below, values.len() as u64 - below]);
        let Some(MetricData::ExponentialHistogram { points, .. }) = find(&batch, "e") else {
            panic!("{batch:?}")
        };
        assert_eq!(
            (points[0].count, points[0].min, points[0].max),
            (values.len() as u64, Some(min), Some(max))
        );
        assert_eq!(points[0].positive.counts.iter().sum::<u64>(), values.len() as u64);
    }
    let late = b.collect(secs(1100));
    let Some(MetricData::Histogram { points, .. }) = find(&late, "h") else { panic!("{late:?}") };
    assert_eq!((points[0].count, points[0].min, points[0].max), (6, Some(1.0), Some(100.0)));
    let Some(MetricData::ExponentialHistogram { points, .. }) = find(&late, "e") else { panic!("{late:?}") };
    assert_eq!((points[0].count, points[0].min, points[0].max), (6, Some(1.0), Some(100.0)));
}

#[test]
fn a_reader_that_takes_over_the_place_of_one_that_is_gone_begins_at_the_start() {
    let r = registry(10);
    let h = meter(&r).histogram("h").bounds([10.0]).build().unwrap();
    let extremes = |reader: &MetricReader| match find(&reader.collect(secs(1100)), "h") {
        Some(MetricData::Histogram { points, .. }) => (points[0].count, points[0].min, points[0].max),
        other => panic!("{other:?}"),
    };
    let first = r.reader(TemporalityPreference::Delta);
    h.record(50.0, &[]);
    assert_eq!(extremes(&first), (1, Some(50.0), Some(50.0)));
    h.record(1.0, &[]);
    drop(first);
    let second = r.reader(TemporalityPreference::Delta);
    assert_eq!(extremes(&second), (2, Some(1.0), Some(50.0)));
    h.record(9.0, &[]);
    assert_eq!(extremes(&second), (1, Some(9.0), Some(9.0)));
}

#[test]
fn observed_totals_become_deltas_and_begin_anew_with_their_source() {
    static TOTAL: AtomicI64 = AtomicI64::new(10);
    let r = registry(10);
    meter(&r).observable_counter("c").observe(|o| o.observe(TOTAL.load(Relaxed), &[])).unwrap();
    let reader = r.reader(TemporalityPreference::Delta);
    let low = r.reader(TemporalityPreference::LowMemory);
    let mut found = Vec::new();
    for (i, total) in [10, 15, 15, 4].into_iter().enumerate() {
        TOTAL.store(total, Relaxed);
        found.extend(seen(&reader.collect(secs(1010 + i as u64)), "c").iter().map(|p| p.2));
    }
    assert_eq!(found, [10, 5, 0, 4].map(Number::I64));
    assert_eq!(seen(&low.collect(secs(1100)), "c")[0].2, Number::I64(4), "cumulative");
}

#[test]
fn exemplars_of_a_delta_are_of_its_interval() {
    let (clock, manual) = Clock::manual(secs(1005));
    let r = with(RegistryOptions { clock: Some(clock), ..RegistryOptions::default() });
    r.set_exemplar_source(|| TraceId::new(1).zip(SpanId::new(1)));
    let h = meter(&r).histogram("h").bounds([1.0]).build().unwrap();
    let reader = r.reader(TemporalityPreference::Delta);
    let count = |at| match find(&reader.collect(secs(at)), "h") {
        Some(MetricData::Histogram { points, .. }) => points[0].exemplars.len(),
        other => panic!("{other:?}"),
    };
    h.record(0.5, &[]);
    assert_eq!(count(1010), 1);
    manual.advance(Duration::from_secs(10));
    h.record(5.0, &[]);
    assert_eq!(count(1020), 1, "that of the other bucket is older");
    assert_eq!(distributions(&r, "h")[0].exemplars.len(), 2);
}

#[test]
fn deltas_of_two_readers_add_up_while_threads_record() {
    const EACH: u64 = 20_000;
    let view = View::of("e").aggregation(Aggregation::EXPONENTIAL);
    let r = with(RegistryOptions { views: vec![view], ..RegistryOptions::default() });
    let m = meter(&r);
    let (c, h) = (m.counter("c").build().unwrap(), m.histogram("h").bounds([10.0, 50.0]).build().unwrap());
    let e = m.histogram("e").build().unwrap();
    let done = AtomicBool::new(false);
    let readers = [r.reader(TemporalityPreference::Delta), r.reader(TemporalityPreference::Delta)];
    let sums = thread::scope(|s| {
        let sums = readers.each_ref().map(|reader| {
            let done = &done;
            s.spawn(move || {
                let mut sums = [0u64; 3];
                loop {
                    let last = done.load(Relaxed);
                    let batch = reader.collect(secs(1010));
                    for data in ["c", "h", "e"].iter().filter_map(|n| find(&batch, n)) {
                        match data {
                            MetricData::Sum { points, .. } => {
                                sums[0] += points.iter().map(|p| p.value.as_f64() as u64).sum::<u64>();
                            }
                            MetricData::Histogram { points, .. } => {
                                for p in points {
                                    sums[1] += p.count;
                                    assert!(p.min.is_none_or(|m| (0.0..100.0).contains(&m)), "{p:?}");
                                }
                            }
                            MetricData::ExponentialHistogram { points, .. } => {
                                for p in points {
                                    sums[2] += p.count;
                                    let counted: u64 = p.positive.counts.iter().sum();
                                    assert_eq!(counted + p.zero_count, p.count);
                                }
                            }
                            MetricData::Gauge { .. } => panic!("not a gauge"),
                        }
                    }
                    if last {
                        return sums;
                    }
                }
            })
        });
        let workers: Vec<_> = (0..6)
            .map(|t| {
                let (c, h, e) = (&c, &h, &e);
                s.spawn(move || {
                    for i in 0..EACH {
                        let attributes = [KeyValue::new("k", ((t + i) % 3) as i64)];
                        c.add(1, &attributes);
                        h.record((i % 100) as f64, &attributes);
                        e.record((i % 100) as f64, &attributes);
                    }
                })
            })
            .collect();
        workers.into_iter().for_each(|w| w.join().unwrap());
        done.store(true, Relaxed);
        sums.map(|s| s.join().unwrap())
    });
    assert_eq!(sums, [[6 * EACH; 3]; 2]);
    assert_eq!(distributions(&r, "h").iter().map(|p| p.count).sum::<u64>(), 6 * EACH);
}

proptest! {
    /// Whatever the pattern of recording and collecting, a reader's deltas add up to the total.
    #[test]
    fn deltas_add_up_to_the_total(steps in prop::collection::vec((0u8..4, -8i32..64), 1..60)) {
        let view = View::of("e").aggregation(Aggregation::ExponentialHistogram { max_size: 4, max_scale: 20 });
        let r = with(RegistryOptions { views: vec![view], ..RegistryOptions::default() });
        let m = meter(&r);
        let (c, h) = (m.counter("c").build().unwrap(), m.histogram("h").bounds([1.0, 8.0]).build().unwrap());
        let e = m.histogram("e").build().unwrap();
        let readers = [r.reader(TemporalityPreference::Delta), r.reader(TemporalityPreference::Delta)];
        let mut sums = [BTreeMap::<String, Vec<f64>>::new(), BTreeMap::new()];
        let mut collect = |i: usize| {
            for metric in readers[i].collect(NOW).scopes.iter().flat_map(|s| &s.metrics) {
                let rows: Vec<(String, Vec<f64>)> = match &metric.data {
                    MetricData::Sum { points, .. } => points.iter().map(|p| (format!("{:?}", p.attributes), vec![p.value.as_f64()])).collect(),
                    MetricData::Histogram { points, .. } => points.iter().map(|p| {
                        let buckets = p.buckets.iter().map(|b| *b as f64);
                        (format!("{:?}", p.attributes), buckets.chain([p.sum]).collect())
                    }).collect(),
                    MetricData::ExponentialHistogram { points, .. } => points.iter().map(|p| {
                        (format!("{:?}", p.attributes), vec![p.count as f64, p.sum, p.zero_count as f64])
                    }).collect(),
                    MetricData::Gauge { .. } => vec![],
                };
                for (series, values) in rows {
                    let known = sums[i].entry(format!("{} {series}", metric.name)).or_insert_with(|| vec![0.0; values.len()]);
                    known.iter_mut().zip(values).for_each(|(a, b)| *a += b);
                }
            }
        };
        for (what, value) in steps {
            let attributes = [KeyValue::new("k", value % 2)];
            match what {
                0 => c.add(f64::from(value.abs()), &attributes),
                1 => { h.record(f64::from(value), &attributes); e.record(f64::from(value), &attributes); }
                2 => collect(0),
                _ => collect(1),
            }
        }
        collect(0);
        collect(1);
        let whole = r.collect(NOW);
        for sums in &sums {
            for (name, per) in [("c", 1), ("h", 4), ("e", 3)] {
                let total: f64 = match find(&whole, name) {
                    Some(MetricData::Sum { points, .. }) => points.iter().map(|p| p.value.as_f64()).sum(),
                    Some(MetricData::Histogram { points, .. }) => points.iter().map(|p| p.count as f64 + p.sum).sum(),
                    Some(MetricData::ExponentialHistogram { points, .. }) => points.iter().map(|p| p.count as f64 + p.sum + p.zero_count as f64).sum(),
                    _ => 0.0,
                };
                let found: f64 = sums.iter().filter(|(k, _)| k.starts_with(name)).flat_map(|(_, v)| { assert_eq!(v.len(), per); v }).sum();
                prop_assert_eq!(found, total, "{}", name);
            }
        }
    }
}
