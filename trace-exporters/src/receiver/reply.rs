//! The body of an answer: bytes that are there, and what gRPC says after them.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

/// The body of an answer.
#[derive(Debug, Default)]
pub struct ReplyBody {
    data: Bytes,
    trailers: Option<HeaderMap>,
}

impl ReplyBody {
    pub(crate) fn new(data: impl Into<Bytes>) -> Self {
        Self { data: data.into(), trailers: None }
    }

    #[cfg(feature = "otlp-receiver")]
    pub(crate) fn with_trailers(data: impl Into<Bytes>, trailers: HeaderMap) -> Self {
        Self { data: data.into(), trailers: Some(trailers) }
    }
}

impl<T: Into<Bytes>> From<T> for ReplyBody {
    fn from(data: T) -> Self {
        Self::new(data)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = if self.data.is_empty() {
            self.trailers.take().map(Frame::trailers)
        } else {
            Some(Frame::data(std::mem::take(&mut self.data)))
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.len() as u64)
    }
}
