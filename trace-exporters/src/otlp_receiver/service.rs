//! The service: what becomes of a request.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::CONTENT_TYPE;
use http::{HeaderName, Request, Response};
use http_body::Body;

use super::export::Signal;
use super::{grpc, http_answer};
use crate::receiver::{
    BodyError, Counts, Gate, Holder, LogHolder, MetricHolder, ReceiverCounts, ReceiverLimits, ReplyBody,
    TenantHeader,
};

/// A `tower` service that takes OTLP: over HTTP by POST to paths that end in `/v1/traces`, `/v1/metrics` and `/v1/logs`, and over
/// gRPC, which it knows by its `Content-Type`. Cheap to clone; clones share limits and counts.
///
/// ```
/// use trace_core::pipeline::Pipeline;
/// use trace_core::record::OverflowPolicy;
/// use trace_exporters::otlp_receiver::OtlpReceiver;
/// use trace_exporters::receiver::ReceiverLimits;
///
/// let pipeline = Pipeline::builder().start().unwrap();
/// let receiver = OtlpReceiver::new(pipeline.ingest(OverflowPolicy::Drop), ReceiverLimits::default())
///     .metrics(pipeline.metric_ingest())
///     .logs(pipeline.log_ingest());
/// let app: axum::Router = axum::Router::new()
///     .route_service("/v1/traces", receiver.clone())
///     .route_service("/v1/metrics", receiver.clone())
///     .route_service("/v1/logs", receiver);
/// ```
#[derive(Clone)]
pub struct OtlpReceiver {
    pub(super) inner: Arc<Inner>,
}

#[derive(Clone)]
pub(super) struct Inner {
    pub(super) spans: Arc<dyn Holder>,
    pub(super) metrics: Option<Arc<dyn MetricHolder>>,
    pub(super) logs: Option<Arc<dyn LogHolder>>,
    pub(super) limits: ReceiverLimits,
    pub(super) tenant: TenantHeader,
    pub(super) gate: Arc<Gate>,
    pub(super) counts: Arc<Counts>,
}

impl OtlpReceiver {
    /// Takes spans into the keeping of `spans`, and neither metrics nor logs. A limit of zero refuses everything.
    pub fn new(spans: impl Holder, limits: ReceiverLimits) -> Self {
        let inner = Inner {
            spans: Arc::new(spans),
            metrics: None,
            logs: None,
            gate: Gate::new(&limits),
            limits,
            tenant: TenantHeader::default(),
            counts: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes metrics too.
    #[must_use]
    pub fn metrics(mut self, metrics: impl MetricHolder) -> Self {
        Arc::make_mut(&mut self.inner).metrics = Some(Arc::new(metrics));
        self
    }

    /// Takes log records too.
    #[must_use]
    pub fn logs(mut self, logs: impl LogHolder) -> Self {
        Arc::make_mut(&mut self.inner).logs = Some(Arc::new(logs));
        self
    }

    /// Takes whose a request is from this header. A request without it has what its spans say; one with a value that
    /// is no tenant's name is refused.
    #[must_use]
    pub fn tenant_header(mut self, name: HeaderName) -> Self {
        Arc::make_mut(&mut self.inner).tenant = TenantHeader(Some(name));
        self
    }

    /// What became of requests so far.
    pub fn counts(&self) -> ReceiverCounts {
        self.inner.counts.read()
    }

    /// The answer to a request.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<ReplyBody>
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<BodyError>,
    {
        let (head, body) = request.into_parts();
        let is_grpc =
            head.headers.get(CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"application/grpc"));
        if is_grpc {
            grpc::answer(&self.inner, &head, body).await
        } else {
            http_answer::answer(&self.inner, &head, body).await
        }
    }
}

impl Inner {
    /// Whether records of this kind are taken.
    pub(super) fn takes(&self, signal: Signal) -> bool {
        match signal {
            Signal::Traces => true,
            Signal::Metrics => self.metrics.is_some(),
            Signal::Logs => self.logs.is_some(),
        }
    }
}

impl<B> tower_service::Service<Request<B>> for OtlpReceiver
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let receiver = self.clone();
        Box::pin(async move { Ok(receiver.respond(request).await) })
    }
}

impl fmt::Debug for OtlpReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpReceiver").field("limits", &self.inner.limits).finish_non_exhaustive()
    }
}
