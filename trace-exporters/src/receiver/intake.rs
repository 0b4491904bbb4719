//! What receivers of plain requests share: from the head of a request to its bytes, and the answer to a bad one.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use http_body::Body;
use trace_core::model::TenantId;

use super::{
    BodyError, Counts, Encoding, Failure, Gate, Pass, ReceiverLimits, ReplyBody, TenantHeader, read_body,
};

/// Limits, counts and the tenant's header of one receiver; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    pub(crate) limits: ReceiverLimits,
    pub(crate) counts: Arc<Counts>,
    tenant: TenantHeader,
    gate: Arc<Gate>,
}

/// A request that was read.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) body: Bytes,
    pub(crate) tenant: Option<TenantId>,
    /// It counts as under way until this is dropped.
    pub(crate) pass: Pass,
}

impl Intake {
    pub(crate) fn new(limits: ReceiverLimits) -> Self {
        let gate = Gate::new(&limits);
        Self { limits, counts: Arc::default(), tenant: TenantHeader::default(), gate }
    }

    pub(crate) fn set_tenant_header(&mut self, name: HeaderName) {
        self.tenant = TenantHeader(Some(name));
    }

    /// Whether it is a POST to a path that ends in `path`. Looked at first: of something that is not here, the type of
    /// the body does not matter.
    pub(crate) fn check(head: &Parts, path: &str) -> Result<(), Failure> {
        if !head.uri.path().ends_with(path) {
            return Err(Failure::NotFound);
        }
        if head.method == Method::POST { Ok(()) } else { Err(Failure::Method) }
    }

    /// The body of a request that [`Self::check`] has let pass.
    pub(crate) async fn read<B>(&self, head: &Parts, body: B, encoding: Encoding) -> Result<Taken, Failure>
    where
        B: Body + Send,
        B::Error: Into<BodyError>,
    {
        let tenant = self.tenant.read(&head.headers)?;
        let mut pass = self.gate.enter()?;
        let body = read_body(&head.headers, body, encoding, &self.limits, &mut pass).await?;
        Ok(Taken { body, tenant, pass })
    }

    /// Counts a request that is not taken, and says why in a line of text.
    pub(crate) fn refuse(&self, failure: &Failure) -> Response<ReplyBody> {
        self.counts.failed(failure);
        let mut response = Response::new(ReplyBody::new(failure.message() + "\n"));
        *response.status_mut() = failure.http_status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if failure.is_overload() {
            headers.insert(RETRY_AFTER, HeaderValue::from(self.limits.retry_after_seconds));
        }
        if *failure == Failure::Method {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}

/// The `Content-Type` without its parameters, in lower case; empty if there is none.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
