//! Where instruments live, and from where they are collected.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::collect::{Collection, Memory};
use super::scope::ScopeInstruments;
use super::shard::suitable_shards;
use super::{
    ExemplarFilter, ExemplarSource, InstrumentWarning, InvalidView, LiveMetrics, Meter, MetricReader,
    TemporalityPreference, View,
};
use crate::clock::Clock;
use crate::model::{MetricBatch, Resource, Scope, ScopeMetrics, SpanId, Timestamp, TraceId};

/// Series an instrument may have, besides the one of overflow (OpenTelemetry metrics SDK, "Cardinality limits").
pub const DEFAULT_CARDINALITY_LIMIT: usize = 2000;

/// Warnings that are kept.
const MAX_WARNINGS: usize = 100;

/// How a registry is made.
///
/// ```
/// use trace_core::metric::{Aggregation, RegistryOptions, View};
/// let options = RegistryOptions {
///     views: vec![View::of("*.duration").aggregation(Aggregation::EXPONENTIAL)],
///     ..RegistryOptions::default()
/// };
/// ```
#[derive(Clone, Debug)]
pub struct RegistryOptions {
    /// How many series an instrument may have, besides the one of overflow.
    pub cardinality_limit: usize,
    /// The start of all sums and histograms.
    pub start: Timestamp,
    /// What differs from what instruments ask for. All views that select an instrument count.
    pub views: Vec<View>,
    /// Which measurements may become exemplars.
    pub exemplar_filter: ExemplarFilter,
    /// Tells the time of exemplars. With the clock of the recorder, exemplars lie within their spans; without one it
    /// is the system's.
    pub clock: Option<Clock>,
}

impl Default for RegistryOptions {
    /// [`DEFAULT_CARDINALITY_LIMIT`], the present, no views, exemplars inside sampled spans.
    fn default() -> Self {
        Self {
            cardinality_limit: DEFAULT_CARDINALITY_LIMIT,
            start: Timestamp::now(),
            views: Vec::new(),
            exemplar_filter: ExemplarFilter::default(),
            clock: None,
        }
    }
}

/// Holds the instruments of a process. A clone is a handle to the same registry.
#[derive(Clone)]
pub struct MeterRegistry {
    resource: Arc<Resource>,
    shared: Arc<Shared>,
    scopes: Arc<Mutex<Vec<Arc<ScopeInstruments>>>>,
}

impl MeterRegistry {
    /// An empty registry with default options.
    pub fn new(resource: Arc<Resource>) -> Self {
        Self::from_valid(resource, RegistryOptions::default())
    }

    /// An empty registry.
    ///
    /// # Errors
    /// If a view cannot be used.
    pub fn with_options(resource: Arc<Resource>, options: RegistryOptions) -> Result<Self, InvalidView> {
        options.views.iter().try_for_each(View::validate)?;
        Ok(Self::from_valid(resource, options))
    }

    fn from_valid(resource: Arc<Resource>, options: RegistryOptions) -> Self {
        let shared = Shared {
            rejected: AtomicU64::new(0),
            callback_panics: AtomicU64::new(0),
            exemplars: AtomicBool::new(options.exemplar_filter == ExemplarFilter::AlwaysOn),
            exemplar_source: OnceLock::new(),
            exemplar_filter: options.exemplar_filter,
            clock: options.clock,
            cardinality_limit: options.cardinality_limit.max(1),
            start: options.start,
            seed: RandomState::new().hash_one(0),
            shards: suitable_shards(),
            views: options.views,
            warnings: Mutex::default(),
            slots: Mutex::default(),
        };
        Self { resource, shared: Arc::new(shared), scopes: Arc::default() }
    }

    /// What makes the instruments of a library. Equal scopes share their instruments.
    pub fn meter(&self, scope: Scope) -> Meter {
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        let scope = match scopes.iter().find(|s| *s.scope == scope) {
            Some(known) => known.clone(),
            None => {
                let new = Arc::new(ScopeInstruments::new(scope));
                scopes.push(new.clone());
                new
            }
        };
        Meter { scope, shared: self.shared.clone() }
    }

    /// From now on, measurements made inside a sampled span leave an exemplar: the latest for each bucket of a
    /// histogram, and for each series of another instrument (see [`ExemplarFilter`]). Returns `false`, and changes
    /// nothing, if a source was set before.
    pub fn set_exemplar_source(&self, source: ExemplarSource) -> bool {
        let set = self.shared.exemplar_source.set(source).is_ok();
        if self.shared.exemplar_filter != ExemplarFilter::AlwaysOff {
            self.shared.exemplars.store(true, Relaxed);
        }
        set
    }

    /// How many measurements were refused: NaN, infinite, or negative for a counter.
    pub fn rejected(&self) -> u64 {
        self.shared.rejected.load(Relaxed)
    }

    /// How many callbacks of observable instruments panicked.
    pub fn callback_panics(&self) -> u64 {
        self.shared.callback_panics.load(Relaxed)
    }

    /// What is odd about the instruments so far: each matter once, the first 100.
    pub fn warnings(&self) -> Vec<InstrumentWarning> {
        self.shared.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All values at this moment, cumulative since the start of the registry. Measurements that other threads make
    /// meanwhile may or may not be in it; none is lost. Scopes and metrics without a series are left out.
    pub fn collect(&self, now: Timestamp) -> MetricBatch {
        self.collect_for(now, None)
    }

    /// The same without a copy of each point: metrics that a visitor looks at where they are. Callbacks of observable
    /// instruments run now; all other values are read during the visit.
    pub fn live(&self, now: Timestamp) -> LiveMetrics<'static> {
        let start = self.shared.start;
        let mut collection = Collection { time: now.max(start), start, memory: None };
        // Copied, because a callback may make a meter.
        let scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let metrics = scopes.iter().flat_map(|s| s.live(&mut collection)).collect();
        LiveMetrics { resource: self.resource.clone(), metrics }
    }

    /// Collects with a temporality of its own, such as deltas for a backend that wants them.
    pub fn reader(&self, preference: TemporalityPreference) -> MetricReader {
        MetricReader::new(self.clone(), preference)
    }

    pub(super) fn collect_for(&self, now: Timestamp, memory: Option<&mut Memory>) -> MetricBatch {
        let start = self.shared.start;
        let mut collection = Collection { time: now.max(start), start, memory };
        // Copied, because a callback may make a meter.
        let scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let scopes = scopes
            .iter()
            .map(|s| ScopeMetrics { scope: s.scope.clone(), metrics: s.collect(&mut collection) })
            .filter(|s| !s.metrics.is_empty())
            .collect();
        MetricBatch { resource: self.resource.clone(), scopes }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl fmt::Debug for MeterRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeterRegistry").field("resource", &self.resource).finish_non_exhaustive()
    }
}

/// What all instruments of a registry need.
#[derive(Debug)]
pub(super) struct Shared {
    rejected: AtomicU64,
    callback_panics: AtomicU64,
    /// Whether a measurement may become an exemplar at all.
    exemplars: AtomicBool,
    exemplar_source: OnceLock<ExemplarSource>,
    exemplar_filter: ExemplarFilter,
    clock: Option<Clock>,
    pub(super) cardinality_limit: usize,
    pub(super) start: Timestamp,
    /// Of the hash of attributes.
    pub(super) seed: u64,
    pub(super) shards: usize,
    pub(super) views: Vec<View>,
    warnings: Mutex<Vec<InstrumentWarning>>,
    /// The readers' places, and whether each is taken.
    slots: Mutex<Vec<bool>>,
}

impl Shared {
    #[cold]
    pub(super) fn reject(&self) {
        self.rejected.fetch_add(1, Relaxed);
    }

    pub(super) fn count_panic(&self) {
        self.callback_panics.fetch_add(1, Relaxed);
    }

    pub(super) fn warn(&self, warning: InstrumentWarning) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if warnings.len() < MAX_WARNINGS && !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// Whether a measurement that is made now becomes an exemplar, and of which trace.
    #[inline(always)]
    pub(super) fn exemplar(&self) -> Option<Option<(TraceId, SpanId)>> {
        if !self.exemplars.load(Relaxed) {
            return None;
        }
        let trace = || self.exemplar_source.get().and_then(|source| source());
        match self.exemplar_filter {
            ExemplarFilter::TraceBased => trace().map(Some),
            ExemplarFilter::AlwaysOff => None,
            ExemplarFilter::AlwaysOn => Some(trace()),
        }
    }

    /// The time of an exemplar.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.as_ref().map_or_else(Timestamp::now, Clock::now)
    }

    pub(super) fn take_slot(&self) -> usize {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let free = slots.iter().position(|taken| !taken);
        let slot = free.unwrap_or(slots.len());
        let len = slots.len().max(slot + 1);
        slots.resize(len, false);
        slots[slot] = true;
        slot
    }

    pub(super) fn free_slot(&self, slot: usize) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = slots.get_mut(slot) {
            *taken = false;
        }
    }

    pub(super) fn slots(&self) -> usize {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
