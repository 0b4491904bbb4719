//! A service whose requests are watched.

use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::tracker::Tracker;
use super::{Monitor, MonitoredBody, MonitoredFuture};

/// A service whose requests a [`Monitor`] watches.
#[derive(Clone, Debug)]
pub struct Monitored<S, M> {
    inner: S,
    monitor: M,
}

impl<S, M> Monitored<S, M> {
    /// Lets `monitor` watch the requests of `inner`.
    pub fn new(inner: S, monitor: M) -> Self {
        Self { inner, monitor }
    }
}

impl<S, M, B, B2> Service<Request<B>> for Monitored<S, M>
where
    S: Service<Request<B>, Response = Response<B2>>,
    M: Monitor,
    B2: Body,
{
    type Response = Response<MonitoredBody<B2, M::Request>>;
    type Error = S::Error;
    type Future = MonitoredFuture<S::Future, M::Request>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let mut tracker = Tracker::start(&self.monitor, &mut parts);
        let request = Request::from_parts(parts, body);
        let future = tracker.run(|| self.inner.call(request));
        MonitoredFuture::new(future, tracker)
    }
}
