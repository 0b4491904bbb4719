//! Ends a request exactly once, whatever happens to it.

use http::{HeaderMap, Method, Response, StatusCode, header, request};
use http_body::Body;

use super::headers::first;
use super::{Ended, Monitor, MonitoredRequest, Outcome, grpc};

/// A request until its end; dropped before that, it ends as cancelled.
pub(super) struct Tracker<R: MonitoredRequest>(Option<Running<R>>);

struct Running<R> {
    request: R,
    asked: Asked,
    status: Option<StatusCode>,
    grpc_status: Option<u16>,
    /// What the request says in `content-length`.
    request_bytes: Option<u64>,
    /// What the response promises.
    expected_bytes: Option<u64>,
    body_bytes: u64,
}

/// What the request says of its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Plain,
    Head,
    Connect,
    Grpc,
}

impl<R: MonitoredRequest> Tracker<R> {
    pub(super) fn start<M: Monitor<Request = R>>(monitor: &M, parts: &mut request::Parts) -> Self {
        let Some(request) = monitor.start(parts) else { return Self(None) };
        let asked = match parts.method {
            Method::HEAD => Asked::Head,
            Method::CONNECT => Asked::Connect,
            Method::POST if grpc::is_call(parts) => Asked::Grpc,
            _ => Asked::Plain,
        };
        Self(Some(Running {
            request,
            asked,
            status: None,
            grpc_status: None,
            request_bytes: content_length(&parts.headers),
            expected_bytes: None,
            body_bytes: 0,
        }))
    }

    /// Leaves nothing behind to end.
    pub(super) fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    /// Runs a step. If it panics, the request has ended and the panic goes on.
    pub(super) fn run<T>(&mut self, f: impl FnOnce() -> T) -> T {
        let step = Step { tracker: self, done: false };
        let out = match &step.tracker.0 {
            Some(running) => running.request.in_scope(f),
            None => f(),
        };
        step.done();
        out
    }

    /// The service has answered. Ends the request if no body will be sent: servers do not poll it then.
    pub(super) fn respond<B: Body>(&mut self, response: Response<B>) -> Response<B> {
        let Some(running) = &mut self.0 else { return response };
        let (mut parts, body) = response.into_parts();
        running.status = Some(parts.status);
        if running.asked == Asked::Grpc {
            running.grpc_status = grpc::status(&parts.headers);
        }
        running.expected_bytes = content_length(&parts.headers).or_else(|| body.size_hint().exact());
        running.request.respond(&mut parts);
        let no_body = match running.asked {
            Asked::Head => true,
            Asked::Connect => parts.status.is_success(),
            Asked::Plain | Asked::Grpc => false,
        };
        let no_body = no_body
            || parts.status.is_informational()
            || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if no_body {
            self.end(Outcome::Completed);
        } else {
            self.sent(0, body.is_end_stream());
        }
        Response::from_parts(parts, body)
    }

    /// There was an answer, and nothing more is known of it.
    pub(super) fn answer(&mut self, status: StatusCode) {
        if let Some(running) = &mut self.0 {
            running.status = Some(status);
        }
        self.end(Outcome::Completed);
    }

    /// Bytes of the body have been handed over. Servers may drop a body that has given all that it promised
    /// without asking for its end.
    pub(super) fn sent(&mut self, bytes: u64, is_end: bool) {
        let Some(running) = &mut self.0 else { return };
        running.body_bytes += bytes;
        if is_end || running.expected_bytes.is_some_and(|e| running.body_bytes >= e) {
            self.end(Outcome::Completed);
        }
    }

    /// The body has ended with trailers: nothing comes after them, and servers do not ask for more.
    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        let Some(running) = &mut self.0 else { return };
        if running.asked == Asked::Grpc {
            running.grpc_status = grpc::status(trailers).or(running.grpc_status);
        }
        running.request.trailers(trailers);
        self.end(Outcome::Completed);
    }

    /// The request is over; later calls change nothing.
    pub(super) fn end(&mut self, outcome: Outcome) {
        if let Some(Running { request, status, grpc_status, request_bytes, body_bytes, .. }) = self.0.take() {
            request.end(&Ended { status, outcome, request_bytes, body_bytes, grpc_status });
        }
    }
}

impl<R: MonitoredRequest> Drop for Tracker<R> {
    fn drop(&mut self) {
        self.end(Outcome::Cancelled);
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    first(headers, &header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A step that has not returned yet. A runtime may catch a panic and drop the future later, outside of it, so the
/// panic is noted where it passes.
struct Step<'a, R: MonitoredRequest> {
    tracker: &'a mut Tracker<R>,
    done: bool,
}

impl<R: MonitoredRequest> Step<'_, R> {
    fn done(mut self) {
        self.done = true;
    }
}

impl<R: MonitoredRequest> Drop for Step<'_, R> {
    fn drop(&mut self) {
        if !self.done {
            self.tracker.end(Outcome::Panicked);
        }
    }
}
