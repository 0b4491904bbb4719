//! A collection with one of everything, plain and awkward.

use std::sync::Arc;

use trace_core::model::{
    AttributeSet, Exemplar, ExponentialBuckets, ExponentialPoint, HistogramPoint, KeyValue, Metric,
    MetricBatch, MetricData, Number, NumberPoint, Resource, Scope, ScopeMetrics, SpanId, Temporality,
    Timestamp, TraceId, Value,
};

pub const START: u64 = 1_756_900_000_000_000_001;
pub const TIME: u64 = 1_756_900_060_000_000_002;

pub fn attributes(list: &[(&'static str, &'static str)]) -> Arc<AttributeSet> {
    Arc::new(list.iter().map(|(k, v)| KeyValue::new(*k, *v)).collect())
}

pub fn exemplar() -> Exemplar {
    Exemplar {
        time: Timestamp::from_unix_nanos(TIME - 5),
        value: Number::F64(0.42),
        trace_id: TraceId::new(0x0af7651916cd43dd8448eb211c80319c),
        span_id: SpanId::new(0xb7ad6b7169203331),
        attributes: vec![KeyValue::new("user.tier", "gold")],
    }
}

pub fn point(labels: &[(&'static str, &'static str)], value: Number) -> NumberPoint {
    NumberPoint {
        attributes: attributes(labels),
        start: Timestamp::from_unix_nanos(START),
        time: Timestamp::from_unix_nanos(TIME),
        value,
        exemplars: vec![],
    }
}

fn metric(name: &'static str, description: &'static str, unit: &'static str, data: MetricData) -> Metric {
    Metric { name: name.into(), description: description.into(), unit: unit.into(), data }
}

fn counter(points: Vec<NumberPoint>) -> MetricData {
    MetricData::Sum { points, temporality: Temporality::Cumulative, monotonic: true }
}

pub fn histogram(labels: &[(&'static str, &'static str)], buckets: Vec<u64>) -> HistogramPoint {
    HistogramPoint {
        attributes: attributes(labels),
        start: Timestamp::from_unix_nanos(START),
        time: Timestamp::from_unix_nanos(TIME),
        count: buckets.iter().sum(),
        sum: 1.5,
        min: Some(0.001),
        max: Some(0.75),
        bounds: Arc::from([0.005, 0.1, 1.0]),
        buckets,
        exemplars: vec![exemplar()],
    }
}

/// What a shop might report, with a scope of awkward cases.
pub fn metrics() -> MetricBatch {
    let resource = Resource {
        schema_url: "https://opentelemetry.io/schemas/1.37.0".into(),
        ..Resource::new([
            KeyValue::new("service.name", "shop"),
            KeyValue::new("service.instance.id", "i-1"),
            KeyValue::new("host.cpu.count", 2),
            KeyValue::new("process.args", Value::from(vec!["serve", "--fast"])),
        ])
    };
    let mut in_flight = point(&[], Number::I64(-3));
    in_flight.exemplars = vec![exemplar()];
    let plain = vec![
        metric(
            "http.server.requests",
            "Requests served, by route.",
            "{request}",
            counter(vec![
                point(&[("http.route", "/orders"), ("http.response.status_code", "200")], Number::I64(1027)),
                point(&[("http.route", "/orders"), ("http.response.status_code", "500")], Number::I64(3)),
            ]),
        ),
        metric(
            "http.server.request.duration",
            "Duration of requests.",
            "s",
            MetricData::Histogram {
                points: vec![histogram(&[("http.route", "/orders")], vec![4, 0, 2, 1])],
                temporality: Temporality::Cumulative,
            },
        ),
        metric(
            "http.server.active_requests",
            "Requests under way.",
            "{request}",
            MetricData::Sum {
                points: vec![in_flight],
                temporality: Temporality::Cumulative,
                monotonic: false,
            },
        ),
        metric("cache.hit", "", "1", MetricData::Gauge { points: vec![point(&[], Number::F64(0.25))] }),
    ];
    let mut scope = Scope::from_static("shop-http", "1.2.3");
    scope.attributes = AttributeSet::new([KeyValue::new("team", "checkout")]);

    let awkward = vec![
        metric(
            "bytes_total",
            "A \\ backslash,\na newline.",
            "By",
            counter(vec![point(&[], Number::I64(i64::MAX))]),
        ),
        metric(
            "odd.values",
            "Values that are not numbers.",
            "",
            MetricData::Gauge {
                points: vec![
                    point(&[("v", "nan")], Number::F64(f64::NAN)),
                    point(&[("v", "inf")], Number::F64(f64::INFINITY)),
                    point(&[("v", "-inf")], Number::F64(f64::NEG_INFINITY)),
                    point(&[("v", "small")], Number::F64(2.5e-9)),
                    point(&[("v", "zero")], Number::F64(-0.0)),
                ],
            },
        ),
        metric(
            "labels",
            "Labels that collide, and a value to escape.",
            "",
            MetricData::Gauge {
                points: vec![
                    point(&[("a.b", "1"), ("a_b", "2"), ("path", "C:\\x \"y\"\nz")], Number::I64(1)),
                    point(&[("0x", "digit"), ("otel.scope.name", "mine")], Number::I64(2)),
                ],
            },
        ),
        metric(
            "queue",
            "A bucket label of its own.",
            "",
            MetricData::Histogram {
                points: vec![histogram(&[("le", "mine")], vec![0, 0, 0, 0])],
                temporality: Temporality::Cumulative,
            },
        ),
        // What follows cannot be shown by Prometheus.
        metric(
            "cache_hit_ratio",
            "Taken by a gauge.",
            "",
            MetricData::Histogram {
                points: vec![histogram(&[], vec![0, 0, 0, 1])],
                temporality: Temporality::Cumulative,
            },
        ),
        metric(
            "queue_count",
            "Taken by lines of a histogram.",
            "",
            MetricData::Gauge { points: vec![point(&[], Number::I64(1))] },
        ),
        metric(
            "target.info",
            "Taken by the resource.",
            "",
            MetricData::Gauge { points: vec![point(&[], Number::I64(1))] },
        ),
        metric(
            "since.last",
            "",
            "",
            MetricData::Sum {
                points: vec![point(&[], Number::I64(1))],
                temporality: Temporality::Delta,
                monotonic: true,
            },
        ),
        metric(
            "twice",
            "",
            "",
            MetricData::Gauge {
                points: vec![point(&[("a.b", "1")], Number::I64(1)), point(&[("a-b", "1")], Number::I64(2))],
            },
        ),
        metric(
            "bent",
            "",
            "",
            MetricData::Histogram {
                points: vec![histogram(&[], vec![1, 2])],
                temporality: Temporality::Cumulative,
            },
        ),
    ];
    MetricBatch {
        resource: Arc::new(resource),
        scopes: vec![
            ScopeMetrics { scope: Arc::new(scope), metrics: plain },
            ScopeMetrics { scope: Arc::new(Scope::named("awkward")), metrics: awkward },
        ],
    }
}

/// The same without what comes as deltas.
pub fn totals() -> MetricBatch {
    without_deltas(metrics())
}

pub fn without_deltas(mut batch: MetricBatch) -> MetricBatch {
    batch.scopes.iter_mut().for_each(|s| s.metrics.retain(|m| m.name != "since.last"));
    batch
}

pub fn exponential(scale: i32) -> ExponentialPoint {
    let positive = ExponentialBuckets { offset: -2, counts: vec![1, 0, 0, 0, 3] };
    ExponentialPoint {
        attributes: attributes(&[("scale", if scale < -4 { "coarse" } else { "fine" })]),
        start: Timestamp::from_unix_nanos(START),
        time: Timestamp::from_unix_nanos(TIME),
        count: 6,
        sum: 12.5,
        min: None,
        max: None,
        scale,
        zero_count: 1,
        zero_threshold: 0.0,
        positive,
        negative: ExponentialBuckets { offset: 0, counts: vec![1] },
        exemplars: vec![exemplar()],
    }
}

/// The shop with exponential histograms, and exemplars on a counter.
pub fn with_exponential() -> MetricBatch {
    let mut batch = metrics();
    if let MetricData::Sum { points, .. } = &mut batch.scopes[0].metrics[0].data {
        points[0].exemplars = vec![exemplar()];
    }
    let data = MetricData::ExponentialHistogram {
        points: vec![exponential(0), exponential(-5)],
        temporality: Temporality::Cumulative,
    };
    let metric = Metric { name: "db.wait".into(), description: "Waiting.".into(), unit: "s".into(), data };
    batch.scopes[0].metrics.push(metric);
    batch
}

/// The same as if it were collected at this time.
pub fn at(mut batch: MetricBatch, now: Timestamp) -> MetricBatch {
    for metric in batch.scopes.iter_mut().flat_map(|s| &mut s.metrics) {
        match &mut metric.data {
            MetricData::Sum { points, .. } | MetricData::Gauge { points } => {
                points.iter_mut().for_each(|p| p.time = now);
            }
            MetricData::Histogram { points, .. } => points.iter_mut().for_each(|p| p.time = now),
            MetricData::ExponentialHistogram { points, .. } => points.iter_mut().for_each(|p| p.time = now),
            _ => {}
        }
    }
    batch
}
