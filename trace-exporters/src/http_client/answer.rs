//! What the other side said.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
#[cfg(any(feature = "clickhouse", feature = "jaeger", feature = "remote-write", feature = "zipkin"))]
use trace_core::signal::ExportError;

/// The longest wait that a receiver can ask for; a larger one is cut. A batch that waits longer would leave the queue
/// for good in the meantime.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body was longer than what is read, and is left away.
    pub(crate) oversized: bool,
}

/// Whether a refusal is about who sends or where to, and not about what was sent: redirects, wrong paths and methods,
/// missing or unknown credentials, of the server or of a proxy before it.
pub(crate) fn is_misconfigured(status: StatusCode) -> bool {
    status.is_redirection() || matches!(status.as_u16(), 401 | 403 | 404 | 405 | 407)
}

/// A refusal for good.
#[cfg(any(feature = "clickhouse", feature = "jaeger", feature = "remote-write", feature = "zipkin"))]
pub(crate) fn permanent(status: StatusCode, message: String) -> ExportError {
    let error = ExportError::permanent(message);
    if is_misconfigured(status) { error.misconfigured() } else { error }
}

/// The media type in lower case, without its parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The wait of `Retry-After`, at most 300 s: seconds or an HTTP-date (RFC 9110, section 10.2.3); anything else is
/// ignored.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(MAX_RETRY_AFTER))
}
