//! What a layer sees of a request: its beginning, the response, its end.

use http::{HeaderMap, StatusCode, request, response};

/// Watches requests. [`super::Monitored`] drives it; implement it to watch something of your own with the same
/// care for cancelled requests, panics and bodies.
pub trait Monitor {
    /// A request under way.
    type Request: MonitoredRequest;

    /// A request has come in, or goes out. `None` lets it pass unwatched.
    fn start(&self, parts: &mut request::Parts) -> Option<Self::Request>;
}

/// One request that is being watched. [`MonitoredRequest::end`] is called exactly once.
pub trait MonitoredRequest {
    /// Runs a step of the service or of the response body.
    fn in_scope<T>(&self, f: impl FnOnce() -> T) -> T {
        f()
    }

    /// The service has answered; the body is still to come.
    fn respond(&mut self, _parts: &mut response::Parts) {}

    /// The response body has ended with these trailers.
    fn trailers(&mut self, _trailers: &HeaderMap) {}

    /// The request is over. Must not panic.
    fn end(self, ended: &Ended);
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The response was handed over to its end, whatever its status. An upgrade (101, or a `CONNECT` that is
    /// granted) completes with the response: what follows on the connection is no longer HTTP.
    Completed,
    /// The service gave an error instead of a response, or the response body failed.
    Failed {
        /// The name of the error's type, without generic arguments; `_OTHER` for a box.
        error_type: &'static str,
    },
    /// The service or the response body panicked.
    Panicked,
    /// Dropped before the end: the client went away, or a timeout struck.
    Cancelled,
}

/// The end of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// The status of the response, if there was one.
    pub status: Option<StatusCode>,
    /// How it ended.
    pub outcome: Outcome,
    /// Bytes of the request body: what `content-length` said, or what was read through
    /// [`super::MeasureRequestBodies`]; `None` if neither is known.
    pub request_bytes: Option<u64>,
    /// Bytes of the response body that were handed over.
    pub body_bytes: u64,
    /// The `grpc-status` of a gRPC call, from the trailers or, if there is no body, from the headers.
    pub grpc_status: Option<u16>,
}

impl Ended {
    /// Whether the server failed: a status of 500 or more, an error, a panic, or a gRPC status that is the server's
    /// fault. A client's mistake (4xx) or departure is no failure of the server.
    pub fn is_error(&self) -> bool {
        matches!(self.outcome, Outcome::Failed { .. } | Outcome::Panicked)
            || self.status.is_some_and(|s| s.is_server_error())
            || self.grpc_status.is_some_and(super::grpc::is_server_fault)
    }
}
