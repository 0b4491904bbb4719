//! The registry as a whole: identity of series, limits, exemplars, threads.

mod model;
mod temporality;
mod views;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use super::*;
use crate::clock::Clock;
use crate::model::{
    AttributeSet, HistogramPoint, KeyValue, MetricBatch, MetricData, Number, NumberPoint, Resource, Scope,
    SpanId, Timestamp, TraceId, Value,
};

const START: Timestamp = Timestamp::from_unix_secs(1_000);
const NOW: Timestamp = Timestamp::from_unix_secs(1_060);

fn registry(cardinality_limit: usize) -> MeterRegistry {
    with(RegistryOptions { cardinality_limit, ..RegistryOptions::default() })
}

fn with(options: RegistryOptions) -> MeterRegistry {
    let options = RegistryOptions { start: START, ..options };
    MeterRegistry::with_options(Arc::new(Resource::service("test")), options).unwrap()
}

fn meter(registry: &MeterRegistry) -> Meter {
    registry.meter(Scope::named("test"))
}

fn data(registry: &MeterRegistry, name: &str) -> MetricData {
    find(&registry.collect(NOW), name).expect("the metric is collected")
}

fn find(batch: &MetricBatch, name: &str) -> Option<MetricData> {
    let mut metrics = batch.scopes.iter().flat_map(|s| &s.metrics);
    metrics.find(|m| m.name == name).map(|m| m.data.clone())
}

fn numbers(registry: &MeterRegistry, name: &str) -> Vec<NumberPoint> {
    number_points(data(registry, name))
}

fn number_points(data: MetricData) -> Vec<NumberPoint> {
    match data {
        MetricData::Sum { points, .. } | MetricData::Gauge { points } => points,
        other => panic!("{other:?} has no numbers"),
    }
}

fn distributions(registry: &MeterRegistry, name: &str) -> Vec<HistogramPoint> {
    match data(registry, name) {
        MetricData::Histogram { points, .. } => points,
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn the_order_of_labels_and_repeated_keys_do_not_make_new_series() {
    let r = registry(10);
    let c = meter(&r).counter("c").build().unwrap();
    let (a, b) = (KeyValue::new("a", 1), KeyValue::new("b", String::from("x")));
    for _ in 0..3 {
        c.add(1, &[a.clone(), b.clone()]);
        c.add(1, &[b.clone(), a.clone()]);
        c.add(1, &[KeyValue::new("a", 9), b.clone(), a.clone()]);
    }
    c.bind(&[b.clone(), a.clone()]).add(1);
    for _ in 0..2 {
        c.add_labels(1, &[Label::new("b", "x"), Label::new("a", 1)]);
    }
    let points = numbers(&r, "c");
    assert_eq!(points.len(), 1);
    assert_eq!(points[0].value, Number::I64(12));
    assert_eq!(*points[0].attributes, AttributeSet::new([a, b]));
    assert_eq!((points[0].start, points[0].time), (START, NOW));
}

#[test]
fn a_nan_attribute_is_one_series() {
    let r = registry(10);
    let c = meter(&r).counter("c").build().unwrap();
    for _ in 0..5 {
        c.add(1, &[KeyValue::new("x", f64::NAN)]);
        c.add(1, &[KeyValue::new("y", vec![f64::NAN, 1.0])]);
    }
    assert_eq!(
        numbers(&r, "c").iter().map(|p| p.value).collect::<Vec<_>>(),
        [Number::I64(5), Number::I64(5)]
    );
}

#[test]
fn past_the_limit_all_goes_to_the_overflow_series_and_nothing_is_lost() {
    let r = registry(3);
    let c = meter(&r).counter("c").build().unwrap();
    for round in 0..2 {
        for i in 0..100 {
            c.add(1, &[KeyValue::new("user", i)]);
            c.add(1, &[KeyValue::new("user", -1), KeyValue::new("user", i)]);
        }
        assert_eq!(numbers(&r, "c").len(), 4, "round {round}");
    }
    c.bind(&[KeyValue::new("user", 5000)]).add(1);
    let points = numbers(&r, "c");
    let overflow =
        points.iter().find(|p| p.attributes.get("otel.metric.overflow") == Some(&Value::Bool(true)));
    assert_eq!(overflow.unwrap().value, Number::I64(97 * 4 + 1));
    assert_eq!(points.iter().map(|p| p.value.as_f64()).sum::<f64>(), 401.0);
}

#[test]
fn bad_values_are_refused_and_counted_and_change_nothing() {
    let r = registry(10);
    let m = meter(&r);
    let (c, g) = (m.counter("c").build().unwrap(), m.gauge("g").build().unwrap());
    let (h, u) = (m.histogram("h").build().unwrap(), m.up_down_counter("u").build().unwrap());
    c.add(2, &[]);
    c.add(-1, &[]);
    c.add(f64::NAN, &[]);
    c.bind(&[]).add(-0.5);
    g.record(1.5, &[]);
    g.record(f64::INFINITY, &[]);
    h.record(f64::NAN, &[]);
    h.bind(&[]).record(f64::NEG_INFINITY);
    h.record(f64::MAX, &[]);
    h.record(f64::MAX, &[]);
    u.add(-3, &[]);
    u.add(f64::NAN, &[]);
    assert_eq!(r.rejected(), 8);
    assert_eq!(numbers(&r, "c")[0].value, Number::I64(2));
    assert_eq!(numbers(&r, "g")[0].value, Number::F64(1.5));
    assert_eq!(numbers(&r, "u")[0].value, Number::I64(-3));
    let h = &distributions(&r, "h")[0];
    assert_eq!((h.count, h.sum, h.min, h.max), (1, f64::MAX, Some(f64::MAX), Some(f64::MAX)));
}

#[test]
fn the_same_instrument_is_shared_and_one_that_differs_is_kept_beside_it_with_one_warning() {
    let r = registry(10);
    let m = meter(&r);
    let build = |m: &Meter| m.counter("http.requests").unit("{request}").build();
    build(&m).unwrap().add(1, &[]);
    build(&meter(&r)).unwrap().add(1, &[]);
    assert_eq!(numbers(&r, "http.requests")[0].value, Number::I64(2));
    assert_eq!(r.warnings(), []);

    for _ in 0..3 {
        m.histogram("HTTP.requests").unit("s").build().unwrap().record(1.0, &[]);
    }
    m.observable_counter("http.requests").unit("{request}").observe(|o| o.observe(7, &[])).unwrap();
    let names: Vec<_> = r.collect(NOW).scopes[0].metrics.iter().map(|m| m.name.to_string()).collect();
    assert_eq!(names, ["http.requests", "HTTP.requests", "http.requests"]);
    let warnings: Vec<String> = r.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("counter in `{request}`") && warnings[0].contains("histogram in `s`"));
    assert!(warnings[1].contains("observable counter"), "{warnings:?}");

    let other_scope = r.meter(Scope::named("other"));
    other_scope.histogram("http.requests").build().unwrap();
    assert_eq!(r.warnings().len(), 2);
}

#[test]
fn other_bounds_or_attributes_under_the_same_name_are_warned_of_and_the_first_stay() {
    let r = registry(10);
    let m = meter(&r);
    m.histogram("h").bounds([1.0, 2.0]).build().unwrap();
    m.histogram("h").build().unwrap();
    m.histogram("h").bounds([1.0, 2.0]).build().unwrap();
    m.counter("c").only_attributes(["b", "a"]).build().unwrap();
    m.counter("c").only_attributes(["a", "b"]).build().unwrap();
    assert_eq!(r.warnings(), []);
    m.histogram("h").bounds([1.0, 3.0]).build().unwrap().record(2.5, &[]);
    m.counter("c").only_attributes(["a"]).build().unwrap();
    let text = r.warnings().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(text.contains("[1.0, 2.0]") && text.contains("[1.0, 3.0]") && text.contains("\"b\""), "{text}");
    assert_eq!(distributions(&r, "h")[0].buckets, [0, 0, 1]);
    assert!(m.histogram("bad").bounds([2.0, 1.0]).build().is_err());
}

#[test]
fn warnings_have_a_limit() {
    let r = registry(10);
    let m = meter(&r);
    m.counter("c").build().unwrap();
    for i in 0..500 {
        m.counter("c").unit(format!("{{u{i}}}")).build().unwrap();
    }
    assert_eq!(r.warnings().len(), 100);
}

#[test]
fn a_gauge_has_no_series_before_its_first_value_and_a_bound_counter_starts_at_zero() {
    let r = registry(10);
    let m = meter(&r);
    let g = m.gauge("g").build().unwrap().bind(&[]);
    let _c = m.counter("c").build().unwrap().bind(&[]);
    assert_eq!(r.collect(NOW).point_count(), 1);
    assert_eq!(numbers(&r, "c")[0].value, Number::I64(0));
    g.record(i64::MAX);
    assert_eq!(numbers(&r, "g")[0].value, Number::I64(i64::MAX));
    g.record(-0.5);
    assert_eq!(numbers(&r, "g")[0].value, Number::F64(-0.5));
}

#[test]
fn a_metric_with_one_double_is_shown_in_doubles() {
    let r = registry(10);
    let c = meter(&r).counter("c").build().unwrap();
    c.add(1u64, &[KeyValue::new("a", 1)]);
    c.add(0.5, &[KeyValue::new("a", 2)]);
    let values: Vec<_> = numbers(&r, "c").iter().map(|p| p.value).collect();
    assert_eq!(values, [Number::F64(1.0), Number::F64(0.5)]);
}

thread_local!(static SPAN: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) });

fn enter(n: u64) {
    SPAN.with(|s| s.set(TraceId::new(n.into()).zip(SpanId::new(n))));
}

#[test]
fn exemplars_are_kept_only_inside_a_sampled_span_the_latest_of_each_bucket() {
    let r = registry(10);
    assert!(r.set_exemplar_source(|| SPAN.with(Cell::get)));
    assert!(!r.set_exemplar_source(|| None));
    let m = meter(&r);
    let h = m.histogram("h").bounds([1.0, 2.0]).only_attributes(["route"]).build().unwrap();
    let attributes = |user: i64| [KeyValue::new("route", "/"), KeyValue::new("user", user)];
    h.record(0.5, &attributes(0));
    assert!(distributions(&r, "h")[0].exemplars.is_empty());
    for n in 1..=3 {
        enter(n);
        h.record(0.5, &attributes(n as i64));
    }
    h.record(9.0, &attributes(7));
    let points = distributions(&r, "h");
    assert_eq!(points.len(), 1, "users do not make series");
    let kept: Vec<_> = points[0].exemplars.iter().map(|e| (e.value.as_f64(), e.attributes.clone())).collect();
    assert_eq!(kept, [(0.5, vec![KeyValue::new("user", 3)]), (9.0, vec![KeyValue::new("user", 7)])]);
    assert!(points[0].exemplars.iter().all(|e| e.trace_id == TraceId::new(3) && e.span_id == SpanId::new(3)));

    let c = m.counter("c").build().unwrap();
    c.add(1, &[]);
    c.bind(&[]).add(5);
    let exemplars = &numbers(&r, "c")[0].exemplars;
    assert_eq!(exemplars.iter().map(|e| e.value).collect::<Vec<_>>(), [Number::I64(5)]);
}

thread_local!(static INNER: std::cell::OnceCell<Counter> = const { std::cell::OnceCell::new() });

#[test]
fn an_exemplar_source_may_itself_record() {
    let (outer, inner) = (registry(10), registry(10));
    let inner_counter = meter(&inner).counter("inner").build().unwrap();
    INNER.with(|c| c.set(inner_counter).unwrap());
    outer.set_exemplar_source(|| {
        INNER.with(|c| c.get().unwrap().add(1, &[KeyValue::new("a", 1)]));
        None
    });
    let c = meter(&outer).counter("c").build().unwrap();
    for _ in 0..4 {
        c.add(1, &[KeyValue::new("a", 1)]);
    }
    assert_eq!(numbers(&inner, "inner")[0].value, Number::I64(4));
    assert_eq!(numbers(&outer, "c")[0].value, Number::I64(4));
}

#[test]
fn totals_of_many_threads_are_exact_also_of_those_that_ended() {
    const THREADS: u64 = 24;
    const ROUNDS: u64 = 2_000;
    let r = registry(100);
    let m = meter(&r);
    let (c, f) = (m.counter("c").build().unwrap(), m.counter("f").build().unwrap());
    let (h, b) = (m.histogram("h").build().unwrap(), m.counter("b").build().unwrap().bind(&[]));
    // In waves, so that threads end while others record and collect.
    for _ in 0..3 {
        thread::scope(|s| {
            for t in 0..THREADS {
                let (c, f, h, b) = (&c, &f, &h, b.clone());
                s.spawn(move || {
                    for i in 0..ROUNDS {
                        c.add(1, &[KeyValue::new("k", (t + i) as i64 % 7), KeyValue::new("s", "x")]);
                        f.add(0.5, &[]);
                        h.record((i % 3) as f64, &[KeyValue::new("k", (i % 5) as i64)]);
                        b.add(2);
                    }
                });
            }
            for _ in 0..20 {
                for p in distributions_if_any(&r, "h") {
                    assert_eq!(p.count, p.buckets.iter().sum::<u64>());
                    assert_eq!(p.min.is_some(), p.count > 0);
                    assert!(p.min.is_none_or(f64::is_finite), "{p:?}");
                }
            }
        });
    }
    let all = 3 * THREADS * ROUNDS;
    assert_eq!(numbers(&r, "c").iter().map(|p| p.value.as_f64()).sum::<f64>(), all as f64);
    assert_eq!(numbers(&r, "f")[0].value, Number::F64(all as f64 / 2.0));
    assert_eq!(numbers(&r, "b")[0].value, Number::I64(2 * all as i64));
    let h = distributions(&r, "h");
    assert_eq!(h.iter().map(|p| p.count).sum::<u64>(), all);
    let sum_of_one: u64 = (0..ROUNDS).map(|i| i % 3).sum();
    assert_eq!(h.iter().map(|p| p.sum).sum::<f64>(), (3 * THREADS * sum_of_one) as f64);
    assert_eq!(r.rejected(), 0);
}

fn distributions_if_any(r: &MeterRegistry, name: &str) -> Vec<HistogramPoint> {
    let batch = r.collect(NOW);
    let metric = batch.scopes.iter().flat_map(|s| &s.metrics).find(|m| m.name == name);
    match metric.map(|m| m.data.clone()) {
        Some(MetricData::Histogram { points, .. }) => points,
        _ => Vec::new(),
    }
}

#[test]
fn callbacks_give_the_present_values_and_a_panic_in_one_harms_nobody() {
    let r = registry(2);
    let m = meter(&r);
    m.observable_counter("c").observe(|o| o.observe(7, &[])).unwrap();
    m.observable_counter("c").observe(|o| o.observe(8, &[KeyValue::new("a", 1)])).unwrap();
    m.observable_gauge("g")
        .unit("1")
        .observe(|o| {
            o.observe(0.5, &[KeyValue::new("a", 1), KeyValue::new("b", 1)]);
            o.observe(0.7, &[KeyValue::new("b", 1), KeyValue::new("a", 1)]);
            panic!("on purpose");
        })
        .unwrap();
    m.observable_up_down_counter("u")
        .observe(|o| (0..5).for_each(|i| o.observe(i, &[KeyValue::new("i", i)])))
        .unwrap();
    m.observable_counter("bad").observe(|o| o.observe(-1, &[])).unwrap();

    assert_eq!(
        numbers(&r, "c").iter().map(|p| p.value).collect::<Vec<_>>(),
        [Number::I64(7), Number::I64(8)]
    );
    assert_eq!(r.callback_panics(), 1);
    assert_eq!(r.rejected(), 1);
    let u = numbers(&r, "u");
    assert_eq!(
        u.iter().map(|p| p.value).collect::<Vec<_>>(),
        [0, 1, 9].map(Number::I64),
        "the rest overflows"
    );
    assert_eq!(u[2].attributes.get("otel.metric.overflow"), Some(&Value::Bool(true)));
    assert_eq!(numbers(&r, "g").iter().map(|p| p.value).collect::<Vec<_>>(), [Number::F64(0.7)]);
    assert!(matches!(data(&r, "c"), MetricData::Sum { monotonic: true, .. }));
    assert!(matches!(data(&r, "u"), MetricData::Sum { monotonic: false, .. }));
}

#[test]
fn a_callback_may_make_instruments_and_record() {
    let r = registry(10);
    let m = meter(&r);
    let again = m.clone();
    m.observable_gauge("g")
        .observe(move |o| {
            again.counter("made").build().unwrap().add(1, &[]);
            o.observe(1, &[]);
        })
        .unwrap();
    r.collect(NOW);
    assert_eq!(numbers(&r, "made")[0].value, Number::I64(2));
}

#[test]
fn a_collection_before_the_start_is_moved_to_the_start() {
    let r = registry(10);
    meter(&r).counter("c").build().unwrap().add(1, &[]);
    let batch = r.collect(Timestamp::from_unix_secs(1));
    let MetricData::Sum { points, .. } = &batch.scopes[0].metrics[0].data else { panic!("not a sum") };
    assert_eq!((points[0].start, points[0].time), (START, START));
}

#[test]
fn a_source_that_begins_to_count_anew_has_a_new_start() {
    let r = registry(10);
    static TOTAL: AtomicI64 = AtomicI64::new(5);
    meter(&r).observable_counter("c").observe(|o| o.observe(TOTAL.load(Relaxed), &[])).unwrap();
    let at = |secs| {
        let batch = r.collect(Timestamp::from_unix_secs(secs));
        let point = number_points(find(&batch, "c").unwrap()).remove(0);
        (point.value, point.start)
    };
    assert_eq!(at(1_010), (Number::I64(5), START));
    TOTAL.store(9, Relaxed);
    assert_eq!(at(1_020), (Number::I64(9), START));
    TOTAL.store(2, Relaxed);
    assert_eq!(at(1_030), (Number::I64(2), Timestamp::from_unix_secs(1_020)));
    TOTAL.store(4, Relaxed);
    assert_eq!(at(1_040), (Number::I64(4), Timestamp::from_unix_secs(1_020)));
}

#[test]
fn filters_and_clock_of_exemplars() {
    let (clock, manual) = Clock::manual(NOW);
    let exemplars = |filter, source: Option<ExemplarSource>| {
        let r = with(RegistryOptions {
            exemplar_filter: filter,
            clock: Some(clock.clone()),
            ..RegistryOptions::default()
        });
        source.into_iter().for_each(|s| assert!(r.set_exemplar_source(s)));
        meter(&r).counter("c").build().unwrap().add(1, &[]);
        numbers(&r, "c").remove(0).exemplars
    };
    manual.advance(Duration::from_secs(5));
    let sampled: ExemplarSource = || TraceId::new(1).zip(SpanId::new(2));
    let now = NOW + Duration::from_secs(5);
    for (filter, source, expected) in [
        (ExemplarFilter::TraceBased, None, vec![]),
        (ExemplarFilter::TraceBased, Some(sampled), vec![(now, TraceId::new(1))]),
        (ExemplarFilter::AlwaysOff, Some(sampled), vec![]),
        (ExemplarFilter::AlwaysOn, None, vec![(now, None)]),
        (ExemplarFilter::AlwaysOn, Some(sampled), vec![(now, TraceId::new(1))]),
    ] {
        let found: Vec<_> = exemplars(filter, source).iter().map(|e| (e.time, e.trace_id)).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_machine_and_the_process_are_seen_under_the_names_of_the_conventions() {
    let r = registry(10_000);
    register_system_metrics(&meter(&r)).unwrap();
    register_process_metrics(&meter(&r), Arc::new(ProcessSampler::new())).unwrap();
    let batch = r.collect(NOW);
    for name in [
        "system.cpu.time",
        "system.cpu.utilization",
        "system.cpu.logical.count",
        "system.memory.usage",
        "system.memory.limit",
        "system.paging.faults",
        "system.network.io",
        "system.uptime",
        "process.cpu.time",
        "process.memory.virtual",
        "process.thread.count",
        "process.open_file_descriptor.count",
        "process.context_switches",
        "process.paging.faults",
        "process.uptime",
    ] {
        assert!(find(&batch, name).is_some(), "{name}");
    }
    let sum = |name| numbers(&r, name).iter().map(|p| p.value.as_f64()).sum::<f64>();
    let (used, limit) = (sum("system.memory.usage"), sum("system.memory.limit"));
    assert!((used / limit - 1.0).abs() < 0.05, "{used} of {limit}");
    assert!(sum("process.thread.count") >= 1.0);
    assert!(sum("process.open_file_descriptor.count") >= 3.0);
    assert_eq!((r.rejected(), r.callback_panics()), (0, 0));
}

#[cfg(target_os = "linux")]
#[test]
fn process_metrics_are_a_share_of_all_cores_and_bytes() {
    let r = registry(10);
    register_process_metrics(&meter(&r), Arc::new(ProcessSampler::new())).unwrap();
    let cpu = numbers(&r, "process.cpu.utilization")[0].value.as_f64();
    assert!((0.0..=1.1).contains(&cpu), "{cpu}");
    let memory = numbers(&r, "process.memory.usage")[0].value.as_f64();
    assert!((1e5..1e11).contains(&memory), "{memory}");
}
