//! One request: connecting, sending, and reading the answer within bounds.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use trace_core::signal::ExportError;

use super::{
    Answer, Ask, Carried, Compression, Connector, HeaderProvider, Headers, HttpConfigError, TlsConfig,
    connector, show,
};
use crate::connection::Timeout;

/// The largest answer that is read (OTLP specification: a client's limit of 4 MiB).
const MAX_RESPONSE_BYTES: usize = 4 << 20;
/// The largest head of an answer.
const MAX_RESPONSE_HEAD_BYTES: usize = 64 << 10;
/// Shorter than the idle limit of common servers (60 s and more), so that a reused connection is rarely one
/// that the server is just closing.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);
/// As many as may be in flight at once.
const MAX_IDLE_CONNECTIONS: usize = 16;
const AGENT: &str = concat!("mplp-trace/", env!("CARGO_PKG_VERSION"));

/// What is sent.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// Headers of this request alone, besides those of the client.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A connection pool to one destination, with what every request to it carries.
pub(crate) struct HttpClient {
    client: Client<Connector, Full<Bytes>>,
    carried: Carried,
    compression: Compression,
    limit: Option<Duration>,
    max_answer_bytes: usize,
}

impl HttpClient {
    /// A client for the destination of this URL. Connects with the first request; reads certificates now.
    pub(crate) fn new(
        uri: &Uri,
        headers: &Headers,
        tls: &TlsConfig,
        timeout: Timeout,
    ) -> Result<Self, HttpConfigError> {
        let mut fixed = headers.to_map()?;
        fixed.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
            .http1_max_buf_size(MAX_RESPONSE_HEAD_BYTES)
            .build(connector(tls, uri)?);
        let (carried, compression) = (Carried::new(fixed, None), Compression::None);
        let limit = timeout.limit();
        Ok(Self { client, carried, compression, limit, max_answer_bytes: MAX_RESPONSE_BYTES })
    }

    /// The same client that asks for headers before each attempt.
    #[must_use]
    pub(crate) fn provided(mut self, provider: Option<Arc<dyn HeaderProvider>>) -> Self {
        self.carried.set_provider(provider);
        self
    }

    /// The same client that reads answers of up to this many bytes; 4 MiB if nothing is said.
    #[must_use]
    #[cfg(feature = "clickhouse")]
    pub(crate) fn answers_up_to(mut self, bytes: usize) -> Self {
        self.max_answer_bytes = bytes;
        self
    }

    /// The same client that compresses bodies.
    #[must_use]
    pub(crate) fn compressing(mut self, compression: Compression) -> Self {
        self.compression = compression;
        match compression.content_encoding() {
            Some(name) => self.carried.fixed_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(name)),
            None => self.carried.fixed_mut().remove(CONTENT_ENCODING),
        };
        self
    }

    /// The same client with a header that every request carries.
    #[must_use]
    pub(crate) fn always(mut self, name: http::HeaderName, value: &'static str) -> Self {
        self.carried.fixed_mut().insert(name, HeaderValue::from_static(value));
        self
    }

    /// Sends a request and reads the answer, whatever its status.
    ///
    /// Cancel safe: a dropped call closes its connection.
    ///
    /// # Errors
    /// If there was no complete answer, which is retryable.
    pub(crate) async fn send(&self, outgoing: Outgoing) -> Result<Answer, ExportError> {
        let subject = format!("{} {}", outgoing.method, show(&outgoing.uri));
        let Some(limit) = self.limit else { return self.attempts(outgoing, &subject).await };
        match tokio::time::timeout(limit, self.attempts(outgoing, &subject)).await {
            Ok(result) => result,
            Err(_) => Err(ExportError::retryable(format!("{subject}: no answer within {limit:?}"))),
        }
    }

    /// Asks for headers once more if those of the first time were refused.
    async fn attempts(&self, mut outgoing: Outgoing, subject: &str) -> Result<Answer, ExportError> {
        outgoing.body = self.compression.apply(outgoing.body).map_err(|e| {
            ExportError::permanent(format!("{subject}: the request cannot be compressed")).caused_by(e)
        })?;
        if !self.carried.can_renew() {
            return self.attempt(outgoing, subject, Ask::Attempt).await;
        }
        let answer = self.attempt(outgoing.clone(), subject, Ask::Attempt).await?;
        match answer.status {
            StatusCode::UNAUTHORIZED => self.attempt(outgoing, subject, Ask::Refused).await,
            _ => Ok(answer),
        }
    }

    async fn attempt(&self, outgoing: Outgoing, subject: &str, ask: Ask) -> Result<Answer, ExportError> {
        let mut request = Request::new(Full::new(outgoing.body));
        *request.method_mut() = outgoing.method;
        *request.uri_mut() = outgoing.uri;
        *request.headers_mut() = self.carried.headers(ask).await?;
        request.headers_mut().extend(outgoing.headers);

        let response = self.client.request(request).await.map_err(|e| no_answer(&e, subject))?;
        let (head, body) = response.into_parts();
        let (body, oversized) = match Limited::new(body, self.max_answer_bytes).collect().await {
            Ok(body) => (body.to_bytes(), false),
            Err(e) if e.is::<LengthLimitError>() => (Bytes::new(), true),
            // The status of a failure is enough; a success that breaks off may hide a refusal.
            Err(_) if !head.status.is_success() => (Bytes::new(), false),
            Err(_) => return Err(ExportError::retryable(format!("{subject}: the answer broke off"))),
        };
        Ok(Answer { status: head.status, headers: head.headers, body, oversized })
    }

    /// See [`Carried::scrub`].
    pub(crate) fn scrub(&self, uri: &Uri, text: String) -> String {
        self.carried.scrub(uri, text)
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("headers", &self.carried)
            .field("compression", &self.compression)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// The request failed before an answer came.
pub(crate) fn no_answer(error: &ClientError, subject: &str) -> ExportError {
    let mut cause = error.source();
    let mut innermost = error.to_string();
    let (mut malformed, mut ours) = (false, false);
    while let Some(e) = cause {
        innermost = e.to_string();
        let hyper = e.downcast_ref::<hyper::Error>();
        malformed |= hyper.is_some_and(hyper::Error::is_parse);
        ours |= hyper.is_some_and(hyper::Error::is_user);
        cause = e.source();
    }
    if error.is_connect() {
        ExportError::retryable(format!("{subject}: cannot connect: {innermost}"))
    } else if ours {
        ExportError::permanent(format!("{subject}: the request cannot be sent: {innermost}"))
    } else if malformed {
        // Nobody has said that anything was taken, or refused.
        ExportError::retryable(format!("{subject}: the answer is not HTTP: {innermost}"))
    } else {
        ExportError::retryable(format!("{subject}: the connection ended without an answer: {innermost}"))
    }
}
