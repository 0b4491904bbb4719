//! The totals of all metrics that come as deltas.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use trace_core::metric::{LiveMetric, LiveMetrics};
use trace_core::model::{
    ExponentialPoint, HistogramPoint, Metric, MetricData, NumberPoint, Scope, Temporality, Timestamp,
};

use super::config::DeltaConfig;
use super::identity;
use super::point::Total;
use super::stream::{Stream, Taken};
use crate::prometheus::{DropReason, Report};

/// How often series are looked through for stale ones, as a part of the time after which they are.
const SWEEPS: u32 = 4;

/// What an [`Accumulator`] did since it was made, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accumulated {
    /// Series whose totals are kept at this moment.
    pub series: usize,
    /// Deltas that were added.
    pub added: u64,
    /// Of these, those that began a series, or began one anew because bounds changed or a count was full.
    pub begun: u64,
    /// Of these, those that began after the end of the one before. A source that leaves out series at rest makes gaps,
    /// and so does a lost delta: the total goes on.
    pub gaps: u64,
    /// Of these, those that began before the end of the one before, such as when two sources are not told apart.
    pub overlaps: u64,
    /// Deltas that came once more, and were not added again.
    pub repeated: u64,
    /// Deltas that ended before the last one did; left out.
    pub out_of_order: u64,
    /// Deltas whose parts contradict each other, without a time, or below zero though monotonic; left out.
    pub malformed: u64,
    /// Deltas of new series past the limit; left out.
    pub over_limit: u64,
    /// Series that were forgotten, since no delta came for so long.
    pub forgotten: u64,
}

/// Adds up deltas: what comes in as a delta goes out as the total since the start of its series.
///
/// A stream is known by its resource, scope, name, unit, kind and attributes. Its total keeps the start of its first
/// delta, is shown also when no delta came, and is forgotten after a while without one. Totals and last values pass
/// through as they are.
///
/// ```
/// use trace_core::metric::{LiveMetrics, MeterRegistry, TemporalityPreference};
/// use trace_core::model::{Resource, Scope, Timestamp};
/// use trace_exporters::prometheus::{Accumulator, ContentType, DeltaConfig, Encoder, ExpositionConfig, Report};
///
/// let registry = MeterRegistry::new(Resource::service("shop").into());
/// let orders = registry.meter(Scope::named("shop")).counter("orders").build()?;
/// let mut reader = registry.reader(TemporalityPreference::Delta);
/// let mut accumulator = Accumulator::new(DeltaConfig::default());
/// let mut text = Vec::new();
/// for _ in 0..2 {
///     orders.add(2, &[]);
///     let deltas = reader.collect(Timestamp::now());
///     let mut report = Report::default();
///     let totals = accumulator.accumulate(LiveMetrics::from(&deltas), Timestamp::now(), &mut report);
///     text.clear();
///     Encoder::new(ExpositionConfig::default()).encode(&totals, ContentType::default(), &mut text);
/// }
/// assert!(String::from_utf8(text)?.contains("orders_total{otel_scope_name=\"shop\"} 4\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Accumulator {
    config: DeltaConfig,
    /// By identity: the metrics of a resource are neighbours.
    metrics: BTreeMap<Vec<u8>, Kept>,
    counts: Accumulated,
    swept: Timestamp,
}

/// A metric that comes as deltas.
struct Kept {
    scope: Arc<Scope>,
    /// Without points.
    about: Metric,
    totals: Totals,
}

enum Totals {
    Sum(Stream<NumberPoint>, bool),
    Histogram(Stream<HistogramPoint>),
    Exponential(Stream<ExponentialPoint>),
}

impl Accumulator {
    /// With nothing added up yet.
    pub fn new(config: DeltaConfig) -> Self {
        Self { config, metrics: BTreeMap::new(), counts: Accumulated::default(), swept: Timestamp::default() }
    }

    /// What was done so far.
    pub fn counts(&self) -> Accumulated {
        self.counts
    }

    /// The metrics with totals in place of deltas, and the totals of this resource's other series that came as deltas
    /// before. What could not be added is in the report. The same deltas once more change nothing.
    pub fn accumulate<'a>(
        &mut self,
        live: LiveMetrics<'a>,
        now: Timestamp,
        report: &mut Report,
    ) -> LiveMetrics<'a> {
        let is_delta = |m: &LiveMetric<'a>| m.temporality() == Temporality::Delta;
        if self.metrics.is_empty() && !live.metrics.iter().any(is_delta) {
            return live;
        }
        let LiveMetrics { resource, metrics, .. } = live;
        let identity = identity::of_resource(&resource);
        let time = metrics.iter().filter_map(LiveMetric::as_collected).map(latest).max().unwrap_or_default();
        let mut shown = Vec::with_capacity(metrics.len());
        for metric in metrics {
            match metric.as_collected().filter(|_| is_delta(&metric)) {
                Some(delta) => self.take(&identity, metric.scope(), delta, now, report),
                None => shown.push(metric),
            }
        }
        // After the deltas: what was just heard of is not forgotten, however long the one who brings them was away.
        self.sweep(now);
        let known = self.metrics.range(identity.clone()..).take_while(|(key, _)| key.starts_with(&identity));
        shown.extend(known.map(|(_, held)| held.metric(time)));
        LiveMetrics { resource, metrics: shown }
    }

    fn take(
        &mut self,
        resource: &[u8],
        scope: &Arc<Scope>,
        metric: &Metric,
        now: Timestamp,
        report: &mut Report,
    ) {
        let key = identity::of_metric(resource, scope, metric);
        if !self.metrics.contains_key(&key) {
            let Some(held) = Kept::new(scope, metric) else { return };
            self.metrics.insert(key.clone(), held);
        }
        let Some(held) = self.metrics.get_mut(&key) else { return };
        held.about.description.clone_from(&metric.description);
        let mut round = Round { limit: self.config.max_series, now, counts: &mut self.counts };
        let left_out = match (&mut held.totals, &metric.data) {
            (Totals::Sum(held, monotonic), MetricData::Sum { points, .. }) => {
                round.take(held, points, *monotonic)
            }
            (Totals::Histogram(held), MetricData::Histogram { points, .. }) => round.take(held, points, true),
            (Totals::Exponential(held), MetricData::ExponentialHistogram { points, .. }) => {
                round.take(held, points, true)
            }
            // The kind is part of the key.
            _ => return,
        };
        if held.totals.len() == 0 {
            self.metrics.remove(&key);
        }
        for (count, reason) in left_out {
            report.drop(&metric.name, count, reason);
        }
    }

    /// Forgets what is stale, from time to time.
    fn sweep(&mut self, now: Timestamp) {
        let Some(limit) = self.config.stale_after() else { return };
        if now.since(self.swept) < limit / SWEEPS {
            return;
        }
        self.swept = now;
        let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        let since = Timestamp::from_unix_nanos(now.unix_nanos().saturating_sub(nanos));
        let mut forgotten = 0;
        self.metrics.retain(|_, held| {
            forgotten += held.totals.forget(since);
            held.totals.len() > 0
        });
        self.counts.series -= forgotten;
        self.counts.forgotten += forgotten as u64;
    }
}

/// The points of one metric on their way.
struct Round<'a> {
    limit: usize,
    now: Timestamp,
    counts: &'a mut Accumulated,
}

impl Round<'_> {
    /// What was left out.
    fn take<P: Total>(
        &mut self,
        held: &mut Stream<P>,
        points: &[P],
        monotonic: bool,
    ) -> [(usize, DropReason); 3] {
        let (mut late, mut malformed, mut surplus) = (0, 0, 0);
        let counts = &mut *self.counts;
        for point in points {
            let before = held.len();
            let room = counts.series < self.limit;
            let taken = held.take(point, monotonic, room, self.now);
            counts.series += held.len() - before;
            match taken {
                Taken::First => counts.begun += 1,
                Taken::Next => {}
                Taken::Gap => counts.gaps += 1,
                Taken::Overlap => counts.overlaps += 1,
                Taken::Repeated => counts.repeated += 1,
                Taken::Late => late += 1,
                Taken::Malformed => malformed += 1,
                Taken::Surplus => surplus += 1,
            }
            if matches!(taken, Taken::First | Taken::Next | Taken::Gap | Taken::Overlap) {
                counts.added += 1;
            }
        }
        counts.out_of_order += late as u64;
        counts.malformed += malformed as u64;
        counts.over_limit += surplus as u64;
        [
            (late, DropReason::OutOfOrder),
            (malformed, DropReason::MalformedDelta),
            (surplus, DropReason::TooManySeries),
        ]
    }
}

impl Kept {
    /// `None` for data that has no deltas.
    fn new(scope: &Arc<Scope>, metric: &Metric) -> Option<Self> {
        let totals = match &metric.data {
            MetricData::Sum { monotonic, .. } => Totals::Sum(Stream::default(), *monotonic),
            MetricData::Histogram { .. } => Totals::Histogram(Stream::default()),
            MetricData::ExponentialHistogram { .. } => Totals::Exponential(Stream::default()),
            _ => return None,
        };
        let about = Metric {
            name: metric.name.clone(),
            description: metric.description.clone(),
            unit: metric.unit.clone(),
            data: MetricData::Gauge { points: Vec::new() },
        };
        Some(Self { scope: scope.clone(), about, totals })
    }

    fn metric(&self, time: Timestamp) -> LiveMetric<'static> {
        let temporality = Temporality::Cumulative;
        let data = match &self.totals {
            Totals::Sum(held, monotonic) => {
                MetricData::Sum { points: held.totals(time), temporality, monotonic: *monotonic }
            }
            Totals::Histogram(held) => MetricData::Histogram { points: held.totals(time), temporality },
            Totals::Exponential(held) => {
                MetricData::ExponentialHistogram { points: held.totals(time), temporality }
            }
        };
        LiveMetric::of(&self.scope, Cow::Owned(Metric { data, ..self.about.clone() }))
    }
}

impl Totals {
    fn len(&self) -> usize {
        match self {
            Self::Sum(held, _) => held.len(),
            Self::Histogram(held) => held.len(),
            Self::Exponential(held) => held.len(),
        }
    }

    fn forget(&mut self, since: Timestamp) -> usize {
        match self {
            Self::Sum(held, _) => held.forget(since),
            Self::Histogram(held) => held.forget(since),
            Self::Exponential(held) => held.forget(since),
        }
    }
}

/// The latest time of a metric's points.
fn latest(metric: &Metric) -> Timestamp {
    let time = match &metric.data {
        MetricData::Sum { points, .. } | MetricData::Gauge { points } => points.iter().map(|p| p.time).max(),
        MetricData::Histogram { points, .. } => points.iter().map(|p| p.time).max(),
        MetricData::ExponentialHistogram { points, .. } => points.iter().map(|p| p.time).max(),
        _ => None,
    };
    time.unwrap_or_default()
}

impl fmt::Debug for Accumulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accumulator")
            .field("config", &self.config)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}
