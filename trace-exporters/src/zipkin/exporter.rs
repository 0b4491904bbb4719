//! The exporter: batches to requests, answers to outcomes.

use std::fmt;

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use trace_core::batch::SpanBatch;
use trace_core::signal::{ExportError, SpanExporter};

use super::config::ZipkinConfig;
use super::encode::{Packed, pack};
use crate::http_client::{HttpClient, HttpConfigError, Post};
use crate::outcome::Outcome;

/// Sends spans as Zipkin v2 JSON.
///
/// A batch over `max_request_bytes` goes out as several requests. If one of them fails for now, the error is retryable
/// and the whole batch is offered again: the receiver sees the delivered part twice. A span that is over the limit alone
/// is left out, and counted in a partial error. Retryable are 408, 429, 500, 502, 503 and 504, which Zipkin answers while
/// its storage fails, a connection that cannot be made or that ends without an answer, and a timeout.
///
/// `export` needs a Tokio runtime with I/O and time.
pub struct ZipkinExporter {
    post: Post,
    limit: usize,
}

impl ZipkinExporter {
    /// Checks the configuration; connects with the first batch.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn new(config: &ZipkinConfig) -> Result<Self, HttpConfigError> {
        config.validate()?;
        let uri = config.uri()?;
        let client = HttpClient::new(&uri, &config.headers, &config.tls, config.timeout)?
            .compressing(config.compression)
            .always(CONTENT_TYPE, "application/json");
        Ok(Self { post: Post::new(client, uri), limit: config.max_request_bytes })
    }
}

#[async_trait]
impl SpanExporter for ZipkinExporter {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        let Packed { bodies, oversized } = pack(batch, self.limit);
        let mut outcome = Outcome::default();
        // Not a failure of the batch: the others are sent.
        outcome
            .leave_out(oversized, || format!("{oversized} of the spans are over {} bytes each", self.limit));
        for (body, count) in bodies {
            outcome.add(self.post.send(body).await, count)?;
        }
        outcome.result()
    }
}

impl fmt::Debug for ZipkinExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ZipkinExporter").field(&self.post).finish()
    }
}
