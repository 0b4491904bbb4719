//! The exporters: batches to requests, answers to outcomes.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use trace_core::batch::SpanBatch;
use trace_core::model::MetricBatch;
use trace_core::signal::{ExportError, MetricExporter, SpanExporter};

use super::config::{OtlpConfig, Signal};
use super::error::OtlpConfigError;
use super::http::Transport;
use super::payload::Payload;

/// A buffer that grew beyond this is not kept for the next batch.
const KEPT_BUFFER_BYTES: usize = 4 << 20;

/// Sends spans to an OTLP receiver over HTTP.
///
/// A batch over `max_request_bytes` goes out as several requests. If one of them fails for now, the error is
/// retryable and the whole batch is offered again: receivers see the delivered part twice. If one of them fails
/// for good, the others are still sent and the error is partial.
///
/// `export` needs a Tokio runtime with I/O and time.
pub struct OtlpSpanExporter(Sender);

/// Sends metrics to an OTLP receiver over HTTP; see [`OtlpSpanExporter`].
pub struct OtlpMetricExporter(Sender);

impl OtlpSpanExporter {
    /// Checks the configuration; connects with the first batch.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn new(config: &OtlpConfig) -> Result<Self, OtlpConfigError> {
        Sender::new(config, Signal::Traces).map(Self)
    }

    /// What the receiver last remarked while it took everything, once; receivers announce limits and deprecated
    /// fields so.
    pub fn take_warning(&self) -> Option<String> {
        self.0.take_warning()
    }
}

impl OtlpMetricExporter {
    /// Checks the configuration; connects with the first batch.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn new(config: &OtlpConfig) -> Result<Self, OtlpConfigError> {
        Sender::new(config, Signal::Metrics).map(Self)
    }

    /// See [`OtlpSpanExporter::take_warning`].
    pub fn take_warning(&self) -> Option<String> {
        self.0.take_warning()
    }
}

#[async_trait]
impl SpanExporter for OtlpSpanExporter {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        self.0.send_all(batch).await
    }
}

#[async_trait]
impl MetricExporter for OtlpMetricExporter {
    async fn export(&self, batch: &MetricBatch) -> Result<(), ExportError> {
        self.0.send_all(batch).await
    }
}

struct Sender {
    transport: Transport,
    max_request_bytes: usize,
    buffer: Mutex<Vec<u8>>,
    warning: Mutex<Option<String>>,
}

/// What happened to the requests of one batch so far.
#[derive(Default)]
struct Outcome {
    rejected: usize,
    reason: Option<String>,
    /// The batch as a whole did not fail.
    taken: bool,
}

impl Outcome {
    fn refuse(&mut self, count: usize, reason: String) {
        self.rejected += count;
        // The first reason is the one that explains; later ones mostly repeat it.
        self.reason.get_or_insert(reason);
    }

    fn result(self) -> Result<(), ExportError> {
        match self.reason {
            None => Ok(()),
            Some(reason) if self.taken => Err(ExportError::partial(self.rejected as u64, reason)),
            Some(reason) => Err(ExportError::permanent(reason)),
        }
    }
}

impl Sender {
    fn new(config: &OtlpConfig, signal: Signal) -> Result<Self, OtlpConfigError> {
        Ok(Self {
            transport: Transport::new(config, signal)?,
            max_request_bytes: config.max_request_bytes,
            buffer: Mutex::default(),
            warning: Mutex::default(),
        })
    }

    async fn send_all<P: Payload>(&self, batch: &P) -> Result<(), ExportError> {
        let mut outcome = Outcome::default();
        let mut waiting = vec![Cow::Borrowed(batch)];
        while let Some(part) = waiting.pop() {
            let count = part.count();
            if count == 0 {
                continue;
            }
            if let Some(body) = self.encode(&*part) {
                self.send(body, count, P::RECORDS, &mut outcome).await?;
            } else if let Some((first, second)) = part.halves() {
                waiting.extend([Cow::Owned(second), Cow::Owned(first)]);
            } else {
                let limit = self.max_request_bytes;
                outcome.refuse(count, format!("one of the {} alone is over {limit} bytes", P::RECORDS));
                // Not a failure of the batch: the others are sent.
                outcome.taken = true;
            }
        }
        outcome.result()
    }

    /// One request; `Err` only if the whole batch is to be offered again.
    async fn send(
        &self,
        body: Bytes,
        count: usize,
        records: &str,
        outcome: &mut Outcome,
    ) -> Result<(), ExportError> {
        let answer = self.transport.send(body.clone()).await;
        self.keep_buffer(body);
        match answer {
            Ok(accepted) if accepted.rejected > 0 => {
                outcome.taken = true;
                let rejected = usize::try_from(accepted.rejected).unwrap_or(count).min(count);
                outcome.refuse(
                    rejected,
                    format!("{rejected} of {count} {records} rejected: {}", accepted.message),
                );
            }
            Ok(accepted) => {
                outcome.taken = true;
                if !accepted.message.is_empty() {
                    *self.warning.lock().unwrap_or_else(PoisonError::into_inner) = Some(accepted.message);
                }
            }
            Err(error) if error.is_retryable() => return Err(error),
            Err(error) => outcome.refuse(count, error.to_string()),
        }
        Ok(())
    }

    /// The request, or `None` if it is over the limit.
    fn encode<P: Payload>(&self, part: &P) -> Option<Bytes> {
        let mut out = std::mem::take(&mut *self.buffer.lock().unwrap_or_else(PoisonError::into_inner));
        out.clear();
        if part.encode_within(self.max_request_bytes, &mut out) {
            return Some(out.into());
        }
        self.keep_buffer(out.into());
        None
    }

    /// Keeps the allocation for the next request, unless the connection still holds the bytes.
    fn keep_buffer(&self, body: Bytes) {
        if let Ok(body) = body.try_into_mut()
            && body.capacity() <= KEPT_BUFFER_BYTES
        {
            *self.buffer.lock().unwrap_or_else(PoisonError::into_inner) = body.into();
        }
    }

    fn take_warning(&self) -> Option<String> {
        self.warning.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for OtlpSpanExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OtlpSpanExporter").field(&self.0.transport).finish()
    }
}

impl fmt::Debug for OtlpMetricExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OtlpMetricExporter").field(&self.0.transport).finish()
    }
}
