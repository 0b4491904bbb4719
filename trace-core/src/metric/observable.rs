//! Instruments whose values are asked for when metrics are collected.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::collect::{Collection, number_data, observed_point};
use super::descriptor::Descriptor;
use super::hash::{hash_attributes, same_attributes};
use super::registry::Shared;
use super::scope::ScopeInstruments;
use super::series::CellKind;
use super::stream::{StreamSpec, next_id, overflow_attributes};
use super::table::Table;
use super::{InstrumentKind, InvalidInstrument};
use crate::model::{AttributeSet, KeyValue, Metric, MetricData, Number, Temporality, Timestamp};

/// Series that a callback may observe, unless the cardinality limit is higher. A view may add many of them up.
const MAX_OBSERVED: usize = 65_536;

pub(super) type Callback = Arc<dyn Fn(&mut Observations<'_>) + Send + Sync>;

/// An observable instrument before its callback is known.
#[must_use = "nothing is registered until `observe` is called"]
#[derive(Debug)]
pub struct ObservableBuilder<'a> {
    pub(super) descriptor: Descriptor,
    pub(super) scope: &'a Arc<ScopeInstruments>,
    pub(super) shared: &'a Arc<Shared>,
}

impl ObservableBuilder<'_> {
    /// The UCUM unit: `s`, `By`, `1`, `{request}`.
    pub fn unit(mut self, unit: impl Into<Cow<'static, str>>) -> Self {
        self.descriptor.unit = unit.into();
        self
    }

    /// What it measures, in a sentence.
    pub fn description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.descriptor.description = description.into();
        self
    }

    /// Registers the instrument with a callback, which runs at each collection, on the collecting thread. It must
    /// be quick and must not collect in turn. A panic in it is caught and counted. If the scope has this
    /// instrument already, its callbacks all run, and the last value of a series is taken.
    ///
    /// # Errors
    /// If the name or unit is invalid.
    pub fn observe(
        self,
        callback: impl Fn(&mut Observations<'_>) + Send + Sync + 'static,
    ) -> Result<(), InvalidInstrument> {
        self.descriptor.validate()?;
        self.scope.observe(self.descriptor, self.shared, Arc::new(callback));
        Ok(())
    }
}

/// Takes the values that a callback observes.
#[derive(Debug)]
pub struct Observations<'a> {
    kind: InstrumentKind,
    shared: &'a Shared,
    /// How many series it takes at most.
    limit: usize,
    found: Table<Observed>,
}

/// A series as it was observed.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    pub(super) attributes: Arc<AttributeSet>,
    pub(super) value: Number,
    /// When its source began to count, as far as is known. Of totals only.
    pub(super) start: Timestamp,
}

impl Observations<'_> {
    /// The present value of a series (for counters, its total). A second value for the same attributes replaces
    /// the first. NaN, infinities, a negative total of a counter, and series past 65,536 (or the cardinality limit,
    /// if that is higher) are refused and counted.
    pub fn observe(&mut self, value: impl Into<Number>, attributes: &[KeyValue]) {
        let value = value.into();
        if !self.kind.accepts(value) {
            return self.shared.reject();
        }
        let set: AttributeSet = attributes.iter().cloned().collect();
        let hash = hash_attributes(set.iter(), self.shared.seed);
        match self.found.find(hash, |o| same_attributes(&o.attributes, set.iter())) {
            Some(place) => self.found.items_mut()[place].value = value,
            None if self.found.items().len() >= self.limit => self.shared.reject(),
            None => {
                let attributes = Arc::new(set);
                self.found.insert(hash, Observed { attributes, value, start: self.shared.start });
            }
        }
    }
}

/// A registered observable instrument.
pub(super) struct Observable {
    pub(super) descriptor: Descriptor,
    streams: Vec<ObservedStream>,
    shared: Arc<Shared>,
    callbacks: Mutex<Vec<Callback>>,
    /// Held through a collection: what two of them find must not cross.
    collecting: Mutex<()>,
}

struct ObservedStream {
    id: u64,
    spec: StreamSpec,
    /// Totals and when they began, to notice a source that began anew; and the time of the collection.
    last: Mutex<(Table<Observed>, Timestamp)>,
}

impl Observable {
    pub(super) fn new(descriptor: Descriptor, streams: Vec<StreamSpec>, shared: Arc<Shared>) -> Self {
        let streams =
            streams.into_iter().map(|spec| ObservedStream { id: next_id(), spec, last: Mutex::default() });
        let (callbacks, collecting) = (Mutex::default(), Mutex::default());
        Self { descriptor, streams: streams.collect(), shared, callbacks, collecting }
    }

    pub(super) fn add(&self, callback: Callback) {
        self.callbacks.lock().unwrap_or_else(PoisonError::into_inner).push(callback);
    }

    /// Runs the callbacks, and appends the metrics that have points. What a callback observed before it panicked
    /// counts.
    pub(super) fn collect(&self, collection: &mut Collection<'_>, metrics: &mut Vec<Metric>) {
        if self.streams.is_empty() {
            return;
        }
        let _collecting = self.collecting.lock().unwrap_or_else(PoisonError::into_inner);
        // Copied, because a callback may register another one.
        let callbacks = self.callbacks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let limit = self.streams.iter().map(|s| s.spec.limit).max().unwrap_or(0).max(MAX_OBSERVED);
        let (kind, shared) = (self.descriptor.kind, &*self.shared);
        let mut observations = Observations { kind, shared, limit, found: Table::default() };
        for callback in callbacks {
            if catch_unwind(AssertUnwindSafe(|| callback(&mut observations))).is_err() {
                self.shared.count_panic();
            }
        }
        for stream in &self.streams {
            let data = stream.data(observations.found.items(), shared, collection);
            if data.point_count() > 0 {
                metrics.push(stream.spec.descriptor.metric(data));
            }
        }
    }
}

impl ObservedStream {
    fn data(&self, found: &[Observed], shared: &Shared, collection: &mut Collection<'_>) -> MetricData {
        let temporality = collection.temporality(&self.spec);
        let monotonic = self.spec.cell == CellKind::Sum { monotonic: true };
        let mut series = reduce(found, &self.spec, shared);
        let time = collection.time;
        if monotonic {
            self.find_starts(&mut series, shared, time);
        }
        let delta = match (temporality, collection.memory.as_deref_mut()) {
            (Temporality::Delta, Some(memory)) => {
                Some((memory.since, memory.observed.entry(self.id).or_default()))
            }
            _ => None,
        };
        let points = match delta {
            None => {
                series.items().iter().map(|o| observed_point(&o.attributes, o.value, o.start, time)).collect()
            }
            Some((since, before)) => {
                let points = series.items().iter().map(|o| {
                    let known = find(before, &o.attributes, shared).map(|place| before.items()[place].value);
                    let grown = known.map_or(o.value, |known| growth(known, o.value));
                    observed_point(&o.attributes, grown, since, time)
                });
                let points = points.collect();
                remember(before, series, self.spec.limit, shared);
                points
            }
        };
        number_data(&self.spec.cell, points, temporality)
    }

    /// A total that fell began anew: since the collection before, as far as anybody knows (OpenTelemetry metrics
    /// data model, "Resets and gaps").
    fn find_starts(&self, series: &mut Table<Observed>, shared: &Shared, time: Timestamp) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (totals, at) = &mut *last;
        for now in series.items_mut() {
            if let Some(place) = find(totals, &now.attributes, shared) {
                let before = &totals.items()[place];
                now.start = if now.value.as_f64() < before.value.as_f64() { *at } else { before.start };
            }
        }
        remember(totals, series.clone(), self.spec.limit, shared);
        *at = time;
    }
}

/// The series of a stream: filtered by its keys, and no more than its limit.
fn reduce(found: &[Observed], spec: &StreamSpec, shared: &Shared) -> Table<Observed> {
    let mut series: Table<Observed> = Table::default();
    let mut overflow = None;
    for o in found {
        let mut attributes = match &spec.allowed {
            None => o.attributes.clone(),
            Some(_) => Arc::new(o.attributes.iter().filter(|kv| spec.keeps(&kv.key)).cloned().collect()),
        };
        let mut place = find(&series, &attributes, shared);
        if place.is_none() && series.items().len() >= spec.limit {
            attributes = overflow.get_or_insert_with(|| Arc::new(overflow_attributes())).clone();
            place = find(&series, &attributes, shared);
        }
        match (place, &spec.cell) {
            (None, _) => {
                let hash = hash_attributes(attributes.iter(), shared.seed);
                series.insert(hash, Observed { attributes, ..o.clone() });
            }
            (Some(place), CellKind::Sum { .. }) => {
                let known = &mut series.items_mut()[place];
                known.value = sum(known.value, o.value);
            }
            (Some(place), _) => series.items_mut()[place].value = o.value,
        }
    }
    series
}

fn find(table: &Table<Observed>, attributes: &AttributeSet, shared: &Shared) -> Option<usize> {
    let hash = hash_attributes(attributes.iter(), shared.seed);
    table.find(hash, |o| same_attributes(&o.attributes, attributes.iter()))
}

/// Keeps the new values, and those of series that are absent this time, unless they are too many.
fn remember(before: &mut Table<Observed>, now: Table<Observed>, limit: usize, shared: &Shared) {
    if before.items().len() > limit.saturating_mul(2) {
        *before = now;
        return;
    }
    for o in now.items() {
        match find(before, &o.attributes, shared) {
            Some(place) => before.items_mut()[place] = o.clone(),
            None => {
                before.insert(hash_attributes(o.attributes.iter(), shared.seed), o.clone());
            }
        }
    }
}

fn sum(a: Number, b: Number) -> Number {
    match (a, b) {
        (Number::I64(a), Number::I64(b)) => {
            a.checked_add(b).map_or(Number::F64(a as f64 + b as f64), Number::I64)
        }
        _ => Number::F64((a.as_f64() + b.as_f64()).clamp(f64::MIN, f64::MAX)),
    }
}

/// How much a total grew; all of it, if it began anew.
fn growth(before: Number, now: Number) -> Number {
    match (before, now) {
        (Number::I64(a), Number::I64(b)) if b >= a => Number::I64(b - a),
        _ if now.as_f64() >= before.as_f64() => Number::F64(now.as_f64() - before.as_f64()),
        _ => now,
    }
}
