//! The response body of a watched request.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::error_type::error_name;
use super::tracker::Tracker;
use super::{MonitoredRequest, Outcome};

pin_project! {
    /// A response body that ends its request when it ends, fails or is dropped.
    pub struct MonitoredBody<B, R: MonitoredRequest> {
        #[pin]
        inner: B,
        tracker: Tracker<R>,
    }
}

impl<B, R: MonitoredRequest> MonitoredBody<B, R> {
    pub(super) fn new(inner: B, tracker: Tracker<R>) -> Self {
        Self { inner, tracker }
    }
}

impl<B: Body, R: MonitoredRequest> Body for MonitoredBody<B, R> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.tracker.run(|| this.inner.as_mut().poll_frame(cx)));
        match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, |d| d.remaining() as u64);
                if let Some(trailers) = frame.trailers_ref() {
                    this.tracker.trailers(trailers);
                }
                let is_end = this.inner.is_end_stream();
                this.tracker.sent(bytes, is_end);
            }
            Some(Err(_)) => this.tracker.end(Outcome::Failed { error_type: error_name::<B::Error>() }),
            None => this.tracker.end(Outcome::Completed),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B, R: MonitoredRequest> fmt::Debug for MonitoredBody<B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonitoredBody").finish_non_exhaustive()
    }
}
