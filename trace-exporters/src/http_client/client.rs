//! One request: connecting, sending, and reading the answer within bounds.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use trace_core::signal::ExportError;

use super::{
    Answer, Compression, Connector, Headers, HttpConfigError, TlsConfig, connector, header_map, show,
};

/// The largest answer that is read (OTLP specification: a client's limit of 4 MiB).
const MAX_RESPONSE_BYTES: usize = 4 << 20;
/// The largest head of an answer.
const MAX_RESPONSE_HEAD_BYTES: usize = 64 << 10;
/// Shorter than the idle limit of common servers (60 s and more), so that a reused connection is rarely one
/// that the server is just closing.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);
const AGENT: &str = concat!("mplp-trace/", env!("CARGO_PKG_VERSION"));

/// What is sent.
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
    headers: HeaderMap,
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
        limit: Option<Duration>,
    ) -> Result<Self, HttpConfigError> {
        let mut headers = header_map(headers)?;
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(1)
            .http1_max_buf_size(MAX_RESPONSE_HEAD_BYTES)
            .build(connector(tls, uri)?);
        Ok(Self {
            client,
            headers,
            compression: Compression::None,
            limit,
            max_answer_bytes: MAX_RESPONSE_BYTES,
        })
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
            Some(name) => self.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name)),
            None => self.headers.remove(CONTENT_ENCODING),
        };
        self
    }

    /// The same client with a header that every request carries.
    #[must_use]
    pub(crate) fn always(mut self, name: http::HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// Sends a request and reads the answer, whatever its status.
    ///
    /// Cancel safe: a dropped call closes its connection.
    ///
    /// # Errors
    /// If there was no complete answer: retryable unless the other side does not speak HTTP or says too much.
    pub(crate) async fn send(&self, outgoing: Outgoing) -> Result<Answer, ExportError> {
        let subject = format!("{} {}", outgoing.method, show(&outgoing.uri.to_string()));
        let Some(limit) = self.limit else { return self.attempt(outgoing, &subject).await };
        match tokio::time::timeout(limit, self.attempt(outgoing, &subject)).await {
            Ok(result) => result,
            Err(_) => Err(ExportError::retryable(format!("{subject}: no answer within {limit:?}"))),
        }
    }

    async fn attempt(&self, outgoing: Outgoing, subject: &str) -> Result<Answer, ExportError> {
        let body = self.compression.apply(outgoing.body).map_err(|e| {
            ExportError::permanent(format!("{subject}: the request cannot be compressed")).caused_by(e)
        })?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = outgoing.method;
        *request.uri_mut() = outgoing.uri;
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().extend(outgoing.headers);

        let response = self.client.request(request).await.map_err(|e| no_answer(&e, subject))?;
        let (head, body) = response.into_parts();
        let body = match Limited::new(body, self.max_answer_bytes).collect().await {
            Ok(body) => body.to_bytes(),
            Err(e) if e.is::<LengthLimitError>() => {
                let limit = self.max_answer_bytes >> 20;
                let text = format!("{subject}: answered {} with more than {limit} MiB", head.status);
                return Err(ExportError::permanent(text));
            }
            // The status of a failure is enough; a success that breaks off may hide a refusal.
            Err(_) if !head.status.is_success() => Bytes::new(),
            Err(_) => return Err(ExportError::retryable(format!("{subject}: the answer broke off"))),
        };
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// Takes out of a text what a receiver may have repeated of our secrets: headers, and the query of the URL.
    pub(crate) fn scrub(&self, uri: &Uri, mut text: String) -> String {
        let query = uri.query().map(str::as_bytes);
        let secrets = self.headers.values().filter(|v| v.is_sensitive()).map(HeaderValue::as_bytes);
        for secret in secrets.chain(query).filter_map(|v| std::str::from_utf8(v).ok()) {
            // `Bearer TOKEN` and `key=TOKEN` must not show the token alone either.
            let tail = secret.rsplit([' ', '=']).next().unwrap_or(secret);
            // Shorter ones protect nothing, and taking them out would garble the message.
            for part in [secret, tail].into_iter().filter(|p| p.len() >= 4) {
                text = text.replace(part, "[redacted]");
            }
        }
        text
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("headers", &self.headers.keys())
            .field("compression", &self.compression)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// The request failed before an answer came.
fn no_answer(error: &ClientError, subject: &str) -> ExportError {
    let mut cause = error.source();
    let mut innermost = error.to_string();
    let mut malformed = false;
    while let Some(e) = cause {
        innermost = e.to_string();
        malformed |= e.downcast_ref::<hyper::Error>().is_some_and(|e| e.is_parse() || e.is_user());
        cause = e.source();
    }
    if error.is_connect() {
        ExportError::retryable(format!("{subject}: cannot connect: {innermost}"))
    } else if malformed {
        ExportError::permanent(format!("{subject}: the answer is not HTTP: {innermost}"))
    } else {
        ExportError::retryable(format!("{subject}: the connection ended without an answer: {innermost}"))
    }
}
