//! v2 JSON over HTTP.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderName, Request, Response, StatusCode};
use http_body::Body;

use crate::receiver::{
    BodyError, Encoding, Failure, Holder, Intake, ReceiverCounts, ReceiverLimits, ReplyBody, Taken,
    http_service, media_type, off_thread,
};
use crate::zipkin::decode_json_within;

const PATH: &str = "/api/v2/spans";
/// What clients call it; some call it nothing.
const TYPES: [&str; 2] = ["application/json", ""];

/// A `tower` service that takes lists of spans in Zipkin's v2 JSON, by POST to paths that end in `/api/v2/spans`. Cheap
/// to clone; clones share limits and counts.
///
/// The answer is 202 when all spans are held. The protocol cannot say that some were left out (those without ids or a
/// time): they are in [`ReceiverCounts::rejected_spans`] alone.
///
/// ```
/// use trace_core::pipeline::Pipeline;
/// use trace_core::record::OverflowPolicy;
/// use trace_exporters::zipkin_receiver::ZipkinReceiver;
/// use trace_exporters::receiver::ReceiverLimits;
///
/// let pipeline = Pipeline::builder().start().unwrap();
/// let receiver = ZipkinReceiver::new(pipeline.ingest(OverflowPolicy::Drop), ReceiverLimits::default());
/// let app: axum::Router = axum::Router::new().route_service("/api/v2/spans", receiver);
/// ```
#[derive(Clone)]
pub struct ZipkinReceiver {
    spans: Arc<dyn Holder>,
    intake: Intake,
}

impl ZipkinReceiver {
    /// Takes spans into the keeping of `spans`. A limit of zero refuses everything.
    pub fn new(spans: impl Holder, limits: ReceiverLimits) -> Self {
        Self { spans: Arc::new(spans), intake: Intake::new(limits) }
    }

    /// Takes whose a request is from this header. A request without it has what its spans say; one with a value that
    /// is no tenant's name is refused.
    #[must_use]
    pub fn tenant_header(mut self, name: HeaderName) -> Self {
        self.intake.set_tenant_header(name);
        self
    }

    /// What became of requests so far.
    pub fn counts(&self) -> ReceiverCounts {
        self.intake.counts.read()
    }

    /// The answer to a request.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<ReplyBody>
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<BodyError>,
    {
        let (head, body) = request.into_parts();
        match self.take(&head, body).await {
            Ok(()) => {
                let mut response = Response::new(ReplyBody::default());
                *response.status_mut() = StatusCode::ACCEPTED;
                response
            }
            Err(failure) => self.intake.refuse(&failure),
        }
    }

    async fn take<B>(&self, head: &Parts, body: B) -> Result<(), Failure>
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<BodyError>,
    {
        Intake::check(head, PATH)?;
        if !TYPES.contains(&media_type(&head.headers).as_str()) {
            return Err(Failure::Unsupported("the Content-Type must be application/json: v2 spans in JSON"));
        }
        let encoding = Encoding::of(&head.headers)?;
        let Taken { body, tenant, pass: _pass } = self.intake.read(head, body, encoding).await?;
        let most = self.intake.limits.max_records;
        let decode = move |bytes: &[u8]| {
            decode_json_within(bytes, most).map_err(|e| Failure::Undecodable(e.to_string()))
        };
        let decoded = off_thread(body, decode).await?;
        let spans = decoded.batches.iter().map(|b| b.len() as u64).sum();
        if !decoded.batches.is_empty() {
            self.spans.hold(decoded.batches, tenant).await?;
        }
        self.intake.counts.spans(spans, decoded.rejected);
        Ok(())
    }
}

http_service!(ZipkinReceiver, "Zipkin");

impl fmt::Debug for ZipkinReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZipkinReceiver").field("limits", &self.intake.limits).finish_non_exhaustive()
    }
}
