//! Every format of an exposition: golden files, hostile input, and what a decoder makes of it.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "prometheus")]

mod support;

use std::sync::Arc;

use proptest::prelude::*;
use support::{exposition, prom_proto, shop};
use trace_core::metric::{Aggregation, LiveMetrics, MeterRegistry, RegistryOptions, View};
use trace_core::model::{
    KeyValue, Metric, MetricBatch, MetricData, Number, Resource, Scope, ScopeMetrics, Temporality, Timestamp,
};
use trace_exporters::prometheus::{
    ContentType, DropReason, Encoder, Escaping, ExpositionConfig, Format, Report, TranslationStrategy,
};

const STRATEGIES: [TranslationStrategy; 4] = [
    TranslationStrategy::UnderscoreEscapingWithSuffixes,
    TranslationStrategy::UnderscoreEscapingWithoutSuffixes,
    TranslationStrategy::NoUtf8EscapingWithSuffixes,
    TranslationStrategy::NoTranslation,
];
const ESCAPINGS: [Escaping; 4] =
    [Escaping::AllowUtf8, Escaping::Underscores, Escaping::Dots, Escaping::Values];

fn encode(batch: &MetricBatch, strategy: TranslationStrategy, asked: ContentType) -> (Vec<u8>, Report) {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(ExpositionConfig::default().translated(strategy));
    let report = encoder.encode(&LiveMetrics::from(batch), asked, &mut out);
    (out, report)
}

fn text(batch: &MetricBatch, strategy: TranslationStrategy, format: Format, escaping: Escaping) -> String {
    String::from_utf8(encode(batch, strategy, ContentType::new(format, escaping)).0).unwrap()
}

/// What was written, and its largest piece.
#[derive(Default)]
struct Pieces {
    all: Vec<u8>,
    largest: usize,
}

impl std::io::Write for Pieces {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        self.all.extend_from_slice(piece);
        self.largest = self.largest.max(piece.len());
        Ok(piece.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn assert_golden(name: &str, text: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(path).unwrap(), "UPDATE_GOLDEN=1 writes the file anew");
}

#[test]
fn open_metrics_is_the_golden_text() {
    let text = text(&shop::with_exponential(), STRATEGIES[0], Format::OpenMetrics100, Escaping::Underscores);
    exposition::read(&text, true).unwrap();
    assert_golden("openmetrics.txt", &text);
}

#[test]
fn text_1_0_with_names_in_utf8_is_the_golden_text() {
    let text = text(&shop::with_exponential(), STRATEGIES[2], Format::Text100, Escaping::AllowUtf8);
    exposition::read(&text, false).unwrap();
    assert_golden("metrics-utf8.txt", &text);
}

#[test]
fn protobuf_is_the_golden_message() {
    let (bytes, report) = encode(
        &shop::with_exponential(),
        STRATEGIES[0],
        ContentType::new(Format::Protobuf, Escaping::Underscores),
    );
    assert_golden("metrics-protobuf.txt", &format!("{:#?}\n", prom_proto::families(&bytes)));
    let coarse = report.dropped.iter().find(|d| d.reason == DropReason::TooCoarse).unwrap();
    assert_eq!((&*coarse.metric, coarse.series), ("db.wait", 1));
}

#[test]
fn protobuf_holds_the_values_of_the_text() {
    let asked = ContentType::new(Format::Protobuf, Escaping::Underscores);
    let families = prom_proto::families(&encode(&shop::metrics(), STRATEGIES[0], asked).0);
    let text = text(&shop::metrics(), STRATEGIES[0], Format::Text004, Escaping::Underscores);
    let expected = exposition::read(&text, false).unwrap();
    assert_eq!(families.len(), expected.len());
    for (found, expected) in families.iter().zip(&expected) {
        assert_eq!(
            (&found.name, found.help.replace('\\', "\\\\").replace('\n', "\\n")),
            (&expected.name, expected.help.clone())
        );
        let numbers = found.metric.iter().flat_map(|m| {
            let labels: std::collections::BTreeMap<_, _> =
                m.label.iter().map(|l| (l.name.clone(), l.value.clone())).collect();
            let plain = m.gauge.iter().chain(&m.counter).map(|n| n.value.unwrap());
            let of_histogram = m.histogram.iter().flat_map(|h| {
                let buckets = h.bucket.iter().map(|b| b.cumulative_count as f64);
                buckets.chain([h.sample_sum, h.sample_count as f64])
            });
            plain.chain(of_histogram).map(|v| (labels.clone(), v)).collect::<Vec<_>>()
        });
        let of_text = expected.samples.iter().map(|s| {
            let mut labels = s.labels.clone();
            labels.remove("le");
            (labels, s.value.parse::<f64>().unwrap())
        });
        let show = |all: Vec<(std::collections::BTreeMap<String, String>, f64)>| format!("{all:?}");
        assert_eq!(show(numbers.collect()), show(of_text.collect()));
    }
}

#[test]
fn a_registry_and_its_collection_are_the_same_text_each_time() {
    let views = vec![View::of("fine").aggregation(Aggregation::EXPONENTIAL)];
    let options = RegistryOptions { views, ..RegistryOptions::default() };
    let registry = MeterRegistry::with_options(Arc::new(Resource::service("shop")), options).unwrap();
    let meter = registry.meter(Scope::named("lib"));
    let (counter, gauge) = (meter.counter("a.b").build().unwrap(), meter.gauge("level").build().unwrap());
    let (took, fine) = (meter.histogram("took").build().unwrap(), meter.histogram("fine").build().unwrap());
    // An instrument without a value: it must not disturb the places of the others.
    let unset = gauge.bind(&[KeyValue::new("i", "unset")]);
    let mut encoder = Encoder::new(ExpositionConfig::default());
    for round in [0, 1, 7i64] {
        for i in 0..50 * (round + 1) {
            let attributes = [KeyValue::new("i", i), KeyValue::new("text", "a \"b\" \\ c")];
            counter.add(i, &attributes);
            gauge.record(0.25 * i as f64, &attributes);
            took.record(i as f64, &attributes);
            fine.record(i as f64, &attributes);
        }
        // The same labels once cleaned: shown once.
        counter.add(1, &[KeyValue::new("x.y", "1")]);
        counter.add(1, &[KeyValue::new("x-y", "1")]);
        if round == 7 {
            unset.record(1);
        }
        let now = Timestamp::now();
        for format in [Format::Text004, Format::OpenMetrics100, Format::Protobuf] {
            let asked = ContentType::new(format, Escaping::default());
            let mut live = Vec::new();
            let report = encoder.encode(&registry.live(now), asked, &mut live);
            let (collected, expected) = encode(&registry.collect(now), TranslationStrategy::default(), asked);
            let mut pieces = Pieces::default();
            assert_eq!(encoder.write(&registry.live(now), asked, &mut pieces).unwrap(), report);
            assert!(pieces.all == live);
            assert_eq!(pieces.largest > 1000, !live.is_empty());
            assert!(pieces.largest < 200_000, "{}", pieces.largest);
            assert!(report == expected, "{report:?}\n{expected:?}");
            assert_eq!(report.dropped_series(), 1);
            assert_eq!(live.len(), collected.len(), "{format:?} {round}");
            if format != Format::Protobuf {
                let sorted = |bytes: &[u8]| {
                    let mut lines: Vec<String> =
                        String::from_utf8(bytes.to_vec()).unwrap().lines().map(str::to_owned).collect();
                    lines.sort();
                    lines
                };
                assert_eq!(sorted(&live), sorted(&collected));
            }
        }
    }
}

#[test]
fn metrics_that_disagree_about_themselves_are_reported() {
    let gauge = |scope: &'static str, description: &'static str, unit: &'static str| {
        let data = MetricData::Gauge { points: vec![shop::point(&[], Number::I64(1))] };
        let name = if unit.is_empty() { "level_bytes" } else { "level" };
        let metric = Metric { name: name.into(), description: description.into(), unit: unit.into(), data };
        ScopeMetrics { scope: Arc::new(Scope::named(scope)), metrics: vec![metric] }
    };
    let scopes = vec![gauge("a", "", "By"), gauge("b", "B", "By"), gauge("c", "C", "")];
    let batch = MetricBatch { resource: Arc::default(), scopes };
    let (bytes, report) = encode(&batch, STRATEGIES[0], ContentType::default());
    let said: Vec<String> = report.conflicts.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["family level_bytes: HELP is \"B\", not \"C\"", "family level_bytes: UNIT is \"bytes\", not \"\""]
    );
    assert_eq!(String::from_utf8(bytes).unwrap().matches("level_bytes{").count(), 3, "all series are shown");
}

#[test]
fn a_gauge_beside_a_counter_of_its_name_is_lost_in_open_metrics_alone() {
    let counter = MetricData::Sum {
        points: vec![shop::point(&[], Number::I64(1))],
        temporality: Temporality::Cumulative,
        monotonic: true,
    };
    let gauge = MetricData::Gauge { points: vec![shop::point(&[], Number::I64(2))] };
    let metric = |name: &'static str, data| Metric {
        name: name.into(),
        description: "".into(),
        unit: "".into(),
        data,
    };
    let metrics = vec![metric("dup", counter), metric("dup_total", gauge.clone()), metric("dup.", gauge)];
    let scopes = vec![ScopeMetrics { scope: Arc::default(), metrics }];
    let batch = MetricBatch { resource: Arc::default(), scopes };
    let dropped = |format| {
        let (bytes, report) = encode(&batch, STRATEGIES[0], ContentType::new(format, Escaping::default()));
        exposition::read(&String::from_utf8(bytes).unwrap(), format == Format::OpenMetrics100).unwrap();
        report.dropped_series()
    };
    assert_eq!((dropped(Format::Text004), dropped(Format::OpenMetrics100)), (1, 1));
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z._]{0,6}",
        "[\\\\\"\n\r\t{}#=, a]{0,8}",
        "\\PC{0,8}",
        any::<String>().prop_map(|s| s.chars().take(8).collect()),
        Just("__name__".to_owned()),
        Just("..name..".to_owned()),
        Just("le".to_owned()),
        Just("otel_scope_name".to_owned()),
        Just("target_info".to_owned()),
        Just("a\0b".to_owned()),
    ]
}

fn hostile_metric() -> impl Strategy<Value = Metric> {
    let labels = prop::collection::vec((hostile(), hostile()), 0..4);
    let points = prop::collection::vec((labels, any::<f64>()), 1..4);
    (hostile(), hostile(), prop_oneof![Just(String::new()), Just("By".to_owned()), hostile()], 0..4u8, points)
        .prop_map(|(name, description, unit, kind, points)| {
            let numbers = || {
                let point = |(labels, value): &(Vec<(String, String)>, f64)| {
                    let mut point = shop::point(&[], Number::F64(*value));
                    let labels = labels.iter().map(|(k, v)| KeyValue::new(k.clone(), v.clone()));
                    point.attributes = Arc::new(labels.collect());
                    let mut exemplar = shop::exemplar();
                    exemplar.attributes = point.attributes.iter().cloned().collect();
                    point.exemplars = vec![exemplar];
                    point
                };
                points.iter().map(point).collect::<Vec<_>>()
            };
            let temporality = Temporality::Cumulative;
            let data = match kind {
                0 => MetricData::Sum { points: numbers(), temporality, monotonic: true },
                1 => MetricData::Gauge { points: numbers() },
                2 => {
                    let histogram = |p: trace_core::model::NumberPoint| {
                        let mut histogram = shop::histogram(&[], vec![1, 0, 2, 0]);
                        (histogram.attributes, histogram.exemplars) = (p.attributes, p.exemplars);
                        histogram
                    };
                    MetricData::Histogram {
                        points: numbers().into_iter().map(histogram).collect(),
                        temporality,
                    }
                }
                _ => {
                    let points = numbers().into_iter().map(|p| {
                        let mut point = shop::exponential(3);
                        (point.attributes, point.exemplars) = (p.attributes, p.exemplars);
                        point
                    });
                    MetricData::ExponentialHistogram { points: points.collect(), temporality }
                }
            };
            Metric { name: name.into(), description: description.into(), unit: unit.into(), data }
        })
}

proptest! {
    #[test]
    fn hostile_names_and_values_never_break_an_exposition(
        metrics in prop::collection::vec(hostile_metric(), 1..4),
        scope in hostile(), strategy in prop::sample::select(&STRATEGIES[..]), escaping in prop::sample::select(&ESCAPINGS[..]),
    ) {
        let points: usize = metrics.iter().map(|m| m.data.point_count()).sum();
        let mut of_lib = Scope::named(scope.clone());
        of_lib.attributes = [KeyValue::new(scope.clone(), scope.clone())].into_iter().collect();
        let resource = Resource::new([KeyValue::new(scope.clone(), scope)]);
        let scopes = vec![ScopeMetrics { scope: Arc::new(of_lib), metrics }];
        let batch = MetricBatch { resource: Arc::new(resource), scopes };
        for format in [Format::Text004, Format::Text100, Format::OpenMetrics100] {
            let open = format == Format::OpenMetrics100;
            let (bytes, report) = encode(&batch, strategy, ContentType::new(format, escaping));
            let text = String::from_utf8(bytes).unwrap();
            let families = exposition::read(&text, open);
            prop_assert!(families.is_ok(), "{} in\n{}", families.unwrap_err(), text);
            let families = families.unwrap();
            let heads = families.iter().flat_map(|f| &f.samples).filter(|s| {
                !s.name.ends_with("_bucket") && !s.name.ends_with("_created") && !s.name.ends_with("_sum")
            });
            let shown = heads.filter(|s| s.name != "target_info").count();
            // A hostile name may end so by itself: then fewer are counted here.
            prop_assert!(shown + report.dropped_series() <= points);
            if escaping != Escaping::AllowUtf8 {
                prop_assert!(!text.split('\n').any(|line| line.starts_with('{')), "{}", text);
            }
        }
        let (bytes, _) = encode(&batch, strategy, ContentType::new(Format::Protobuf, escaping));
        for family in prom_proto::families(&bytes) {
            prop_assert!(!family.name.is_empty() && !family.metric.is_empty());
            for metric in &family.metric {
                prop_assert!(metric.label.windows(2).all(|w| w[0].name < w[1].name));
                prop_assert!(metric.label.iter().all(|l| !l.name.starts_with("__") && !l.value.is_empty()));
            }
        }
    }

    #[test]
    fn label_values_read_back_as_they_were(value in "\\PC{1,20}|[\\\\\"\n]{1,8}") {
        let mut point = shop::point(&[], Number::I64(1));
        point.attributes = Arc::new([KeyValue::new("a.b", value.clone())].into_iter().collect());
        let data = MetricData::Gauge { points: vec![point] };
        let metric = Metric { name: "level".into(), description: "".into(), unit: "".into(), data };
        let scopes = vec![ScopeMetrics { scope: Arc::default(), metrics: vec![metric] }];
        let batch = MetricBatch { resource: Arc::default(), scopes };
        for (escaping, label) in [(Escaping::AllowUtf8, "a.b"), (Escaping::Values, "U__a_2e_b")] {
            let text = text(&batch, TranslationStrategy::NoTranslation, Format::Text100, escaping);
            let families = exposition::read(&text, false).unwrap();
            prop_assert_eq!(&families[0].samples[0].labels[label], &value);
        }
    }
}
