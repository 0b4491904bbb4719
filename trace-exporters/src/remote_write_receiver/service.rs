//! The service: what becomes of a request.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body;

use super::body::{Version, check_encoding, unpack};
use super::{DecodeError, DecodedWrite, Families, Written, decode_v1, decode_v2};
use crate::receiver::{
    BodyError, Encoding, Failure, Intake, MetricHolder, ReceiverCounts, ReceiverLimits, ReplyBody, Taken,
    http_service, off_thread,
};

const PATH: &str = "/write";

/// A `tower` service that takes remote write 1.0 and 2.0, by POST to paths that end in `/write`. Cheap to clone; clones
/// share limits and counts.
///
/// The answer is 204 when everything is held, and 400 with the first reason when some samples were left out; what else
/// there was is held then, too. In 2.0 the headers `X-Prometheus-Remote-Write-*-Written` say how much is.
///
/// ```
/// use trace_core::pipeline::Pipeline;
/// use trace_exporters::receiver::ReceiverLimits;
/// use trace_exporters::remote_write_receiver::RemoteWriteReceiver;
///
/// let pipeline = Pipeline::builder().start().unwrap();
/// let receiver = RemoteWriteReceiver::new(pipeline.metric_ingest(), ReceiverLimits::default());
/// let app: axum::Router = axum::Router::new().route_service("/api/v1/write", receiver);
/// ```
#[derive(Clone)]
pub struct RemoteWriteReceiver {
    metrics: Arc<dyn MetricHolder>,
    families: Arc<Families>,
    intake: Intake,
}

impl RemoteWriteReceiver {
    /// Takes metrics into the keeping of `metrics`. A limit of zero refuses everything.
    pub fn new(metrics: impl MetricHolder, limits: ReceiverLimits) -> Self {
        Self { metrics: Arc::new(metrics), families: Arc::default(), intake: Intake::new(limits) }
    }

    /// Takes whose a request is from this header. A request without it has what its labels say; one with a value that
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
        let (version, result) = match Intake::check(&head, PATH).and_then(|()| Version::of(&head.headers)) {
            Ok(version) => (Some(version), self.take(&head, version, body).await),
            Err(failure) => (None, Err(failure)),
        };
        let (mut response, written) = match result {
            Ok((written, None)) => {
                let mut response = Response::new(ReplyBody::default());
                *response.status_mut() = StatusCode::NO_CONTENT;
                (response, written)
            }
            Ok((written, Some(why))) => {
                let mut response = Response::new(ReplyBody::new(why));
                *response.status_mut() = StatusCode::BAD_REQUEST;
                (response, written)
            }
            Err(failure) => (self.intake.refuse(&failure), Written::default()),
        };
        if version == Some(Version::V2) {
            for (name, count) in [
                ("x-prometheus-remote-write-samples-written", written.samples),
                ("x-prometheus-remote-write-histograms-written", written.histograms),
                ("x-prometheus-remote-write-exemplars-written", written.exemplars),
            ] {
                response.headers_mut().insert(name, HeaderValue::from(count));
            }
        }
        response
    }

    /// What is held of a request, and what is wrong with the rest.
    async fn take<B>(
        &self,
        head: &Parts,
        version: Version,
        body: B,
    ) -> Result<(Written, Option<String>), Failure>
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<BodyError>,
    {
        check_encoding(&head.headers)?;
        let Taken { body, tenant, mut pass } = self.intake.read(head, body, Encoding::Identity).await?;
        let limits = self.intake.limits.clone();
        let bytes = unpack(&body, limits.max_decoded_bytes, &mut pass)?;
        let (families, owner) = (self.families.clone(), tenant.clone());
        let decode = move |bytes: &[u8]| {
            let decoded = match version {
                Version::V1 => decode_v1(bytes, &limits, &families, owner.as_ref()),
                Version::V2 => decode_v2(bytes, &limits),
            };
            decoded.map_err(|error| match error {
                DecodeError::TooLarge { .. } => Failure::TooLarge(error.to_string()),
                _ => Failure::Undecodable(error.to_string()),
            })
        };
        let DecodedWrite { batches, written, rejected, reason } = off_thread(bytes, decode).await?;
        let points = batches.iter().map(|b| b.point_count() as u64).sum();
        if !batches.is_empty() {
            self.metrics.hold(batches, tenant).await?;
        }
        self.intake.counts.points(points, rejected);
        let why = reason.map(|why| format!("{rejected} samples or histograms were left out: {why}\n"));
        Ok((written, why))
    }
}

http_service!(RemoteWriteReceiver, "Prometheus remote write");

impl fmt::Debug for RemoteWriteReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteWriteReceiver").field("limits", &self.intake.limits).finish_non_exhaustive()
    }
}
