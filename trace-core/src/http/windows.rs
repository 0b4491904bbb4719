//! Requests as rate, errors and duration.

use std::sync::Arc;

use super::{RequestObservation, RequestObserver, UNMATCHED};
use crate::analyze::{Observation, RedWindows, SpanOutcome};
use crate::model::SpanKind;

/// Counts requests in [`RedWindows`], by operation `METHOD route` of one service: for the analysis of performance,
/// and for a [`DetectionStage`](crate::detect::DetectionStage) that watches the windows.
///
/// Every request counts, sampled or not. Windows that are filled from finished spans have the server spans of the
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

impl WindowsObserver {
    /// Counts many requests, for which the windows are locked once.
    pub(super) fn observe_all(&self, requests: &[RequestObservation]) {
        // Neighbours often share their route, and then the name too.
        let runs = requests.chunk_by(|a, b| a.method == b.method && a.route == b.route);
        let named: Vec<_> = runs.map(|run| (operation(&run[0]), run)).collect();
        let all = named.iter().flat_map(|(name, run)| run.iter().map(|r| self.observation(name, r)));
        self.windows.record(all);
    }

    fn observation<'a>(&'a self, operation: &'a str, request: &RequestObservation) -> Observation<'a> {
        Observation {
            kind: SpanKind::Server,
            entry: true,
            status: if request.is_error { SpanOutcome::Error } else { SpanOutcome::Unset },
            trace: request.trace,
            // Nothing is known of its children.
            ..Observation::call(&self.service, operation, request.end, request.duration)
        }
    }
}

fn operation(request: &RequestObservation) -> String {
    [request.method, " ", request.route.as_deref().unwrap_or(UNMATCHED)].concat()
}

impl RequestObserver for WindowsObserver {
    fn observe(&self, request: &RequestObservation) {
        self.windows.observe(self.observation(&operation(request), request));
    }
}
