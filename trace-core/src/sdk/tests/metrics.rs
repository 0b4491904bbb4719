//! Metrics between the SDK's types and ours.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::KeyValue as OtelKeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData as OfficialData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{
    Aggregation, PeriodicReader, SdkMeterProvider, Stream, Temporality as OfficialTemporality,
};
use proptest::collection::vec;
use proptest::prelude::*;

use super::generate::{our_scope, our_set};
use crate::metric::MeterRegistry;
use crate::model::{
    AttributeSet, HistogramPoint, KeyValue, Metric, MetricBatch, MetricData, Number, NumberPoint, Resource,
    Scope, ScopeMetrics, Temporality, Timestamp,
};
use crate::pipeline::Pipeline;
use crate::sdk::metric_mirror::Mirror;
use crate::sdk::{OfficialMetricExporter, PipelineMetricExporter, metrics_from_sdk};
use crate::testing::CaptureExporter;

const LONG: Duration = Duration::from_secs(10);

/// Keeps what it gets, as ours.
#[derive(Clone, Default)]
struct Keeps(Arc<Mutex<Vec<MetricBatch>>>);

impl PushMetricExporter for Keeps {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let batch = metrics_from_sdk(metrics);
        self.0.lock().unwrap().push(batch);
        Ok(())
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
    fn temporality(&self) -> OfficialTemporality {
        OfficialTemporality::Cumulative
    }
}

/// Times and order gone: what the SDK lets nobody set.
fn essence(batch: &MetricBatch) -> Vec<String> {
    let mut lines = Vec::new();
    for scope in &batch.scopes {
        for m in &scope.metrics {
            let head = format!("{:?} {:?} {:?} {:?}", scope.scope, m.name, m.unit, m.description);
            let series = |a: &AttributeSet| format!("{a:?}");
            match &m.data {
                MetricData::Gauge { points } => lines.extend(
                    points.iter().map(|p| format!("{head} gauge {} {:?}", series(&p.attributes), p.value)),
                ),
                MetricData::Sum { points, temporality, monotonic } => lines.extend(points.iter().map(|p| {
                    format!("{head} sum {temporality:?} {monotonic} {} {:?}", series(&p.attributes), p.value)
                })),
                MetricData::Histogram { points, temporality } => lines.extend(points.iter().map(|p| {
                    let HistogramPoint { count, min, max, bounds, buckets, .. } = p;
                    let series = series(&p.attributes);
                    format!("{head} histogram {temporality:?} {series} {count} {min:?} {max:?} {bounds:?} {buckets:?}")
                })),
                MetricData::ExponentialHistogram { .. } => panic!("the mirror builds none"),
            }
        }
    }
    lines.sort();
    lines
}

/// The sums of histograms in the order of their series.
fn sums(batch: &MetricBatch) -> Vec<(String, f64)> {
    let mut sums = Vec::new();
    for m in batch.scopes.iter().flat_map(|s| &s.metrics) {
        if let MetricData::Histogram { points, .. } = &m.data {
            sums.extend(points.iter().map(|p| (format!("{} {:?}", m.name, p.attributes), p.sum)));
        }
    }
    sums.sort_by(|a, b| a.0.cmp(&b.0));
    sums
}

fn number_points(is_float: bool, monotonic: bool) -> impl Strategy<Value = Vec<NumberPoint>> {
    let value = (any::<i64>(), -1e300..1e300_f64).prop_map(move |(i, f)| match (is_float, monotonic) {
        (false, false) => Number::I64(i),
        (false, true) => Number::I64(i & i64::MAX),
        (true, false) => Number::F64(f),
        (true, true) => Number::F64(f.abs()),
    });
    points(value).prop_map(|points| {
        points
            .into_iter()
            .map(|(attributes, value)| NumberPoint {
                attributes,
                start: Timestamp::default(),
                time: Timestamp::default(),
                value,
                exemplars: Vec::new(),
            })
            .collect()
    })
}

/// Each series once.
fn points<T: std::fmt::Debug>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<(Arc<AttributeSet>, T)>> {
    vec((our_set(), value), 1..4).prop_map(|points| {
        let mut seen = Vec::new();
        for (set, value) in points {
            let text = format!("{set:?}");
            if !seen.iter().any(|(_, _, t)| *t == text) {
                seen.push((Arc::new(set), value, text));
            }
        }
        seen.into_iter().map(|(set, value, _)| (set, value)).collect()
    })
}

fn histogram_point(attributes: Arc<AttributeSet>, bounds: &Arc<[f64]>, measured: &[f64]) -> HistogramPoint {
    let mut buckets = vec![0; bounds.len() + 1];
    measured.iter().for_each(|v| buckets[bounds.partition_point(|b| b < v)] += 1);
    HistogramPoint {
        attributes,
        start: Timestamp::default(),
        time: Timestamp::default(),
        count: measured.len() as u64,
        sum: measured.iter().sum(),
        min: measured.iter().copied().reduce(f64::min),
        max: measured.iter().copied().reduce(f64::max),
        bounds: bounds.clone(),
        buckets,
        exemplars: Vec::new(),
    }
}

fn histogram_points() -> impl Strategy<Value = Vec<HistogramPoint>> {
    let bounds = vec(-1000.0..1000.0_f64, 0..6).prop_map(|mut v| {
        v.sort_by(f64::total_cmp);
        v.dedup();
        Arc::<[f64]>::from(v)
    });
    let measured = vec(prop_oneof![-2000.0..2000.0_f64, Just(0.0), Just(1e-9)], 1..30);
    (bounds, points(measured)).prop_map(|(bounds, points)| {
        points.into_iter().map(|(set, measured)| histogram_point(set, &bounds, &measured)).collect()
    })
}

fn data() -> impl Strategy<Value = MetricData> {
    let temporality = || prop_oneof![Just(Temporality::Cumulative), Just(Temporality::Delta)];
    let sum =
        (any::<bool>(), any::<bool>(), temporality()).prop_flat_map(|(is_float, monotonic, temporality)| {
            number_points(is_float, monotonic).prop_map(move |points| MetricData::Sum {
                points,
                temporality,
                monotonic,
            })
        });
    prop_oneof![
        sum,
        any::<bool>()
            .prop_flat_map(|f| number_points(f, false))
            .prop_map(|points| MetricData::Gauge { points }),
        (histogram_points(), temporality())
            .prop_map(|(points, temporality)| MetricData::Histogram { points, temporality }),
    ]
}

fn batch() -> impl Strategy<Value = MetricBatch> {
    let metrics = vec(("\\PC{0,10}", "[!-~]{0,10}", data()), 1..4).prop_map(|metrics| {
        let metric = |(i, (text, unit, data)): (usize, (String, String, MetricData))| Metric {
            // Names are compared without case by the SDK, and occur once by our contract.
            name: format!("{i}{text}").into(),
            description: text.into(),
            unit: unit.into(),
            data,
        };
        metrics.into_iter().enumerate().map(metric).collect::<Vec<_>>()
    });
    (our_set(), vec((our_scope(), metrics), 1..3)).prop_map(|(attributes, mut scopes)| {
        scopes.sort_by_key(|(scope, _)| format!("{scope:?}"));
        scopes.dedup_by_key(|(scope, _)| format!("{scope:?}"));
        MetricBatch {
            resource: Arc::new(Resource { attributes, schema_url: "".into() }),
            scopes: scopes.into_iter().map(|(scope, metrics)| ScopeMetrics { scope, metrics }).collect(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn our_metrics_come_back_from_the_sdks_but_for_times_and_twice(batch in batch()) {
        let mut mirror = Mirror::new(batch.resource.clone(), 100);
        for _ in 0..2 {
            let (metrics, refused) = mirror.reflect(&batch).unwrap();
            prop_assert_eq!(refused.points(), 0, "{}", refused);
            let back = metrics_from_sdk(&metrics);
            prop_assert_eq!(format!("{:?}", &batch.resource), format!("{:?}", &back.resource));
            prop_assert_eq!(essence(&batch), essence(&back));
            for ((series, before), (_, after)) in sums(&batch).into_iter().zip(sums(&back)) {
                let bound = 1e-9 * before.abs().max(1.0);
                prop_assert!((before - after).abs() <= bound, "{series}: {before} became {after}");
            }
        }
    }
}

fn one(data: MetricData) -> MetricBatch {
    let metric = Metric { name: "m".into(), description: "".into(), unit: "".into(), data };
    let scope = ScopeMetrics { scope: Arc::new(Scope::named("lib")), metrics: vec![metric] };
    MetricBatch { resource: Arc::new(Resource::service("s")), scopes: vec![scope] }
}

fn histogram(measured: &[f64]) -> MetricBatch {
    let bounds = [0.0, 10.0, 100.0].into();
    let points = vec![histogram_point(Arc::default(), &bounds, measured)];
    one(MetricData::Histogram { points, temporality: Temporality::Cumulative })
}

#[test]
fn a_cumulative_histogram_grows_with_ours_and_a_repeated_attempt_adds_nothing() {
    let mut mirror = Mirror::new(Arc::new(Resource::service("s")), 100);
    let mut measured = Vec::new();
    for new in [vec![5.0, 50.0], vec![], vec![-3.0, 0.1, 0.2, 7e5], vec![99.0; 1000]] {
        measured.extend(new);
        let batch = histogram(&measured);
        let (metrics, refused) = mirror.reflect(&batch).unwrap();
        assert_eq!(refused.points(), 0);
        let back = metrics_from_sdk(&metrics);
        assert_eq!(essence(&batch), essence(&back));
        assert!((sums(&batch)[0].1 - sums(&back)[0].1).abs() < 1e-6, "{:?} {:?}", sums(&batch), sums(&back));
    }
}

#[test]
fn the_sum_of_a_long_histogram_is_right_to_the_last_bit_but_one() {
    let mut mirror = Mirror::new(Arc::new(Resource::service("s")), 100);
    let measured: Vec<f64> = (0..100_000).map(|i| 0.1 + f64::from(i) * 1e-4).collect();
    let batch = histogram(&measured);
    let back = metrics_from_sdk(&mirror.reflect(&batch).unwrap().0);
    assert_eq!(essence(&batch), essence(&back));
    let (before, after) = (sums(&batch)[0].1, sums(&back)[0].1);
    assert!((before - after).abs() <= f64::EPSILON * before, "{before} became {after}");
}

#[test]
fn what_the_sdk_cannot_be_told_is_refused_and_counted_and_the_rest_arrives() {
    let point = |key: i64, value: f64| NumberPoint {
        attributes: Arc::new(AttributeSet::new([KeyValue::new("k", key)])),
        start: Timestamp::default(),
        time: Timestamp::default(),
        value: Number::F64(value),
        exemplars: Vec::new(),
    };
    let sum = |points| one(MetricData::Sum { points, temporality: Temporality::Cumulative, monotonic: true });
    let mut mirror = Mirror::new(Arc::new(Resource::service("s")), 3);
    let bad = sum(vec![point(0, f64::NAN), point(1, f64::INFINITY), point(2, -1.0), point(3, 4.0)]);
    let (metrics, refused) = mirror.reflect(&bad).unwrap();
    assert_eq!(refused.points(), 3);
    let text = refused.to_string();
    assert_eq!(
        text,
        "the official exporter cannot be given 2 data points: NaN or infinite; 1 data points: a negative number in a monotonic sum"
    );
    assert_eq!(metrics_from_sdk(&metrics).point_count(), 1);
    let many = sum((0..10).map(|i| point(i, 1.0)).collect());
    assert_eq!(mirror.reflect(&many).unwrap().1.points(), 6);
    let mut restarted = Mirror::new(Arc::new(Resource::service("s")), 3);
    assert_eq!(restarted.reflect(&histogram(&[1.0, 2.0])).unwrap().1.points(), 0);
    assert_eq!(restarted.reflect(&histogram(&[1.0])).unwrap().1.points(), 1);
    let mut long_unit = histogram(&[1.0]);
    long_unit.scopes[0].metrics[0].unit = "u".repeat(64).into();
    assert_eq!(restarted.reflect(&long_unit).unwrap().1.points(), 1);
}

#[test]
fn an_official_metric_exporter_behind_the_pipeline_gets_what_our_registry_counted() {
    let registry = MeterRegistry::new(Arc::new(Resource::service("shop")));
    let meter = registry.meter(Scope::named("lib"));
    meter.counter("orders").unit("{order}").build().unwrap().add(3_u32, &[KeyValue::new("k", "v")]);
    meter.histogram("took").unit("s").build().unwrap().record(0.25, &[]);
    let (keeps, ours) = (Keeps::default(), CaptureExporter::new());
    let p = Pipeline::builder()
        .collect_metrics(LONG, move || registry.collect(Timestamp::now()))
        .export_metrics("official", OfficialMetricExporter::new(keeps.clone()))
        .export_metrics("ours", ours.clone())
        .start()
        .unwrap();
    let report = p.shutdown(LONG).unwrap();
    assert!(report.ledger.destinations.iter().all(|d| d.delivered == 2), "{report}");
    let kept = keeps.0.lock().unwrap();
    assert_eq!(essence(&kept[0]), essence(&ours.metrics()[0]));
    assert_eq!(kept[0].resource.service_name(), "shop");
}

#[test]
fn metrics_of_the_sdk_reach_every_metric_destination_of_the_pipeline() {
    let out = CaptureExporter::new();
    let p = Arc::new(Pipeline::builder().export_metrics("out", out.clone()).start().unwrap());
    let reader =
        PeriodicReader::builder(PipelineMetricExporter::new(p.clone())).with_interval(LONG * 100).build();
    let provider = SdkMeterProvider::builder()
        .with_resource(opentelemetry_sdk::Resource::builder_empty().with_service_name("theirs").build())
        .with_reader(reader)
        .build();
    let meter = provider.meter("lib");
    meter.u64_counter("c").build().add(u64::MAX, &[OtelKeyValue::new("k", "v")]);
    meter.i64_up_down_counter("u").build().add(-5, &[]);
    meter.f64_gauge("g").build().record(1.5, &[]);
    meter.u64_histogram("h").with_boundaries(vec![1.0, 2.0]).build().record(2, &[]);
    provider.force_flush().unwrap();
    // The SDK's reader does not pass the flush on to its exporter.
    p.flush(LONG).unwrap();
    let got = &out.metrics()[0];
    assert_eq!((got.resource.service_name(), got.scopes[0].scope.name.as_ref()), ("theirs", "lib"));
    let text = essence(got).join("\n");
    assert!(
        text.contains(
            "true AttributeSet([KeyValue { key: \"k\", value: String(\"v\") }]) F64(1.8446744073709552e19)"
        ),
        "{text}"
    );
    assert!(text.contains("sum Cumulative false AttributeSet([]) I64(-5)"), "{text}");
    assert!(text.contains("gauge AttributeSet([]) F64(1.5)"), "{text}");
    assert!(
        text.contains("histogram Cumulative AttributeSet([]) 1 Some(2.0) Some(2.0) [1.0, 2.0] [0, 1, 0]"),
        "{text}"
    );
    provider.shutdown().unwrap();
    assert!(p.shutdown(LONG).unwrap().ledger.adds_up());
}

#[test]
fn an_exponential_histogram_of_the_sdk_comes_over_whole() {
    let out = CaptureExporter::new();
    let p = Arc::new(Pipeline::builder().export_metrics("out", out.clone()).start().unwrap());
    let reader =
        PeriodicReader::builder(PipelineMetricExporter::new(p.clone())).with_interval(LONG * 100).build();
    let exponential = |i: &opentelemetry_sdk::metrics::Instrument| {
        let aggregation =
            Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 20, record_min_max: true };
        (i.name() == "e").then(|| Stream::builder().with_aggregation(aggregation).build().unwrap())
    };
    let provider = SdkMeterProvider::builder().with_reader(reader).with_view(exponential).build();
    provider.meter("lib").f64_histogram("e").build().record(1.0, &[]);
    provider.meter("lib").u64_counter("c").build().add(1, &[]);
    provider.force_flush().unwrap();
    p.flush(LONG).unwrap();
    let batch = &out.metrics()[0];
    assert_eq!(batch.point_count(), 2);
    let of = |name: &str| {
        let all = batch.scopes.iter().flat_map(|s| &s.metrics);
        all.filter(|m| m.name == name).map(|m| m.data.clone()).next().unwrap()
    };
    let MetricData::ExponentialHistogram { points, .. } = of("e") else { panic!("{:?}", of("e")) };
    // A lone 1.0 lies at the upper end of the bucket below one, at the finest scale.
    assert_eq!((points[0].count, points[0].sum, points[0].scale), (1, 1.0, 20));
    assert_eq!((points[0].positive.offset, &points[0].positive.counts[..]), (-1, &[1][..]));
    assert!(p.ledger().adds_up());
}

#[test]
fn integers_stay_integers_for_the_official_exporter() {
    #[derive(Default, Clone)]
    struct Types(Arc<Mutex<Vec<&'static str>>>);
    impl PushMetricExporter for Types {
        async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
            for m in metrics.scope_metrics().flat_map(|s| s.metrics()) {
                self.0.lock().unwrap().push(match m.data() {
                    AggregatedMetrics::U64(OfficialData::Sum(_)) => "u64 sum",
                    AggregatedMetrics::I64(OfficialData::Gauge(_)) => "i64 gauge",
                    _ => "other",
                });
            }
            Ok(())
        }
        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }
        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
        fn temporality(&self) -> OfficialTemporality {
            OfficialTemporality::Cumulative
        }
    }
    let point = NumberPoint {
        attributes: Arc::default(),
        start: Timestamp::default(),
        time: Timestamp::default(),
        value: Number::I64(7),
        exemplars: Vec::new(),
    };
    let mut batch = one(MetricData::Gauge { points: vec![point.clone()] });
    let sum = MetricData::Sum { points: vec![point], temporality: Temporality::Delta, monotonic: true };
    batch.scopes[0].metrics.push(Metric {
        name: "s".into(),
        description: "".into(),
        unit: "".into(),
        data: sum,
    });
    let types = Types::default();
    let exporter = OfficialMetricExporter::new(types.clone());
    crate::sdk::hosted::block_on(crate::signal::MetricExporter::export(&exporter, &batch)).unwrap();
    assert_eq!(*types.0.lock().unwrap(), ["i64 gauge", "u64 sum"]);
}
