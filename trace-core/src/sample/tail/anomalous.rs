//! Traces that somebody found anomalous.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::TraceId;

/// A set of traces that detectors mark and [`Policy::anomalous`](super::Policy::anomalous) keeps. Cheap to clone; clones
/// share the set.
///
/// A mark counts if it comes before the trace is decided on. The set is bounded: the oldest marks go first.
#[derive(Clone)]
pub struct AnomalousTraces(Arc<Mutex<Marked>>);

#[derive(Default)]
struct Marked {
    traces: HashSet<TraceId>,
    order: VecDeque<TraceId>,
    capacity: usize,
}

impl AnomalousTraces {
    /// A set of at most this many traces.
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(Mutex::new(Marked { capacity: capacity.max(1), ..Marked::default() })))
    }

    /// Marks a trace.
    pub fn mark(&self, trace: TraceId) {
        let mut m = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !m.traces.insert(trace) {
            return;
        }
        m.order.push_back(trace);
        if m.order.len() > m.capacity
            && let Some(oldest) = m.order.pop_front()
        {
            m.traces.remove(&oldest);
        }
    }

    /// Whether a trace is marked.
    pub fn contains(&self, trace: TraceId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).traces.contains(&trace)
    }
}

impl Default for AnomalousTraces {
    /// A set of at most 10,000 traces.
    fn default() -> Self {
        Self::new(10_000)
    }
}

impl fmt::Debug for AnomalousTraces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("AnomalousTraces")
            .field("marked", &m.order.len())
            .field("capacity", &m.capacity)
            .finish()
    }
}
