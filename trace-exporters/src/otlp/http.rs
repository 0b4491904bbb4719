//! One POST: connecting, sending, and reading the answer within bounds.

use std::error::Error as _;
use std::fmt;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use trace_core::signal::ExportError;

use super::config::{Compression, OtlpConfig, Signal, show};
use super::connect::{Connector, connector};
use super::error::OtlpConfigError;
use super::reply::{self, Accepted};
use super::secret::Headers;

/// The largest answer that is read (OTLP specification: a client's limit of 4 MiB).
const MAX_RESPONSE_BYTES: usize = 4 << 20;
/// The largest head of an answer.
const MAX_RESPONSE_HEAD_BYTES: usize = 64 << 10;
/// Shorter than the idle limit of common servers (60 s and more), so that a reused connection is rarely one
/// that the server is just closing.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);
const AGENT: &str =
    concat!("mplp-trace/", env!("CARGO_PKG_VERSION"), " OTel-OTLP-Exporter-Rust/", env!("CARGO_PKG_VERSION"));
/// Headers that the exporter itself sets, or that would break the request.
const RESERVED: [&str; 7] = [
    "content-type",
    "content-encoding",
    "content-length",
    "transfer-encoding",
    "host",
    "connection",
    "user-agent",
];

/// A connection pool to one URL.
pub(super) struct Transport {
    client: Client<Connector, Full<Bytes>>,
    uri: Uri,
    shown: String,
    headers: HeaderMap,
    compression: Compression,
    limit: Option<Duration>,
}

impl Transport {
    pub(super) fn new(config: &OtlpConfig, signal: Signal) -> Result<Self, OtlpConfigError> {
        config.validate()?;
        let uri = config.request_uri(signal)?;
        let mut headers = header_map(&config.headers)?;
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if config.compression == Compression::Gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(1)
            .http1_max_buf_size(MAX_RESPONSE_HEAD_BYTES)
            .build(connector(config, &uri)?);
        Ok(Self {
            client,
            shown: show(&uri.to_string()),
            uri,
            headers,
            compression: config.compression,
            limit: config.attempt_limit(),
        })
    }

    /// Sends one encoded request.
    ///
    /// Cancel safe: a dropped call closes its connection.
    pub(super) async fn send(&self, body: Bytes) -> Result<Accepted, ExportError> {
        let Some(limit) = self.limit else { return self.attempt(body).await };
        match tokio::time::timeout(limit, self.attempt(body)).await {
            Ok(result) => result,
            Err(_) => Err(ExportError::retryable(self.says(format_args!("no answer within {limit:?}")))),
        }
    }

    async fn attempt(&self, body: Bytes) -> Result<Accepted, ExportError> {
        let body = match self.compression {
            Compression::Gzip => gzip(&body).map_err(|e| {
                ExportError::permanent(self.says(format_args!("the request cannot be compressed")))
                    .caused_by(e)
            })?,
            Compression::None => body,
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();

        let response = self.client.request(request).await.map_err(|e| self.no_answer(&e))?;
        let (head, body) = response.into_parts();
        let body = match Limited::new(body, MAX_RESPONSE_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(e) if e.is::<LengthLimitError>() => {
                let text = self.says(format_args!("answered {} with more than 4 MiB", head.status));
                return Err(ExportError::permanent(text));
            }
            // The status of a failure is enough; a success that breaks off may hide a refusal.
            Err(_) if !head.status.is_success() => Bytes::new(),
            Err(_) => {
                return Err(ExportError::retryable(self.says(format_args!("the answer broke off"))));
            }
        };
        match reply::read(head.status, &head.headers, &body, SystemTime::now()) {
            Ok(mut accepted) => {
                accepted.message = self.scrub(accepted.message);
                Ok(accepted)
            }
            Err(refused) => {
                let message = self.scrub(self.says(format_args!("{}", refused.message)));
                let error = match refused.retryable {
                    true => ExportError::retryable(message),
                    false => ExportError::permanent(message),
                };
                Err(match refused.retry_after {
                    Some(wait) => error.after(wait),
                    None => error,
                })
            }
        }
    }

    /// The request failed before an answer came.
    fn no_answer(&self, error: &ClientError) -> ExportError {
        let mut cause = error.source();
        let mut innermost = error.to_string();
        let mut malformed = false;
        while let Some(e) = cause {
            innermost = e.to_string();
            malformed |= e.downcast_ref::<hyper::Error>().is_some_and(|e| e.is_parse() || e.is_user());
            cause = e.source();
        }
        if error.is_connect() {
            ExportError::retryable(self.says(format_args!("cannot connect: {innermost}")))
        } else if malformed {
            ExportError::permanent(self.says(format_args!("the answer is not HTTP: {innermost}")))
        } else {
            ExportError::retryable(
                self.says(format_args!("the connection ended without an answer: {innermost}")),
            )
        }
    }

    fn says(&self, what: fmt::Arguments<'_>) -> String {
        format!("POST {}: {what}", self.shown)
    }

    /// Takes out what a receiver may have repeated of our secrets.
    fn scrub(&self, mut text: String) -> String {
        let query = self.uri.query().map(str::as_bytes);
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

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("url", &self.shown)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// The headers as they are sent, values marked as sensitive; those without a value left out.
pub(super) fn header_map(headers: &Headers) -> Result<HeaderMap, OtlpConfigError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter() {
        let fail = |reason| OtlpConfigError::Header { name: name.to_owned(), reason };
        let parsed = HeaderName::try_from(name).map_err(|_| fail("is not a header name"))?;
        if RESERVED.contains(&parsed.as_str()) {
            return Err(fail("is set by the exporter"));
        }
        let mut value = HeaderValue::try_from(value.expose())
            .map_err(|_| fail("has a value with characters that a header cannot carry"))?;
        value.set_sensitive(true);
        if !value.is_empty() {
            map.insert(parsed, value);
        }
    }
    Ok(map)
}

fn gzip(body: &[u8]) -> std::io::Result<Bytes> {
    // The fast level takes about a quarter of the default's time for a few percent more bytes: right for a
    // thread that has to keep up with the recording.
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
    encoder.write_all(body)?;
    encoder.finish().map(Bytes::from)
}
