//! Our collected metrics as the SDK's.
//!
//! Nothing outside of the SDK can build its metric types. So the SDK builds them: a private meter provider has an
//! instrument for each of our metrics, is told the values of a batch, and is collected.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument as View, InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Stream,
    Temporality as OfficialTemporality,
};

use super::mirrored::{Instrument, Shape};
use super::resource::{resource_to_sdk, scope_to, set_to};
use crate::model::{Metric, MetricBatch, MetricData, Number, NumberPoint, Resource, Scope, Temporality};

/// Metrics of one resource beyond this number are refused: instruments are never freed.
const MAX_INSTRUMENTS: usize = 4096;
/// Measurements that are re-enacted for one collection; at some 100 ns each this takes 2 s.
const MAX_MEASUREMENTS: u64 = 20_000_000;

/// Data points that could not be passed on, by reason.
#[derive(Debug, Default)]
pub(super) struct Refused(BTreeMap<&'static str, u64>);

impl Refused {
    pub(super) fn add(&mut self, n: u64, reason: &'static str) {
        if n > 0 {
            *self.0.entry(reason).or_default() += n;
        }
    }

    pub(super) fn points(&self) -> u64 {
        self.0.values().sum()
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the official exporter cannot be given")?;
        for (i, (reason, n)) in self.0.iter().enumerate() {
            write!(f, "{} {n} data points: {reason}", if i > 0 { ";" } else { "" })?;
        }
        Ok(())
    }
}

/// The metrics of one resource in a private meter provider.
pub(super) struct Mirror {
    resource: Arc<Resource>,
    provider: SdkMeterProvider,
    reader: Reader,
    meters: Vec<(Arc<Scope>, Meter)>,
    instruments: HashMap<Id, Instrument>,
    series_limit: usize,
}

/// What tells two instruments apart.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Id {
    scope: usize,
    name: String,
    unit: String,
    description: String,
    shape: Shape,
}

/// How the instrument that is being built shall look. The SDK asks for it while it builds.
#[derive(Clone, Default)]
struct Plan {
    name: String,
    unit: String,
    description: String,
    temporality: Temporality,
    aggregation: Option<(Vec<f64>, bool)>,
    series_limit: usize,
}

/// A reader that is collected by hand, and takes the temporality from the plan.
#[derive(Clone)]
struct Reader {
    inner: Arc<ManualReader>,
    plan: Arc<Mutex<Plan>>,
}

impl Mirror {
    pub(super) fn new(resource: Arc<Resource>, series_limit: usize) -> Self {
        let plan: Arc<Mutex<Plan>> = Arc::default();
        let reader = Reader { inner: Arc::default(), plan: plan.clone() };
        let view = move |_: &View| stream(&plan.lock().unwrap_or_else(PoisonError::into_inner));
        let provider = SdkMeterProvider::builder()
            .with_resource(resource_to_sdk(&resource))
            .with_reader(reader.clone())
            .with_view(view)
            .build();
        let (meters, instruments) = (Vec::new(), HashMap::new());
        Self { resource, provider, reader, meters, instruments, series_limit }
    }

    /// Whether it is of this resource.
    pub(super) fn is_of(&self, resource: &Arc<Resource>) -> bool {
        Arc::ptr_eq(&self.resource, resource) || self.resource == *resource
    }

    /// The batch in the SDK's types, and what had to be left out.
    ///
    /// # Errors
    /// If the SDK's reader fails.
    pub(super) fn reflect(
        &mut self,
        batch: &MetricBatch,
    ) -> Result<(ResourceMetrics, Refused), opentelemetry_sdk::error::OTelSdkError> {
        let mut refused = Refused::default();
        let mut budget = MAX_MEASUREMENTS;
        for scope in &batch.scopes {
            let at = self.scope(&scope.scope);
            for metric in &scope.metrics {
                self.tell(at, metric, &mut budget, &mut refused);
            }
        }
        let mut metrics = ResourceMetrics::default();
        self.reader.inner.collect(&mut metrics)?;
        self.instruments.values_mut().for_each(Instrument::collected);
        Ok((metrics, refused))
    }

    fn scope(&mut self, scope: &Arc<Scope>) -> usize {
        let known = self.meters.iter().position(|(s, _)| Arc::ptr_eq(s, scope) || s == scope);
        known.unwrap_or_else(|| {
            self.meters.push((scope.clone(), self.provider.meter_with_scope(scope_to(scope))));
            self.meters.len() - 1
        })
    }

    fn tell(&mut self, scope: usize, metric: &Metric, budget: &mut u64, refused: &mut Refused) {
        match &metric.data {
            MetricData::Sum { points, temporality, monotonic } => {
                let shape =
                    |is_float| Shape::Sum { is_float, monotonic: *monotonic, temporality: *temporality };
                self.tell_numbers(scope, metric, points, shape, refused);
            }
            MetricData::Gauge { points } => {
                self.tell_numbers(scope, metric, points, |is_float| Shape::Gauge { is_float }, refused);
            }
            // The SDK computes its buckets from single measurements, which are not known any more.
            MetricData::ExponentialHistogram { points, .. } => refused.add(points.len() as u64, UNBUILDABLE),
            MetricData::Histogram { points, temporality } => {
                let Some(first) = points.first() else { return };
                let bounds = (first.bounds.to_vec(), first.min.is_some());
                let shape = Shape::Histogram { temporality: *temporality };
                let Some(instrument) = self.instrument(scope, metric, shape, Some(bounds)) else {
                    return refused.add(points.len() as u64, UNBUILDABLE);
                };
                for point in points {
                    instrument.tell_histogram(set_to(&point.attributes), point, budget, refused);
                }
            }
        }
    }

    fn tell_numbers(
        &mut self,
        scope: usize,
        metric: &Metric,
        points: &[NumberPoint],
        shape: impl Fn(bool) -> Shape,
        refused: &mut Refused,
    ) {
        let limit = self.series_limit;
        for is_float in [false, true] {
            let mut of_type =
                points.iter().filter(|p| matches!(p.value, Number::F64(_)) == is_float).peekable();
            if of_type.peek().is_none() {
                continue;
            }
            let Some(instrument) = self.instrument(scope, metric, shape(is_float), None) else {
                refused.add(of_type.count() as u64, UNBUILDABLE);
                continue;
            };
            for (i, point) in of_type.enumerate() {
                // The overflow series is one more than the limit.
                if i > limit {
                    refused.add(1, "more series than the limit");
                } else {
                    instrument.tell(set_to(&point.attributes), point.value, refused);
                }
            }
        }
    }

    fn instrument(
        &mut self,
        scope: usize,
        metric: &Metric,
        shape: Shape,
        aggregation: Option<(Vec<f64>, bool)>,
    ) -> Option<&mut Instrument> {
        let id = Id {
            scope,
            name: metric.name.to_string(),
            unit: metric.unit.to_string(),
            description: metric.description.to_string(),
            shape,
        };
        if !self.instruments.contains_key(&id) {
            if self.instruments.len() >= MAX_INSTRUMENTS {
                return None;
            }
            let plan = Plan {
                name: id.name.clone(),
                unit: id.unit.clone(),
                description: id.description.clone(),
                temporality: shape.temporality(),
                aggregation,
                series_limit: self.series_limit,
            };
            // What the view cannot say, the SDK would replace by its defaults.
            stream(&plan)?;
            let bounds =
                plan.aggregation.as_ref().map(|(bounds, _)| Arc::from(&**bounds)).unwrap_or_default();
            *self.reader.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
            // The name that counts is the view's, for which there is no syntax.
            let name = format!("m{}", self.instruments.len());
            let built = Instrument::build(&self.meters.get(scope)?.1, name, shape, bounds, self.series_limit);
            self.instruments.insert(id.clone(), built);
        }
        self.instruments.get_mut(&id)
    }
}

const UNBUILDABLE: &str =
    "no instrument can be built (unit over 63 ASCII characters, bounds not ascending, or too many)";

fn stream(plan: &Plan) -> Option<Stream> {
    let mut builder = Stream::builder()
        .with_name(plan.name.clone())
        .with_description(plan.description.clone())
        .with_unit(plan.unit.clone())
        .with_cardinality_limit(plan.series_limit.max(1));
    if let Some((boundaries, record_min_max)) = plan.aggregation.clone() {
        builder =
            builder.with_aggregation(Aggregation::ExplicitBucketHistogram { boundaries, record_min_max });
    }
    builder.build().ok()
}

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.inner.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.inner.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, _kind: InstrumentKind) -> OfficialTemporality {
        match self.plan.lock().unwrap_or_else(PoisonError::into_inner).temporality {
            Temporality::Cumulative => OfficialTemporality::Cumulative,
            Temporality::Delta => OfficialTemporality::Delta,
        }
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}
