//! The exporter: batches to requests, answers to outcomes.

use std::fmt;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Uri};
use trace_core::batch::SpanBatch;
use trace_core::signal::{ExportError, SpanExporter};

use super::config::{ZipkinConfig, ZipkinConfigError};
use super::encode::{Packed, pack};
use crate::http_client::{Answer, HttpClient, Outgoing, permanent, retry_after, shorten, show};

/// Sends spans as Zipkin v2 JSON.
///
/// A batch over `max_request_bytes` goes out as several requests. If one of them fails for now, the error is retryable
/// and the whole batch is offered again: the receiver sees the delivered part twice. A span that is over the limit alone
/// is left out, and counted in a partial error. Retryable are 408, 429, 500, 502, 503 and 504, which Zipkin answers while
/// its storage fails, a connection that cannot be made or that ends without an answer, and a timeout.
///
/// `export` needs a Tokio runtime with I/O and time.
pub struct ZipkinExporter {
    client: HttpClient,
    uri: Uri,
    limit: usize,
}

impl ZipkinExporter {
    /// Checks the configuration; connects with the first batch.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn new(config: &ZipkinConfig) -> Result<Self, ZipkinConfigError> {
        config.validate()?;
        let uri = config.uri()?;
        let client = HttpClient::new(&uri, &config.headers, &config.tls(), config.attempt_limit())?
            .compressing(config.compression)
            .always(CONTENT_TYPE, "application/json");
        Ok(Self { client, uri, limit: config.max_request_bytes })
    }

    async fn send(&self, body: Vec<u8>) -> Result<(), ExportError> {
        let (uri, body) = (self.uri.clone(), Bytes::from(body));
        let answer =
            self.client.send(Outgoing { method: Method::POST, uri, headers: HeaderMap::new(), body }).await?;
        if answer.status.is_success() { Ok(()) } else { Err(self.refusal(&answer)) }
    }

    fn refusal(&self, answer: &Answer) -> ExportError {
        let said = shorten(&String::from_utf8_lossy(&answer.body));
        let text = format!("POST {}: answered {}: {said}", show(&self.uri.to_string()), answer.status);
        let text = self.client.scrub(&self.uri, text);
        if !matches!(answer.status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504) {
            return permanent(answer.status, text);
        }
        let error = ExportError::retryable(text);
        match retry_after(&answer.headers, SystemTime::now()) {
            Some(wait) => error.after(wait),
            None => error,
        }
    }
}

#[async_trait]
impl SpanExporter for ZipkinExporter {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        let Packed { bodies, oversized } = pack(batch, self.limit);
        let mut rejected = oversized;
        let mut reason =
            (oversized > 0).then(|| format!("{oversized} of the spans are over {} bytes", self.limit));
        // Not a failure of the batch: the others are sent.
        let mut taken = oversized > 0;
        let mut misconfigured = false;
        for (body, count) in bodies {
            match self.send(body).await {
                Ok(()) => taken = true,
                Err(error) if error.is_retryable() => return Err(error),
                Err(error) => {
                    rejected += count;
                    misconfigured |= error.is_misconfigured();
                    // The first reason is the one that explains; later ones mostly repeat it.
                    reason.get_or_insert(error.to_string());
                }
            }
        }
        let Some(reason) = reason else { return Ok(()) };
        let error = match taken {
            true => ExportError::partial(rejected as u64, reason),
            false => ExportError::permanent(reason),
        };
        Err(if misconfigured { error.misconfigured() } else { error })
    }
}

impl fmt::Debug for ZipkinExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZipkinExporter")
            .field("url", &show(&self.uri.to_string()))
            .field("client", &self.client)
            .finish()
    }
}
