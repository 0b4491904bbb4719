//! Ends a request exactly once, whatever happens to it.

use http::{Method, Response, StatusCode, header, request, response};

use super::{Ended, Monitor, MonitoredRequest, Outcome};

/// A request until its end; dropped before that, it ends as cancelled.
pub(super) struct Tracker<R: MonitoredRequest>(Option<Running<R>>);

struct Running<R> {
    request: R,
    is_head: bool,
    status: Option<StatusCode>,
    /// What the response says in `content-length`.
    expected_bytes: Option<u64>,
    body_bytes: u64,
}

impl<R: MonitoredRequest> Tracker<R> {
    pub(super) fn start<M: Monitor<Request = R>>(monitor: &M, parts: &mut request::Parts) -> Self {
        let is_head = parts.method == Method::HEAD;
        Self(monitor.start(parts).map(|request| Running {
            request,
            is_head,
            status: None,
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
    pub(super) fn respond<B: http_body::Body>(&mut self, response: Response<B>) -> Response<B> {
        let Some(running) = &mut self.0 else { return response };
        let (mut parts, body) = response.into_parts();
        running.status = Some(parts.status);
        running.expected_bytes = content_length(&parts);
        running.request.respond(&mut parts);
        let no_body = running.is_head
            || parts.status.is_informational()
            || matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if no_body {
            self.end(Outcome::Completed);
        } else {
            self.sent(0, body.is_end_stream());
        }
        Response::from_parts(parts, body)
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

    /// The request is over; later calls change nothing.
    pub(super) fn end(&mut self, outcome: Outcome) {
        if let Some(Running { request, status, body_bytes, .. }) = self.0.take() {
            request.end(&Ended { status, outcome, body_bytes });
        }
    }
}

impl<R: MonitoredRequest> Drop for Tracker<R> {
    fn drop(&mut self) {
        self.end(Outcome::Cancelled);
    }
}

fn content_length(parts: &response::Parts) -> Option<u64> {
    parts.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
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
