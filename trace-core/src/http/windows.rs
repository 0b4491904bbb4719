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
            tenant: request.tenant.name().unwrap_or(TenantId::DEFAULT),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::analyze::RedConfig;
    use crate::http::Outcome;
    use crate::model::Timestamp;

    #[test]
    fn many_requests_at_a_time_count_as_one_after_the_other() {
        let request = |i: usize| RequestObservation {
            tenant: crate::model::TenantTag::NONE,
            route: [Some("/a"), Some("/b"), None][i % 3].map(Arc::from),
            method: "GET",
            status: Some(200),
            outcome: Outcome::Completed,
            is_error: i.is_multiple_of(4),
            end: Timestamp::now(),
            duration: Duration::from_millis(i as u64),
            trace: None,
        };
        let mut requests: Vec<_> = (0..60).map(request).collect();
        requests.sort_by_key(|r| r.duration.as_millis() / 7);
        let filled = |fill: &dyn Fn(&WindowsObserver)| {
            let windows = Arc::new(RedWindows::new(RedConfig::default()));
            fill(&WindowsObserver::new("shop", windows.clone()));
            let stats = windows.stats();
            (stats.series, stats.late, stats.overflowed, stats.bytes)
        };
        let one_by_one = filled(&|w| requests.iter().for_each(|r| w.observe(r)));
        assert_eq!(filled(&|w| w.observe_all(&requests)), one_by_one);
        assert_eq!(one_by_one.0, 6, "three operations with two outcomes each");
    }
}
