//! Where instruments live, and from where they are collected.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::descriptor::Descriptor;
use super::instrument::Instrument;
use super::meter::default_bounds;
use super::observable::{Callback, Observable};
use super::shard::suitable_shards;
use super::{ExemplarSource, InvalidInstrument, Meter};
use crate::model::{Metric, MetricBatch, Resource, Scope, ScopeMetrics, Timestamp};

/// Series an instrument may have, besides the one of overflow (OpenTelemetry metrics SDK, "Cardinality limits").
pub const DEFAULT_CARDINALITY_LIMIT: usize = 2000;

/// How a registry is made.
#[derive(Clone, Copy, Debug)]
pub struct RegistryOptions {
    /// How many series an instrument may have, besides the one of overflow.
    pub cardinality_limit: usize,
    /// The start of all sums and histograms.
    pub start: Timestamp,
}

impl Default for RegistryOptions {
    /// [`DEFAULT_CARDINALITY_LIMIT`], and the present.
    fn default() -> Self {
        Self { cardinality_limit: DEFAULT_CARDINALITY_LIMIT, start: Timestamp::now() }
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
        Self::with_options(resource, RegistryOptions::default())
    }

    /// An empty registry.
    pub fn with_options(resource: Arc<Resource>, options: RegistryOptions) -> Self {
        let shared = Shared {
            rejected: AtomicU64::new(0),
            callback_panics: AtomicU64::new(0),
            exemplar_source: OnceLock::new(),
            cardinality_limit: options.cardinality_limit,
            start: options.start,
            seed: RandomState::new().hash_one(0),
            shards: suitable_shards(),
        };
        Self { resource, shared: Arc::new(shared), scopes: Arc::default() }
    }

    /// What makes the instruments of a library. Equal scopes share their instruments.
    pub fn meter(&self, scope: Scope) -> Meter {
        let mut scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner);
        let scope = match scopes.iter().find(|s| *s.scope == scope) {
            Some(known) => known.clone(),
            None => {
                let new = Arc::new(ScopeInstruments { scope: Arc::new(scope), list: Mutex::default() });
                scopes.push(new.clone());
                new
            }
        };
        Meter { scope, shared: self.shared.clone() }
    }

    /// From now on, measurements made inside a sampled span leave an exemplar: the latest for each bucket of a
    /// histogram, and for each series of another instrument. Returns `false`, and changes nothing, if a source was
    /// set before.
    pub fn set_exemplar_source(&self, source: ExemplarSource) -> bool {
        self.shared.exemplar_source.set(source).is_ok()
    }

    /// How many measurements were refused: NaN, infinite, or negative for a counter.
    pub fn rejected(&self) -> u64 {
        self.shared.rejected.load(Relaxed)
    }

    /// How many callbacks of observable instruments panicked.
    pub fn callback_panics(&self) -> u64 {
        self.shared.callback_panics.load(Relaxed)
    }

    /// All values at this moment, cumulative since the start of the registry. Measurements that other threads make
    /// meanwhile may or may not be in it; none is lost. Scopes and metrics without a series are left out.
    pub fn collect(&self, now: Timestamp) -> MetricBatch {
        let time = now.max(self.shared.start);
        // Copied, because a callback may make a meter or an instrument.
        let scopes = self.scopes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let scopes = scopes
            .iter()
            .map(|s| ScopeMetrics { scope: s.scope.clone(), metrics: s.collect(time) })
            .filter(|s| !s.metrics.is_empty())
            .collect();
        MetricBatch { resource: self.resource.clone(), scopes }
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
    pub(super) exemplar_source: OnceLock<ExemplarSource>,
    pub(super) cardinality_limit: usize,
    pub(super) start: Timestamp,
    /// Of the hash of attributes.
    pub(super) seed: u64,
    pub(super) shards: usize,
}

impl Shared {
    #[cold]
    pub(super) fn reject(&self) {
        self.rejected.fetch_add(1, Relaxed);
    }

    pub(super) fn count_panic(&self) {
        self.callback_panics.fetch_add(1, Relaxed);
    }
}

#[derive(Clone)]
enum Registered {
    Recorded(Arc<Instrument>),
    Observed(Arc<Observable>),
}

impl Registered {
    fn descriptor(&self) -> &Descriptor {
        match self {
            Self::Recorded(i) => &i.descriptor,
            Self::Observed(o) => &o.descriptor,
        }
    }

    fn collect(&self, time: Timestamp) -> Option<Metric> {
        match self {
            Self::Recorded(i) => i.collect(time),
            Self::Observed(o) => o.collect(time),
        }
    }
}

/// The instruments of one scope; a name occurs once.
pub(super) struct ScopeInstruments {
    scope: Arc<Scope>,
    list: Mutex<Vec<Registered>>,
}

impl ScopeInstruments {
    /// The instrument with this name, made if it is new.
    pub(super) fn instrument(
        &self,
        descriptor: Descriptor,
        bounds: Option<Vec<f64>>,
        allowed: Option<Vec<Cow<'static, str>>>,
        shared: &Arc<Shared>,
    ) -> Result<Arc<Instrument>, InvalidInstrument> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        match find(&list, &descriptor)? {
            Some(Registered::Recorded(known)) => {
                same_settings(known, &bounds, &allowed).map(|()| known.clone())
            }
            Some(Registered::Observed(known)) => Err(known.descriptor.conflict(&descriptor)),
            None => {
                let bounds = bounds.map_or_else(|| default_bounds(descriptor.kind), Arc::from);
                let new = Arc::new(Instrument::new(descriptor, bounds, allowed, shared.clone()));
                list.push(Registered::Recorded(new.clone()));
                Ok(new)
            }
        }
    }

    /// Adds a callback to the observable instrument with this name, made if it is new.
    pub(super) fn observe(
        &self,
        descriptor: Descriptor,
        shared: &Arc<Shared>,
        callback: Callback,
    ) -> Result<(), InvalidInstrument> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        match find(&list, &descriptor)? {
            Some(Registered::Observed(known)) => known.add(callback),
            Some(Registered::Recorded(known)) => return Err(known.descriptor.conflict(&descriptor)),
            None => {
                let new = Observable::new(descriptor, shared.clone());
                new.add(callback);
                list.push(Registered::Observed(Arc::new(new)));
            }
        }
        Ok(())
    }

    fn collect(&self, time: Timestamp) -> Vec<Metric> {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner).clone();
        list.iter().filter_map(|r| r.collect(time)).collect()
    }
}

impl fmt::Debug for ScopeInstruments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScopeInstruments").field(&self.scope.name).finish()
    }
}

/// The instrument of this name, which must have the same kind and unit.
fn find<'a>(
    list: &'a [Registered],
    wanted: &Descriptor,
) -> Result<Option<&'a Registered>, InvalidInstrument> {
    let Some(known) = list.iter().find(|r| r.descriptor().same_name(wanted)) else { return Ok(None) };
    let d = known.descriptor();
    if d.kind == wanted.kind && d.unit == wanted.unit { Ok(Some(known)) } else { Err(d.conflict(wanted)) }
}

/// Bounds and attribute keys that are named must be those that the instrument has.
fn same_settings(
    known: &Instrument,
    bounds: &Option<Vec<f64>>,
    allowed: &Option<Vec<Cow<'static, str>>>,
) -> Result<(), InvalidInstrument> {
    let d = &known.descriptor;
    let conflict = |existing: String, requested: String| {
        Err(InvalidInstrument::Conflict { name: d.name.to_string(), existing, requested })
    };
    if let Some(bounds) = bounds
        && **bounds != *known.bounds
    {
        return conflict(
            format!("{} with bounds {:?}", d.in_words(), known.bounds),
            format!("{} with bounds {bounds:?}", d.in_words()),
        );
    }
    if allowed.is_some() && *allowed != known.allowed {
        return conflict(
            format!("{} with attributes {:?}", d.in_words(), known.allowed),
            format!("{} with attributes {allowed:?}", d.in_words()),
        );
    }
    Ok(())
}
