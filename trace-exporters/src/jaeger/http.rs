//! One request to a collector's `/api/traces`, and what its answer means.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode, Uri};
use trace_core::signal::ExportError;

use super::config::JaegerConfig;
use super::error::JaegerConfigError;
use crate::http_client::{Answer, HttpClient, Outgoing, permanent, retry_after, shorten, show};

/// A connection pool to one collector.
pub(super) struct Collector {
    client: HttpClient,
    uri: Uri,
}

impl Collector {
    pub(super) fn new(config: &JaegerConfig, uri: Uri) -> Result<Self, JaegerConfigError> {
        let client = HttpClient::new(&uri, &config.headers, &config.tls(), config.attempt_limit())?
            .always(CONTENT_TYPE, "application/vnd.apache.thrift.binary");
        Ok(Self { client, uri })
    }

    /// Sends one batch.
    ///
    /// Cancel safe: a dropped call closes its connection.
    pub(super) async fn send(&self, body: Vec<u8>) -> Result<(), ExportError> {
        let (uri, body) = (self.uri.clone(), Bytes::from(body));
        let answer =
            self.client.send(Outgoing { method: Method::POST, uri, headers: HeaderMap::new(), body }).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        let text = format!(
            "POST {}: answered {}: {}",
            show(&self.uri.to_string()),
            answer.status,
            shorten(&String::from_utf8_lossy(&answer.body))
        );
        Err(refusal(&answer, self.client.scrub(&self.uri, text)))
    }
}

fn refusal(answer: &Answer, text: String) -> ExportError {
    if !passes(answer.status) {
        return permanent(answer.status, text);
    }
    let error = ExportError::retryable(text);
    match retry_after(&answer.headers, SystemTime::now()) {
        Some(wait) => error.after(wait),
        None => error,
    }
}

/// Whether the same request may be taken later. Jaeger answers 500 while its queue is full, and 400 to what it cannot
/// read.
fn passes(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("url", &show(&self.uri.to_string()))
            .field("client", &self.client)
            .finish()
    }
}
