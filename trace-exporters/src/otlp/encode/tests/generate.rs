//! Spans and metrics of every shape.

use super::*;

pub(crate) fn resource() -> Resource {
    Resource {
        schema_url: "https://schema/r".into(),
        ..Resource::new([KeyValue::new("service.name", "shop"), KeyValue::new("n", 3)])
    }
}

pub(crate) fn plain_span(id: u64) -> SpanData {
    let context = SpanContext::new(TraceId::from_random(9), SpanId::new(id).unwrap(), TraceFlags::default());
    SpanData::new(context, "work", Timestamp::from_unix_nanos(1), Timestamp::from_unix_nanos(2))
}

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z.]{1,12}", "\\PC{0,150}"]
}

/// Not NaN, so that messages can be compared.
pub(super) fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL,
        Just(f64::INFINITY),
        Just(0.0)
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        double().prop_map(Value::from),
        text().prop_map(Value::from),
        prop::collection::vec(any::<bool>(), 0..4).prop_map(Value::from),
        prop::collection::vec(any::<i64>(), 0..4).prop_map(Value::from),
        prop::collection::vec(double(), 0..4).prop_map(Value::from),
        prop::collection::vec(text(), 0..4).prop_map(Value::from),
    ]
}

/// Each key once, as the model promises.
fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    prop::collection::btree_map(text(), value(), 0..5)
        .prop_map(|m| m.into_iter().map(|(k, v)| KeyValue::new(k, v)).collect())
}

pub(super) fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![Just(0), any::<u64>()].prop_map(Timestamp::from_unix_nanos)
}

pub(super) fn trace_id() -> impl Strategy<Value = TraceId> {
    (1..=u128::MAX).prop_map(|v| TraceId::new(v).unwrap())
}

pub(super) fn span_id() -> impl Strategy<Value = SpanId> {
    (1..=u64::MAX).prop_map(|v| SpanId::new(v).unwrap())
}

fn context() -> impl Strategy<Value = SpanContext> {
    (trace_id(), span_id(), any::<u8>(), prop_oneof![Just(""), Just("a=1,b=2")], any::<bool>()).prop_map(
        |(trace_id, span_id, flags, state, is_remote)| SpanContext {
            trace_id,
            span_id,
            flags: TraceFlags(flags),
            trace_state: TraceState::from_validated(state),
            is_remote,
            tenant: TenantTag::NONE,
        },
    )
}

pub(super) fn scope() -> impl Strategy<Value = Arc<Scope>> {
    prop_oneof![
        Just(Arc::new(Scope::default())),
        Just(Arc::new(Scope::from_static("lib", "1.2"))),
        Just(Arc::new(Scope {
            name: "other".into(),
            version: "".into(),
            schema_url: "https://schema/s".into(),
            attributes: AttributeSet::new([KeyValue::new("short", true)]),
        })),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    (text(), time(), attributes(), any::<u32>()).prop_map(|(name, time, attributes, dropped_attributes)| {
        Event { name: name.into(), time, attributes, dropped_attributes }
    })
}

fn link() -> impl Strategy<Value = Link> {
    (context(), attributes(), any::<u32>()).prop_map(|(context, attributes, dropped_attributes)| Link {
        context,
        attributes,
        dropped_attributes,
    })
}

fn span() -> impl Strategy<Value = SpanData> {
    let kind = prop::sample::select(vec![
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ]);
    let status =
        prop_oneof![Just(Status::Unset), Just(Status::Ok), text().prop_map(|m| Status::Error(m.into()))];
    let lists = (attributes(), prop::collection::vec(event(), 0..3), prop::collection::vec(link(), 0..3));
    let identity = (context(), prop::option::of(span_id()), any::<bool>(), text(), kind, scope());
    (identity, time(), time(), lists, status, any::<[u32; 3]>()).prop_map(
        |(identity, start, end, lists, status, dropped)| SpanData {
            context: identity.0,
            parent_span_id: identity.1,
            parent_is_remote: identity.2,
            name: identity.3.into(),
            kind: identity.4,
            scope: identity.5,
            start,
            end,
            attributes: lists.0,
            events: lists.1,
            links: lists.2,
            status,
            dropped_attributes: dropped[0],
            dropped_events: dropped[1],
            dropped_links: dropped[2],
        },
    )
}

pub(crate) fn spans() -> impl Strategy<Value = Vec<SpanData>> {
    prop::collection::vec(span(), 0..6)
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![any::<i64>().prop_map(Number::I64), double().prop_map(Number::F64)]
}

fn exemplar() -> impl Strategy<Value = Exemplar> {
    (time(), number(), prop::option::of(trace_id()), prop::option::of(span_id()), attributes()).prop_map(
        |(time, value, trace_id, span_id, attributes)| Exemplar {
            time,
            value,
            trace_id,
            span_id,
            attributes,
        },
    )
}

fn series() -> impl Strategy<Value = (Arc<AttributeSet>, Timestamp, Timestamp, Vec<Exemplar>)> {
    (attributes(), time(), time(), prop::collection::vec(exemplar(), 0..3))
        .prop_map(|(a, start, time, exemplars)| (Arc::new(AttributeSet::new(a)), start, time, exemplars))
}

fn points() -> impl Strategy<Value = Vec<NumberPoint>> {
    let point = (series(), number()).prop_map(|((attributes, start, time, exemplars), value)| NumberPoint {
        attributes,
        start,
        time,
        value,
        exemplars,
    });
    prop::collection::vec(point, 0..4)
}

fn distributions() -> impl Strategy<Value = Vec<HistogramPoint>> {
    // One bucket more than bounds, which rise; or neither.
    let buckets = prop::collection::vec(any::<u64>(), 0..5);
    let bounds = prop::collection::vec(double(), 4);
    let limits = (prop::option::of(double()), prop::option::of(double()));
    let point = (series(), any::<u64>(), double(), limits, bounds, buckets).prop_map(
        |((attributes, start, time, exemplars), count, sum, (min, max), mut bounds, mut buckets)| {
            bounds.sort_by(f64::total_cmp);
            bounds.dedup();
            bounds.truncate(buckets.len().saturating_sub(1));
            buckets.truncate(bounds.len() + 1);
            HistogramPoint {
                attributes,
                start,
                time,
                count,
                sum,
                min,
                max,
                bounds: bounds.into(),
                buckets,
                exemplars,
            }
        },
    );
    prop::collection::vec(point, 0..4)
}

fn exponential() -> impl Strategy<Value = Vec<ExponentialPoint>> {
    let buckets = || {
        (any::<i32>(), prop::collection::vec(prop_oneof![0u64..300, any::<u64>()], 0..5))
            .prop_map(|(offset, counts)| ExponentialBuckets { offset, counts })
    };
    let limits = (prop::option::of(double()), prop::option::of(double()));
    let sides = (any::<i32>(), any::<u64>(), double(), buckets(), buckets());
    let point = (series(), any::<u64>(), double(), limits, sides).prop_map(
        |((attributes, start, time, exemplars), count, sum, (min, max), sides)| ExponentialPoint {
            attributes,
            start,
            time,
            count,
            sum,
            min,
            max,
            scale: sides.0,
            zero_count: sides.1,
            zero_threshold: sides.2,
            positive: sides.3,
            negative: sides.4,
            exemplars,
        },
    );
    prop::collection::vec(point, 0..4)
}

fn metric() -> impl Strategy<Value = Metric> {
    let temporality = prop::sample::select(vec![Temporality::Cumulative, Temporality::Delta]);
    let data = prop_oneof![
        points().prop_map(|points| MetricData::Gauge { points }),
        (points(), temporality.clone(), any::<bool>())
            .prop_map(|(points, temporality, monotonic)| MetricData::Sum { points, temporality, monotonic }),
        (distributions(), temporality.clone())
            .prop_map(|(points, temporality)| MetricData::Histogram { points, temporality }),
        (exponential(), temporality)
            .prop_map(|(points, temporality)| MetricData::ExponentialHistogram { points, temporality }),
    ];
    (text(), text(), text(), data).prop_map(|(name, description, unit, data)| Metric {
        name: name.into(),
        description: description.into(),
        unit: unit.into(),
        data,
    })
}

pub(crate) fn metrics() -> impl Strategy<Value = MetricBatch> {
    let scope = (scope(), prop::collection::vec(metric(), 0..4))
        .prop_map(|(scope, metrics)| ScopeMetrics { scope, metrics });
    prop::collection::vec(scope, 0..3)
        .prop_map(|scopes| MetricBatch { resource: Arc::new(resource()), scopes })
}
