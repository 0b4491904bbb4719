//! Who is told of the requests that have ended.

use std::sync::Arc;
use std::time::Duration;

use super::Outcome;
use crate::model::{TenantTag, Timestamp, TraceIds};

/// A request that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestObservation {
    /// The route template; `None` if no route matched.
    pub route: Option<Arc<str>>,
    /// The method, `_OTHER` for unknown ones.
    pub method: &'static str,
    /// The status of the response, if there was one.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the server failed; see [`super::Ended::is_error`].
    pub is_error: bool,
    /// When it ended.
    pub end: Timestamp,
    /// The time from its arrival to the end of its response body.
    pub duration: Duration,
    /// The server span, if the request was traced and sampled.
    pub trace: Option<TraceIds>,
    /// Whose request it was, if its span or its caller has said so, by the time it ended.
    pub tenant: TenantTag,
}

/// Is told of the requests that have ended.
pub trait RequestObserver: Send + Sync {
    /// Called for one request after the other, on a thread of its own, some 20 ms after the request at the latest if
    /// it keeps up: it may take its time, and may even panic, without harm to any request. What comes while it is too
    /// far behind is left out and counted.
    fn observe(&self, request: &RequestObservation);
}

impl<F: Fn(&RequestObservation) + Send + Sync> RequestObserver for F {
    fn observe(&self, request: &RequestObservation) {
        self(request);
    }
}
