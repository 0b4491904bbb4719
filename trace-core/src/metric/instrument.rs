//! What all instruments that are recorded into share: finding the series, and taking the measurement.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::descriptor::Descriptor;
use super::exemplar::ExemplarSource;
use super::hash::{hash_attributes, same_attributes};
use super::registry::Shared;
use super::series::{Cell, Series};
use super::table::Table;
use super::{InstrumentKind, cache};
use crate::model::{
    AttributeSet, Exemplar, HistogramPoint, KeyValue, Metric, MetricData, Number, NumberPoint, Temporality,
    Timestamp,
};

/// Behind a counter, gauge or histogram.
pub(super) struct Instrument {
    /// Unique in the process: the cache of a thread serves all registries.
    id: u64,
    pub(super) descriptor: Descriptor,
    pub(super) bounds: Arc<[f64]>,
    /// The keys that make a series, or all.
    pub(super) allowed: Option<Vec<Cow<'static, str>>>,
    shared: Arc<Shared>,
    table: RwLock<Table>,
    /// Set once the limit was passed.
    overflow: OnceLock<Arc<Series>>,
}

impl Instrument {
    pub(super) fn new(
        descriptor: Descriptor,
        bounds: Arc<[f64]>,
        allowed: Option<Vec<Cow<'static, str>>>,
        shared: Arc<Shared>,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Relaxed);
        Self { id, descriptor, bounds, allowed, shared, table: RwLock::default(), overflow: OnceLock::new() }
    }

    /// Takes a measurement for the series with these attributes.
    #[inline]
    pub(super) fn record(&self, value: Number, attributes: &[KeyValue]) {
        if !self.descriptor.kind.accepts(value) {
            return self.shared.reject();
        }
        // Apart, so that the usual case pays for no filter.
        match self.allowed {
            None => self.record_kept(value, attributes, attributes.iter()),
            Some(_) => self.record_kept(value, attributes, self.kept(attributes)),
        }
    }

    #[inline]
    fn record_kept<'a, I>(&self, value: Number, attributes: &[KeyValue], kept: I)
    where
        I: Iterator<Item = &'a KeyValue> + Clone,
    {
        let take = |series: &Series| self.update(series, value, attributes);
        let hash = hash_attributes(kept.clone(), self.shared.seed);
        let is_it = |series: &Series| same_attributes(&series.attributes, kept.clone());
        if !cache::with(self.id, hash, is_it, take) {
            take(&self.find_or_create(hash, attributes));
        }
    }

    /// The attributes that make a series.
    #[inline]
    fn kept<'a>(&'a self, attributes: &'a [KeyValue]) -> impl Iterator<Item = &'a KeyValue> + Clone {
        attributes.iter().filter(|kv| self.keeps(&kv.key))
    }

    #[inline]
    fn keeps(&self, key: &str) -> bool {
        self.allowed.as_ref().is_none_or(|keys| keys.iter().any(|k| k == key))
    }

    #[inline]
    fn update(&self, series: &Series, value: Number, attributes: &[KeyValue]) {
        match (series.update(value), self.shared.exemplar_source.get()) {
            (None, _) => self.shared.reject(),
            (Some(slot), Some(source)) => self.keep_exemplar(*source, series, slot, value, attributes),
            (Some(_), None) => {}
        }
    }

    #[inline]
    fn keep_exemplar(
        &self,
        source: ExemplarSource,
        series: &Series,
        slot: usize,
        value: Number,
        attributes: &[KeyValue],
    ) {
        if let Some((trace_id, span_id)) = source() {
            series.exemplars.offer(slot, || Exemplar {
                time: Timestamp::now(),
                value,
                trace_id: Some(trace_id),
                span_id: Some(span_id),
                attributes: attributes.iter().filter(|kv| !self.keeps(&kv.key)).cloned().collect(),
            });
        }
    }

    /// The series, made if it is new, or the overflow series if there are too many. Allocates only for a series
    /// that is new, and for attributes that repeat a key.
    #[cold]
    fn find_or_create(&self, hash: u64, attributes: &[KeyValue]) -> Arc<Series> {
        {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            let is_it = |s: &Series| same_attributes(&s.attributes, self.kept(attributes));
            if let Some(series) = table.find(hash, is_it) {
                cache::put(self.id, hash, series);
                return series.clone();
            }
            // Without this, every measurement past the limit would take the write lock.
            if let Some(overflow) = self.overflow.get()
                && !self.repeats_a_key(attributes)
            {
                return overflow.clone();
            }
        }
        let set: AttributeSet = self.kept(attributes).cloned().collect();
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = self.find_set(&table, &set) {
            return series.clone();
        }
        if table.series().len() < self.shared.cardinality_limit {
            return self.create(&mut table, set);
        }
        let set = overflow_attributes();
        let known = self.find_set(&table, &set).cloned();
        let overflow = known.unwrap_or_else(|| self.create(&mut table, set));
        self.overflow.get_or_init(|| overflow).clone()
    }

    /// Whether the set of these attributes is smaller than their list, and so may be a series that exists.
    fn repeats_a_key(&self, attributes: &[KeyValue]) -> bool {
        let mut kept = self.kept(attributes).enumerate();
        kept.any(|(i, a)| self.kept(attributes).take(i).any(|b| a.key == b.key))
    }

    fn find_set<'a>(&self, table: &'a Table, set: &AttributeSet) -> Option<&'a Arc<Series>> {
        let hash = hash_attributes(set.iter(), self.shared.seed);
        table.find(hash, |s| same_attributes(&s.attributes, set.iter()))
    }

    fn create(&self, table: &mut Table, set: AttributeSet) -> Arc<Series> {
        let hash = hash_attributes(set.iter(), self.shared.seed);
        let series = Arc::new(Series::new(set, self.descriptor.kind, &self.bounds, self.shared.shards));
        table.insert(hash, series.clone());
        series
    }

    /// The metric at this moment; `None` if it has no series.
    pub(super) fn collect(&self, time: Timestamp) -> Option<Metric> {
        // Copied, so that recording threads wait for no more than that.
        let series = self.table.read().unwrap_or_else(PoisonError::into_inner).series().to_vec();
        let kind = self.descriptor.kind;
        let data = if kind == InstrumentKind::Histogram {
            let points = series.iter().filter_map(|s| self.histogram_point(s, time)).collect();
            MetricData::Histogram { points, temporality: Temporality::Cumulative }
        } else {
            let points = series.iter().filter_map(|s| self.number_point(s, time)).collect();
            number_data(kind, points)
        };
        (data.point_count() > 0).then(|| self.descriptor.metric(data))
    }

    fn number_point(&self, series: &Series, time: Timestamp) -> Option<NumberPoint> {
        let value = match &series.cell {
            Cell::Sum(sum) => sum.total(self.descriptor.kind.is_monotonic()),
            Cell::Gauge(gauge) => gauge.get()?,
            Cell::Histogram(_) => return None,
        };
        let attributes = series.attributes.clone();
        Some(NumberPoint {
            attributes,
            start: self.shared.start,
            time,
            value,
            exemplars: series.exemplars.snapshot(),
        })
    }

    fn histogram_point(&self, series: &Series, time: Timestamp) -> Option<HistogramPoint> {
        let Cell::Histogram(histogram) = &series.cell else { return None };
        let found = histogram.snapshot();
        Some(HistogramPoint {
            attributes: series.attributes.clone(),
            start: self.shared.start,
            time,
            count: found.buckets.iter().sum(),
            sum: found.sum,
            min: found.min,
            max: found.max,
            bounds: found.bounds,
            buckets: found.buckets,
            exemplars: series.exemplars.snapshot(),
        })
    }
}

impl fmt::Debug for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instrument").field(&self.descriptor.name).field(&self.descriptor.kind).finish()
    }
}

/// One series of an instrument.
#[derive(Clone)]
pub(super) struct Bound {
    instrument: Arc<Instrument>,
    series: Arc<Series>,
}

impl Bound {
    pub(super) fn new(instrument: &Arc<Instrument>, attributes: &[KeyValue]) -> Self {
        let hash = hash_attributes(instrument.kept(attributes), instrument.shared.seed);
        Self { instrument: instrument.clone(), series: instrument.find_or_create(hash, attributes) }
    }

    #[inline]
    pub(super) fn record(&self, value: Number) {
        if self.instrument.descriptor.kind.accepts(value) {
            self.instrument.update(&self.series, value, &[]);
        } else {
            self.instrument.shared.reject();
        }
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bound").field(&self.instrument).field(&self.series.attributes).finish()
    }
}

/// The series of everything past the limit (OpenTelemetry metrics SDK, "Cardinality limits").
fn overflow_attributes() -> AttributeSet {
    AttributeSet::new([KeyValue::new("otel.metric.overflow", true)])
}

/// Points of one metric, all doubles if one of them is.
pub(super) fn number_data(kind: InstrumentKind, mut points: Vec<NumberPoint>) -> MetricData {
    if points.iter().any(|p| matches!(p.value, Number::F64(_))) {
        for p in &mut points {
            p.value = Number::F64(p.value.as_f64());
        }
    }
    match kind {
        InstrumentKind::Gauge | InstrumentKind::ObservableGauge => MetricData::Gauge { points },
        _ => MetricData::Sum { points, temporality: Temporality::Cumulative, monotonic: kind.is_monotonic() },
    }
}
