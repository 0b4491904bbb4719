//! The instruments of one library.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::InstrumentWarning;
use super::collect::Collection;
use super::descriptor::Descriptor;
use super::instrument::{Advice, Instrument};
use super::live::LiveMetric;
use super::observable::{Callback, Observable};
use super::registry::Shared;
use super::resolve::resolve;
use super::stream::Stream;
use crate::model::{Metric, Scope};

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
}

/// The instruments of one scope, by name, kind and unit.
pub(super) struct ScopeInstruments {
    pub(super) scope: Arc<Scope>,
    list: Mutex<Vec<Registered>>,
}

impl ScopeInstruments {
    pub(super) fn new(scope: Scope) -> Self {
        Self { scope: Arc::new(scope), list: Mutex::default() }
    }

    /// The instrument with this description, made if it is new.
    pub(super) fn instrument(
        &self,
        descriptor: Descriptor,
        advice: Advice,
        shared: &Arc<Shared>,
    ) -> Arc<Instrument> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Registered::Recorded(known)) = find(&list, &descriptor, shared) {
            warn_of_other_advice(known, &advice, shared);
            return known.clone();
        }
        let streams = resolve(shared, &self.scope, &descriptor, &advice);
        let streams = streams.into_iter().map(|spec| Arc::new(Stream::new(spec, shared.clone())));
        let new = Arc::new(Instrument::new(descriptor, advice, streams.collect(), shared.clone()));
        list.push(Registered::Recorded(new.clone()));
        new
    }

    /// Adds a callback to the observable instrument with this description, made if it is new.
    pub(super) fn observe(&self, descriptor: Descriptor, shared: &Arc<Shared>, callback: Callback) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Registered::Observed(known)) = find(&list, &descriptor, shared) {
            return known.add(callback);
        }
        let streams = resolve(shared, &self.scope, &descriptor, &Advice::default());
        let new = Observable::new(descriptor, streams, shared.clone());
        new.add(callback);
        list.push(Registered::Observed(Arc::new(new)));
    }

    /// The metrics to be visited, in the order in which their instruments were made. Callbacks run now.
    pub(super) fn live(&self, collection: &mut Collection<'_>) -> Vec<LiveMetric<'static>> {
        // Copied, because a callback may make an instrument.
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (start, time) = (collection.start, collection.time);
        let mut live = Vec::new();
        for registered in list {
            match registered {
                Registered::Recorded(i) => {
                    live.extend(i.streams.iter().map(|s| LiveMetric::of_stream(&self.scope, s, start, time)));
                }
                Registered::Observed(o) => {
                    let mut metrics = Vec::new();
                    o.collect(collection, &mut metrics);
                    let metrics = metrics.into_iter().map(Cow::Owned);
                    live.extend(metrics.map(|m| LiveMetric::of(&self.scope, m)));
                }
            }
        }
        live
    }

    /// The metrics that have points, in the order in which their instruments were made.
    pub(super) fn collect(&self, collection: &mut Collection<'_>) -> Vec<Metric> {
        // Copied, because a callback may make an instrument.
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut metrics = Vec::new();
        for registered in list {
            match registered {
                Registered::Recorded(i) => {
                    metrics.extend(i.streams.iter().filter_map(|s| collection.recorded(s)));
                }
                Registered::Observed(o) => o.collect(collection, &mut metrics),
            }
        }
        metrics
    }
}

impl fmt::Debug for ScopeInstruments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScopeInstruments").field(&self.scope.name).finish()
    }
}

/// The instrument of this name, kind and unit. Others of the name are warned of (OpenTelemetry metrics SDK,
/// "Duplicate instrument registration").
fn find<'a>(list: &'a [Registered], wanted: &Descriptor, shared: &Shared) -> Option<&'a Registered> {
    let mut same_name = list.iter().filter(|r| r.descriptor().same_name(wanted)).peekable();
    let first = same_name.peek().map(|r| r.descriptor());
    let found = list.iter().find(|r| {
        let d = r.descriptor();
        d.same_name(wanted) && d.kind == wanted.kind && d.unit == wanted.unit
    });
    if let (None, Some(existing)) = (found, first) {
        shared.warn(InstrumentWarning::Duplicate {
            name: existing.name.to_string(),
            existing: existing.in_words(),
            requested: wanted.in_words(),
        });
    }
    found
}

/// Bounds and attribute keys that are named should be those that the instrument has.
fn warn_of_other_advice(known: &Instrument, advice: &Advice, shared: &Shared) {
    let name = || known.descriptor.name.to_string();
    if advice.bounds.is_some() && advice.bounds != known.advice.bounds {
        shared.warn(InstrumentWarning::OtherAdvice {
            name: name(),
            existing: format!("bounds {:?}", known.advice.bounds.as_deref().unwrap_or_default()),
            requested: format!("bounds {:?}", advice.bounds.as_deref().unwrap_or_default()),
        });
    }
    if advice.allowed.is_some() && advice.allowed != known.advice.allowed {
        shared.warn(InstrumentWarning::OtherAdvice {
            name: name(),
            existing: format!("attributes {:?}", known.advice.allowed.as_deref().unwrap_or_default()),
            requested: format!("attributes {:?}", advice.allowed.as_deref().unwrap_or_default()),
        });
    }
}
