//! The context traces that are open, and the last ones that were.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trace_core::model::{SpanId, TenantId, TraceId, TraceIds};

use super::open::OpenTrace;
use crate::context::ContextRef;
use crate::error::IntegrationError;

/// The smallest span id.
pub(super) const FIRST_SPAN: SpanId = match SpanId::new(1) {
    Some(id) => id,
    // One is not zero.
    None => unreachable!(),
};

/// The context traces that are open, and the last ones that were.
#[derive(Debug)]
pub(super) struct TraceTable {
    inner: Mutex<Inner>,
    max_open: usize,
    max_finished: usize,
}

#[derive(Debug, Default)]
struct Inner {
    open: BTreeMap<(TraceId, SpanId), Arc<OpenTrace>>,
    finished: VecDeque<Arc<OpenTrace>>,
}

/// What a search found.
pub(super) enum Found {
    Open(Arc<OpenTrace>),
    Finished(Arc<OpenTrace>),
}

impl TraceTable {
    pub(super) fn new(max_open: usize, max_finished: usize) -> Self {
        Self { inner: Mutex::default(), max_open, max_finished }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether another trace would fit; asked before its span is started.
    pub(super) fn check_room(&self) -> Result<(), IntegrationError> {
        if self.lock().open.len() >= self.max_open {
            return Err(IntegrationError::TooManyOpenTraces { limit: self.max_open });
        }
        Ok(())
    }

    pub(super) fn insert(&self, trace: Arc<OpenTrace>) -> Result<(), IntegrationError> {
        let mut inner = self.lock();
        if inner.open.len() >= self.max_open {
            return Err(IntegrationError::TooManyOpenTraces { limit: self.max_open });
        }
        inner.open.insert((trace.trace_id, trace.span_id), trace);
        Ok(())
    }

    /// Moves a trace from the open to the finished ones.
    pub(super) fn finish(&self, trace: &Arc<OpenTrace>) {
        let mut inner = self.lock();
        if inner.open.remove(&(trace.trace_id, trace.span_id)).is_none() {
            return;
        }
        if self.max_finished > 0 {
            if inner.finished.len() >= self.max_finished {
                inner.finished.pop_front();
            }
            inner.finished.push_back(trace.clone());
        }
    }

    pub(super) fn open_count(&self) -> usize {
        self.lock().open.len()
    }

    /// The tenant's trace with these ids. Without a span, the only one of the trace that is open, else the last of
    /// it that finished.
    pub(super) fn find(&self, tenant: &TenantId, ids: TraceIds) -> Result<Found, IntegrationError> {
        let inner = self.lock();
        let mine = |t: &&Arc<OpenTrace>| t.tenant == *tenant;
        let open = match ids.span_id {
            Some(span) => inner.open.get(&(ids.trace_id, span)).filter(mine).cloned(),
            None => {
                let of_trace = inner.open.range((ids.trace_id, FIRST_SPAN)..);
                let mut all =
                    of_trace.map(|(_, t)| t).take_while(|t| t.trace_id == ids.trace_id).filter(mine);
                match (all.next().cloned(), all.next()) {
                    (Some(_), Some(_)) => return Err(IntegrationError::AmbiguousTrace(ids)),
                    (found, _) => found,
                }
            }
        };
        if let Some(t) = open {
            return Ok(Found::Open(t));
        }
        let same =
            |t: &&Arc<OpenTrace>| t.trace_id == ids.trace_id && ids.span_id.is_none_or(|s| s == t.span_id);
        let finished = inner.finished.iter().rev().filter(same).find(mine).cloned();
        finished.map(Found::Finished).ok_or(IntegrationError::UnknownTrace(ids))
    }

    /// The context's open trace, if there is exactly one.
    pub(super) fn only_open_of(&self, tenant: &TenantId, context: &ContextRef) -> Option<Arc<OpenTrace>> {
        let inner = self.lock();
        let mut all = inner.open.values().filter(|t| t.tenant == *tenant && t.context == *context);
        let first = all.next()?;
        all.next().is_none().then(|| first.clone())
    }
}
