//! Requests as rate, errors and duration.

use std::sync::Arc;

use super::{RequestObservation, RequestObserver, UNMATCHED};
use crate::analyze::{Observation, RedWindows, SpanOutcome};
use crate::model::{SpanKind, TenantId};

/// Counts requests in [`RedWindows`], by operation `METHOD route` of one service: for the analysis of performance,
/// and for a [`DetectionStage`](crate::detect::DetectionStage) that watches the windows.
///
/// Each request is its tenant's, if its span or a trusted caller has named one; see
/// [`RequestObservation::tenant`]. Every request counts, sampled or not. Windows that are filled from finished spans have the server spans of the
/// requests already: use one or the other.
#[derive(Clone, Debug)]
pub struct WindowsObserver {
    service: String,
    windows: Arc<RedWindows>,
}

impl WindowsObserver {
    /// Counts the requests of `service`.
    pub fn new(service: impl Into<String>, windows: Arc<RedWindows>) -> Self {
        Self { service: service.into(), windows }
    }
}

impl RequestObserver for WindowsObserver {
    fn observe(&self, request: &RequestObservation) {
        let operation = [request.method, " ", request.route.as_deref().unwrap_or(UNMATCHED)].concat();
        // Nothing is known of its children.
        let call = Observation::call(&self.service, &operation, request.end, request.duration);
        self.windows.observe(Observation {
            tenant: request.tenant.name().unwrap_or(TenantId::DEFAULT),
            kind: SpanKind::Server,
            entry: true,
            status: if request.is_error { SpanOutcome::Error } else { SpanOutcome::Unset },
            trace: request.trace,
            ..call
        });
    }
}
