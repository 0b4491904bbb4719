//! What views make of instruments.

use super::*;

fn viewed(views: impl Into<Vec<View>>) -> MeterRegistry {
    with(RegistryOptions { views: views.into(), ..RegistryOptions::default() })
}

fn names(r: &MeterRegistry) -> Vec<String> {
    r.collect(NOW).scopes.iter().flat_map(|s| &s.metrics).map(|m| m.name.to_string()).collect()
}

#[test]
fn a_view_renames_describes_filters_and_limits() {
    let view = View::of("http.duration")
        .rename("any name at all")
        .describe("by route")
        .keep_attributes(["route"])
        .cardinality_limit(2);
    let r = viewed([view]);
    let h = meter(&r).histogram("HTTP.Duration").unit("s").bounds([1.0]).build().unwrap();
    for i in 0..6 {
        h.record(0.5, &[KeyValue::new("route", i % 3), KeyValue::new("user", i)]);
    }
    let batch = r.collect(NOW);
    let metric = &batch.scopes[0].metrics[0];
    assert_eq!((&*metric.name, &*metric.description, &*metric.unit), ("any name at all", "by route", "s"));
    let MetricData::Histogram { points, .. } = &metric.data else { panic!("{metric:?}") };
    let found: Vec<_> = points.iter().map(|p| (p.attributes.get("route").cloned(), p.count)).collect();
    assert_eq!(found, [(Some(Value::I64(0)), 2), (Some(Value::I64(1)), 2), (None, 2)]);
    assert_eq!(points[0].bounds.as_ref(), [1.0], "what a view does not say stays");
}

#[test]
fn several_views_make_several_metrics_of_one_instrument_also_bound_and_cached() {
    let r = viewed([
        View::of("latency").rename("latency.by_route").keep_attributes(["route"]),
        View::of("latency").rename("latency.exponential").aggregation(Aggregation::EXPONENTIAL),
        View::of("latency").rename("latency.sum").aggregation(Aggregation::Sum).keep_attributes([""; 0]),
        View::of("lat*").aggregation(Aggregation::Drop),
    ]);
    let h = meter(&r).histogram("latency").build().unwrap();
    let attributes = |user: i64| [KeyValue::new("route", "/"), KeyValue::new("user", user)];
    for _ in 0..3 {
        h.record(2.0, &attributes(1));
        h.record(4.0, &attributes(2));
    }
    h.bind(&attributes(2)).record(1.0);
    h.record(-1.0, &attributes(1));
    assert_eq!(r.rejected(), 1, "a sum of a histogram only grows");
    assert_eq!(names(&r), ["latency.by_route", "latency.exponential", "latency.sum"]);
    let by_route = distributions(&r, "latency.by_route");
    assert_eq!((by_route.len(), by_route[0].count, by_route[0].sum), (1, 7, 19.0));
    let MetricData::ExponentialHistogram { points, .. } = data(&r, "latency.exponential") else { panic!() };
    assert_eq!(points.iter().map(|p| (p.count, p.sum)).collect::<Vec<_>>(), [(3, 6.0), (4, 13.0)]);
    assert_eq!(numbers(&r, "latency.sum")[0].value, Number::F64(19.0));
    assert!(matches!(data(&r, "latency.sum"), MetricData::Sum { monotonic: true, .. }));
}

#[test]
fn dropped_instruments_keep_nothing() {
    let r = viewed([View::of("debug.*").aggregation(Aggregation::Drop)]);
    let m = meter(&r);
    let c = m.counter("debug.c").build().unwrap();
    c.add(1, &[KeyValue::new("a", 1)]);
    c.bind(&[]).add(1);
    m.observable_gauge("debug.g").observe(|_| panic!("nobody asks")).unwrap();
    m.counter("kept").build().unwrap().add(1, &[]);
    assert_eq!(names(&r), ["kept"]);
    assert_eq!((r.callback_panics(), r.warnings().len()), (0, 0));
}

#[test]
fn an_aggregation_that_does_not_suit_is_warned_of_and_the_default_stays() {
    let r = viewed([View::of("*").aggregation(Aggregation::LastValue)]);
    meter(&r).counter("c").build().unwrap().add(3, &[]);
    meter(&r).gauge("g").build().unwrap().record(3, &[]);
    assert!(matches!(data(&r, "c"), MetricData::Sum { .. }));
    assert!(matches!(data(&r, "g"), MetricData::Gauge { .. }));
    let warnings = r.warnings();
    assert!(matches!(&*warnings, [InstrumentWarning::UnsuitableAggregation { name, .. }] if name == "c"));
}

#[test]
fn a_view_may_make_any_recorded_number_a_distribution() {
    let r = viewed([
        View::of_kind(InstrumentKind::UpDownCounter)
            .aggregation(Aggregation::ExplicitHistogram { bounds: vec![-1.0, 1.0] }),
        View::of("g").aggregation(Aggregation::EXPONENTIAL),
    ]);
    let u = meter(&r).up_down_counter("u").build().unwrap();
    [-5, 0, 5, 7].iter().for_each(|v| u.add(*v, &[]));
    assert_eq!(distributions(&r, "u")[0].buckets, [1, 1, 2]);
    meter(&r).gauge("g").build().unwrap().record(-2.0, &[]);
    let MetricData::ExponentialHistogram { points, .. } = data(&r, "g") else { panic!() };
    assert_eq!((points[0].negative.offset, points[0].negative.counts.as_slice()), ((1 << 20) - 1, &[1][..]));
}

#[test]
fn the_keys_of_a_view_add_observations_up_and_gauges_keep_the_last() {
    let r = viewed([View::of("*").keep_attributes(["a"])]);
    let m = meter(&r);
    let observe = |o: &mut Observations<'_>| {
        for (a, b, value) in [(1, 1, 10), (1, 2, 20), (2, 1, 5)] {
            o.observe(value, &[KeyValue::new("a", a), KeyValue::new("b", b)]);
        }
    };
    m.observable_counter("c").observe(observe).unwrap();
    m.observable_gauge("g").observe(observe).unwrap();
    let values = |name| numbers(&r, name).iter().map(|p| p.value).collect::<Vec<_>>();
    assert_eq!(values("c"), [30, 5].map(Number::I64));
    assert_eq!(values("g"), [20, 5].map(Number::I64));
}

#[test]
fn views_select_by_kind_unit_and_meter() {
    let r = viewed([
        View::of_kind(InstrumentKind::Counter).aggregation(Aggregation::Drop),
        View::of("*").unit("s").aggregation(Aggregation::Drop),
        View::of_meter("noisy").aggregation(Aggregation::Drop),
    ]);
    for meter in [meter(&r), r.meter(Scope::named("noisy"))] {
        meter.counter("c").build().unwrap().add(1, &[]);
        meter.up_down_counter("u").unit("s").build().unwrap().add(1, &[]);
        meter.gauge("g").unit("1").build().unwrap().record(1, &[]);
    }
    assert_eq!(names(&r), ["g"]);
    assert_eq!(r.collect(NOW).scopes.len(), 1);
}
