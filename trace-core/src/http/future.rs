//! The future of a watched request.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::error_type::error_name;
use super::tracker::Tracker;
use super::{MonitoredBody, MonitoredRequest, Outcome};

pin_project! {
    /// The future of a request that is being watched.
    pub struct MonitoredFuture<F, R: MonitoredRequest> {
        #[pin]
        inner: F,
        // After the future, so that what that does when it is dropped still belongs to the request.
        tracker: Tracker<R>,
    }
}

impl<F, R: MonitoredRequest> MonitoredFuture<F, R> {
    pub(super) fn new(inner: F, tracker: Tracker<R>) -> Self {
        Self { inner, tracker }
    }
}

impl<F, R, B, E> Future for MonitoredFuture<F, R>
where
    F: Future<Output = Result<Response<B>, E>>,
    R: MonitoredRequest,
    B: Body,
{
    type Output = Result<Response<MonitoredBody<B, R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let inner = this.inner;
        let result = ready!(this.tracker.run(|| inner.poll(cx)));
        let mut tracker = this.tracker.take();
        Poll::Ready(match result {
            Ok(response) => Ok(tracker.respond(response).map(|body| MonitoredBody::new(body, tracker))),
            Err(error) => {
                tracker.end(Outcome::Failed { error_type: error_name::<E>() });
                Err(error)
            }
        })
    }
}

impl<F, R: MonitoredRequest> fmt::Debug for MonitoredFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonitoredFuture").finish_non_exhaustive()
    }
}
