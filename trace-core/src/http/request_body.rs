//! Measures request bodies that do not say their size.

use std::pin::Pin;
use std::sync::Weak;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::RequestSpan;
use super::request_span::ServerSpan;

/// A layer that counts the bytes of request bodies as they are read, for `http.request.body.size`. Put it inside of
/// a layer that traces; without one it does nothing. Otherwise the size is what `content-length` says, which bodies
/// that are streamed do not have. It changes the type of the body, as axum's routers allow.
#[derive(Clone, Copy, Debug, Default)]
pub struct MeasureRequestBodies;

impl<S> Layer<S> for MeasureRequestBodies {
    type Service = MeasuresRequestBodies<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MeasuresRequestBodies { inner }
    }
}

/// A service whose request bodies are measured; see [`MeasureRequestBodies`].
#[derive(Clone, Copy, Debug)]
pub struct MeasuresRequestBodies<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for MeasuresRequestBodies<S>
where
    S: Service<Request<MeasuredRequestBody<B>>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let server = request.extensions().get::<RequestSpan>().map(|span| span.server().clone());
        if let Some(server) = server.as_ref().and_then(Weak::upgrade) {
            server.request_bytes.store(0, Relaxed);
        }
        self.inner.call(request.map(|inner| MeasuredRequestBody { inner, server }))
    }
}

pin_project! {
    /// A request body that tells how much was read of it; see [`MeasureRequestBodies`].
    #[derive(Debug)]
    pub struct MeasuredRequestBody<B> {
        #[pin]
        inner: B,
        server: Option<Weak<ServerSpan>>,
    }
}

impl<B: Body> Body for MeasuredRequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        let data = frame.as_ref().and_then(|f| f.as_ref().ok()?.data_ref());
        if let (Some(data), Some(server)) = (data, this.server.as_ref().and_then(Weak::upgrade)) {
            server.request_bytes.fetch_add(data.remaining() as u64, Relaxed);
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
