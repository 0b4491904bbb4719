//! The same calls of the API into the official SDK and into ours give the same points.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics as sdk;
use opentelemetry_sdk::metrics::reader::MetricReader as _;
use proptest::prelude::*;

use super::MeterProvider;
use crate::metric::{Aggregation, MeterRegistry, MetricReader, RegistryOptions, TemporalityPreference, View};
use crate::model::{AttributeSet, MetricData, Resource, Timestamp};

#[derive(Clone, Debug)]
enum Step {
    Record {
        instrument: usize,
        value: i32,
        attributes: BTreeMap<u8, u8>,
    },
    /// Adds to what the callbacks observe.
    Grow {
        series: usize,
        by: i64,
    },
    Collect,
}

fn step() -> impl Strategy<Value = Step> {
    // Eighths, so that sums are exact in any order.
    let value = prop_oneof![3 => 0i32..800, 1 => -800i32..0, 1 => 0i32..2_000_000];
    // Each key once: the SDK lets a repeated one through to the exporter.
    let attributes = prop::collection::btree_map(0u8..3, 0u8..6, 0..4);
    prop_oneof![
        8 => (0usize..INSTRUMENTS, value, attributes)
            .prop_map(|(instrument, value, attributes)| Step::Record { instrument, value, attributes }),
        1 => (0usize..2, 0i64..50).prop_map(|(series, by)| Step::Grow { series, by }),
        1 => Just(Step::Collect),
    ]
}

fn attribute(key: u8, value: u8) -> KeyValue {
    const KEYS: [&str; 3] = ["a.key", "b", "c"];
    let value = match value {
        0 => Value::from("text"),
        1 => Value::from(String::from("text")),
        2 => Value::from(7i64),
        3 => Value::from(true),
        4 => Value::from(0.5),
        _ => Value::Array(Array::I64(vec![1, 2])),
    };
    KeyValue::new(KEYS[usize::from(key)], value)
}

const INSTRUMENTS: usize = 10;
type Record = Box<dyn Fn(i32, &[KeyValue])>;

/// All instruments of the API on one meter, and the totals that callbacks observe.
struct Program {
    record: [Record; INSTRUMENTS],
    totals: Arc<[AtomicI64; 2]>,
}

impl Program {
    fn new(m: &Meter) -> Self {
        let totals: Arc<[AtomicI64; 2]> = Arc::default();
        let eighths = |v: i32| f64::from(v) / 8.0;
        let c = m.u64_counter("u64.counter").with_unit("By").with_description("Bytes.").build();
        let fc = m.f64_counter("f64.counter").build();
        let u = m.i64_up_down_counter("i64.updown").build();
        let fu = m.f64_up_down_counter("f64.updown").build();
        let h = m.u64_histogram("u64.histogram").with_unit("ms").build();
        let fh = m.f64_histogram("f64.histogram").with_boundaries(vec![-5.0, 0.0, 2.0, 50.0]).build();
        let eh = m.f64_histogram("exponential").build();
        let g = m.i64_gauge("i64.gauge").build();
        let fg = m.f64_gauge("f64.gauge").build();
        let viewed = m.f64_counter("viewed").build();

        let observed = |i: usize| [KeyValue::new("series", i as i64)];
        macro_rules! observe {
            ($method:ident, $name:literal, $number:ty) => {{
                let totals = totals.clone();
                m.$method($name)
                    .with_callback(move |o| {
                        for (i, total) in totals.iter().enumerate() {
                            o.observe(total.load(Relaxed) as $number, &observed(i));
                        }
                    })
                    .build();
            }};
        }
        observe!(u64_observable_counter, "u64.observed", u64);
        observe!(f64_observable_counter, "f64.observed", f64);
        observe!(i64_observable_up_down_counter, "i64.observed.updown", i64);
        observe!(f64_observable_up_down_counter, "f64.observed.updown", f64);
        observe!(u64_observable_gauge, "u64.observed.gauge", u64);
        observe!(i64_observable_gauge, "i64.observed.gauge", i64);
        observe!(f64_observable_gauge, "f64.observed.gauge", f64);

        let record: [Record; INSTRUMENTS] = [
            Box::new(move |v, a| c.add(v.unsigned_abs().into(), a)),
            Box::new(move |v, a| fc.add(eighths(v).abs(), a)),
            Box::new(move |v, a| u.add(v.into(), a)),
            Box::new(move |v, a| fu.add(eighths(v), a)),
            Box::new(move |v, a| h.record(v.unsigned_abs().into(), a)),
            Box::new(move |v, a| fh.record(eighths(v), a)),
            Box::new(move |v, a| eh.record(eighths(v), a)),
            Box::new(move |v, a| g.record(v.into(), a)),
            Box::new(move |v, a| fg.record(eighths(v), a)),
            Box::new(move |v, a| viewed.add(eighths(v).abs(), a)),
        ];
        Self { record, totals }
    }

    fn run(&self, step: &Step) {
        match step {
            Step::Record { instrument, value, attributes } => {
                let attributes: Vec<_> = attributes.iter().map(|(k, v)| attribute(*k, *v)).collect();
                self.record[*instrument](*value, &attributes);
            }
            Step::Grow { series, by } => {
                self.totals[*series].fetch_add(*by, Relaxed);
            }
            Step::Collect => {}
        }
    }
}

/// Everything about a point that does not depend on the moment, by metric and series.
type Points = BTreeMap<String, String>;

fn series<'a>(metric: &str, attributes: impl Iterator<Item = (&'a str, String)>) -> String {
    let mut attributes: Vec<_> = attributes.map(|(k, v)| format!("{k}={v}")).collect();
    attributes.sort();
    format!("{metric} {attributes:?}")
}

fn of_ours(batch: &crate::model::MetricBatch) -> Points {
    let mut out = Points::new();
    for (scope, m) in batch.scopes.iter().flat_map(|s| s.metrics.iter().map(|m| (&s.scope, m))) {
        let head = format!("{} {} {:?} {:?}", scope.name, m.name, m.unit, m.description);
        let key = |a: &AttributeSet| series(&head, a.iter().map(|kv| (&*kv.key, kv.value.to_string())));
        let mut put = |a: &AttributeSet, row: String| assert!(out.insert(key(a), row).is_none(), "{head}");
        match &m.data {
            MetricData::Sum { points, temporality, monotonic } => points.iter().for_each(|p| {
                put(&p.attributes, format!("sum {temporality:?} {monotonic} {}", p.value.as_f64()));
            }),
            MetricData::Gauge { points } => {
                points.iter().for_each(|p| put(&p.attributes, format!("gauge {}", p.value.as_f64())));
            }
            MetricData::Histogram { points, temporality } => points.iter().for_each(|p| {
                let (min, max) = (p.min.unwrap(), p.max.unwrap());
                let row = format!(
                    "histogram {temporality:?} {} {} {min} {max} {:?} {:?}",
                    p.count, p.sum, p.bounds, p.buckets
                );
                put(&p.attributes, row);
            }),
            MetricData::ExponentialHistogram { points, temporality } => points.iter().for_each(|p| {
                let (min, max) = (p.min.unwrap(), p.max.unwrap());
                let sides = [&p.positive, &p.negative].map(|b| (b.offset, b.counts.clone()));
                let row = format!(
                    "exponential {temporality:?} {} {} {min} {max} {} {} {sides:?}",
                    p.count, p.sum, p.scale, p.zero_count
                );
                put(&p.attributes, row);
            }),
        }
    }
    out
}

trait Double: Copy {
    fn double(self) -> f64;
}
impl Double for f64 {
    fn double(self) -> f64 {
        self
    }
}
impl Double for u64 {
    fn double(self) -> f64 {
        self as f64
    }
}
impl Double for i64 {
    fn double(self) -> f64 {
        self as f64
    }
}

fn of_sdk(metrics: &sdk::data::ResourceMetrics) -> Points {
    use sdk::data::AggregatedMetrics as A;
    let mut out = Points::new();
    for (scope, m) in metrics.scope_metrics().flat_map(|s| s.metrics().map(move |m| (s.scope(), m))) {
        let head = format!("{} {} {:?} {:?}", scope.name(), m.name(), m.unit(), m.description());
        match m.data() {
            A::F64(data) => sdk_points(&head, data, &mut out),
            A::U64(data) => sdk_points(&head, data, &mut out),
            A::I64(data) => sdk_points(&head, data, &mut out),
        }
    }
    out
}

fn sdk_points<T: Double>(head: &str, data: &sdk::data::MetricData<T>, out: &mut Points) {
    use sdk::data::MetricData as D;
    let key = |a: &mut dyn Iterator<Item = &KeyValue>| {
        let pairs: Vec<(String, String)> = a.map(|kv| (kv.key.to_string(), kv.value.to_string())).collect();
        series(head, pairs.iter().map(|(k, v)| (k.as_str(), v.clone())))
    };
    match data {
        D::Sum(sum) => sum.data_points().for_each(|p| {
            let value = p.value().double();
            let row = format!("sum {:?} {} {value}", sum.temporality(), sum.is_monotonic());
            out.insert(key(&mut p.attributes()), row);
        }),
        D::Gauge(gauge) => gauge.data_points().for_each(|p| {
            out.insert(key(&mut p.attributes()), format!("gauge {}", p.value().double()));
        }),
        D::Histogram(histogram) => histogram.data_points().for_each(|p| {
            let (min, max) = (p.min().unwrap().double(), p.max().unwrap().double());
            let (bounds, buckets): (Vec<f64>, Vec<u64>) = (p.bounds().collect(), p.bucket_counts().collect());
            let row = format!(
                "histogram {:?} {} {} {min} {max} {bounds:?} {buckets:?}",
                histogram.temporality(),
                p.count(),
                p.sum().double()
            );
            out.insert(key(&mut p.attributes()), row);
        }),
        D::ExponentialHistogram(histogram) => histogram.data_points().for_each(|p| {
            let (min, max) = (p.min().unwrap().double(), p.max().unwrap().double());
            let sides = [p.positive_bucket(), p.negative_bucket()]
                .map(|b| (b.offset(), b.counts().collect::<Vec<_>>()));
            let row = format!(
                "exponential {:?} {} {} {min} {max} {} {} {sides:?}",
                histogram.temporality(),
                p.count(),
                p.sum().double(),
                p.scale(),
                p.zero_count()
            );
            out.insert(key(&mut p.attributes()), row);
        }),
    }
}

/// The SDK's reader gives itself away; this one stays at hand.
#[derive(Clone, Debug)]
struct Shared(Arc<sdk::ManualReader>);

impl sdk::reader::MetricReader for Shared {
    fn register_pipeline(&self, pipeline: std::sync::Weak<sdk::Pipeline>) {
        self.0.register_pipeline(pipeline);
    }
    fn collect(&self, metrics: &mut sdk::data::ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }
    fn temporality(&self, kind: sdk::InstrumentKind) -> sdk::Temporality {
        self.0.temporality(kind)
    }
}

const MAX_SIZE: u32 = 20;

fn official(temporality: sdk::Temporality) -> (sdk::SdkMeterProvider, Shared) {
    let reader = Shared(Arc::new(sdk::ManualReader::builder().with_temporality(temporality).build()));
    let view = |i: &sdk::Instrument| match i.name() {
        "exponential" => {
            let aggregation = sdk::Aggregation::Base2ExponentialHistogram {
                max_size: MAX_SIZE,
                max_scale: 20,
                record_min_max: true,
            };
            sdk::Stream::builder().with_aggregation(aggregation).build().ok()
        }
        "viewed" => sdk::Stream::builder()
            .with_name("renamed")
            .with_description("by a view")
            .with_allowed_attribute_keys([opentelemetry::Key::new("b")])
            .with_aggregation(sdk::Aggregation::ExplicitBucketHistogram {
                boundaries: vec![1.0, 10.0],
                record_min_max: true,
            })
            .build()
            .ok(),
        _ => None,
    };
    (sdk::SdkMeterProvider::builder().with_reader(reader.clone()).with_view(view).build(), reader)
}

fn ours(temporality: TemporalityPreference) -> (MeterProvider, MetricReader) {
    let exponential = Aggregation::ExponentialHistogram { max_size: MAX_SIZE, max_scale: 20 };
    let views = vec![
        View::of("exponential").aggregation(exponential),
        View::of("viewed")
            .rename("renamed")
            .describe("by a view")
            .keep_attributes(["b"])
            .aggregation(Aggregation::ExplicitHistogram { bounds: vec![1.0, 10.0] }),
    ];
    let options = RegistryOptions { views, ..RegistryOptions::default() };
    let registry = MeterRegistry::with_options(Arc::new(Resource::service("t")), options).unwrap();
    (MeterProvider::new(registry.clone()), registry.reader(temporality))
}

fn compare(ours: &MetricReader, official: &Shared, delta: bool) -> Result<(), TestCaseError> {
    let mut metrics = sdk::data::ResourceMetrics::default();
    official.collect(&mut metrics).unwrap();
    let (mut ours, mut official) = (of_ours(&ours.collect(Timestamp::now())), of_sdk(&metrics));
    if delta {
        // Additions of zero make a point of the SDK's. Ours are left out, unless they were observed.
        let nothing = |_: &String, row: &mut String| !(row.starts_with("sum Delta") && row.ends_with(" 0"));
        ours.retain(nothing);
        official.retain(nothing);
        // The SDK forgets the last value of a gauge when it has told it.
        ours.retain(|key, row| !row.starts_with("gauge") || official.contains_key(key));
    }
    prop_assert_eq!(ours, official);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn the_official_sdk_sees_the_same(
        steps in prop::collection::vec(step(), 1..80),
        temporality in prop::sample::select(vec![
            (sdk::Temporality::Cumulative, TemporalityPreference::Cumulative),
            (sdk::Temporality::Delta, TemporalityPreference::Delta),
            (sdk::Temporality::LowMemory, TemporalityPreference::LowMemory),
        ]),
    ) {
        let ((sdk_provider, sdk_reader), (provider, reader)) = (official(temporality.0), ours(temporality.1));
        let programs = [Program::new(&sdk_provider.meter("lib")), Program::new(&provider.meter("lib"))];
        let delta = temporality.0 != sdk::Temporality::Cumulative;
        for step in &steps {
            programs.iter().for_each(|p| p.run(step));
            if matches!(step, Step::Collect) {
                compare(&reader, &sdk_reader, delta)?;
            }
        }
        compare(&reader, &sdk_reader, delta)?;
    }
}
