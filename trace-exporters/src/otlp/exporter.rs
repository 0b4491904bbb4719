//! The exporters: batches to requests, answers to outcomes.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use trace_core::batch::SpanBatch;
use trace_core::model::MetricBatch;
use trace_core::signal::{ExportError, MetricExporter, SpanExporter};

use super::config::{OtlpConfig, Signal};
use super::error::OtlpConfigError;
use super::payload::Payload;
use super::remarks::Remarks;
use super::reply::Accepted;
use super::transport::Transport;
use crate::http_client::HeaderProvider;
use crate::outcome::Outcome;

/// A buffer that grew beyond this is not kept for the next batch.
const KEPT_BUFFER_BYTES: usize = 4 << 20;

/// Sends spans to an OTLP receiver.
///
/// A batch over `max_request_bytes` or `max_request_records` goes out as several requests, `in_flight` at a time. If one of
/// them fails for now, the error is retryable and the whole batch is offered again: receivers see the delivered part
/// twice. If one of them fails for good, the others are still sent and the error is partial.
///
/// `export` needs a Tokio runtime with I/O and time.
pub struct OtlpSpanExporter(Sender);

/// Sends metrics to an OTLP receiver; see [`OtlpSpanExporter`].
pub struct OtlpMetricExporter(Sender);

impl OtlpSpanExporter {
    /// Checks the configuration; connects with the first batch.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn new(config: &OtlpConfig) -> Result<Self, OtlpConfigError> {
        Sender::new(config, Signal::Traces, None).map(Self)
    }

    /// The same with headers that change, such as a token that expires.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn with_headers(
        config: &OtlpConfig,
        provider: impl HeaderProvider + 'static,
    ) -> Result<Self, OtlpConfigError> {
        Sender::new(config, Signal::Traces, Some(Arc::new(provider))).map(Self)
    }

    /// What the receiver remarks while it takes everything.
    pub fn remarks(&self) -> Arc<Remarks> {
        self.0.remarks.clone()
    }
}

impl OtlpMetricExporter {
    /// Checks the configuration; connects with the first batch.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn new(config: &OtlpConfig) -> Result<Self, OtlpConfigError> {
        Sender::new(config, Signal::Metrics, None).map(Self)
    }

    /// The same with headers that change, such as a token that expires.
    ///
    /// # Errors
    /// If the configuration cannot work.
    pub fn with_headers(
        config: &OtlpConfig,
        provider: impl HeaderProvider + 'static,
    ) -> Result<Self, OtlpConfigError> {
        Sender::new(config, Signal::Metrics, Some(Arc::new(provider))).map(Self)
    }

    /// What the receiver remarks while it takes everything.
    pub fn remarks(&self) -> Arc<Remarks> {
        self.0.remarks.clone()
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

pub(super) struct Sender {
    transport: Transport,
    max_request_bytes: usize,
    max_request_records: usize,
    in_flight: usize,
    /// Allocations for the next requests.
    buffers: Mutex<Vec<Vec<u8>>>,
    pub(super) remarks: Arc<Remarks>,
}

impl Sender {
    pub(super) fn new(
        config: &OtlpConfig,
        signal: Signal,
        provider: Option<Arc<dyn HeaderProvider>>,
    ) -> Result<Self, OtlpConfigError> {
        Ok(Self {
            transport: Transport::new(config, signal, provider)?,
            max_request_bytes: config.max_request_bytes,
            max_request_records: if config.max_request_records == 0 {
                usize::MAX
            } else {
                config.max_request_records
            },
            in_flight: config.in_flight,
            buffers: Mutex::default(),
            remarks: Arc::default(),
        })
    }

    /// `Err` that is retryable if the whole batch is to be offered again; what is then still under way is cancelled.
    pub(super) async fn send_all<P: Payload>(&self, batch: &P) -> Result<(), ExportError> {
        let mut outcome = Outcome::default();
        let mut waiting = vec![Cow::Borrowed(batch)];
        let mut sending = FuturesUnordered::new();
        loop {
            while sending.len() < self.in_flight
                && let Some((body, count)) = self.next_request(&mut waiting, &mut outcome)
            {
                sending.push(self.send(body, count));
            }
            let Some((count, answer)) = sending.next().await else { return outcome.result() };
            let Some(Accepted { rejected, message }) = outcome.add(answer, count)? else { continue };
            if rejected > 0 {
                let rejected = usize::try_from(rejected).unwrap_or(count).min(count);
                outcome.leave_out(rejected, || {
                    format!("{rejected} of {count} {} rejected: {message}", P::RECORDS)
                });
            } else if !message.is_empty() {
                self.remarks.add(message);
            }
        }
    }

    async fn send(&self, body: Bytes, count: usize) -> (usize, Result<Accepted, ExportError>) {
        let answer = self.transport.send(body.clone()).await;
        self.keep_buffer(body);
        (count, answer)
    }

    /// The next part that is small enough, encoded. One record that alone is too large is refused.
    fn next_request<P: Payload>(
        &self,
        waiting: &mut Vec<Cow<'_, P>>,
        outcome: &mut Outcome,
    ) -> Option<(Bytes, usize)> {
        while let Some(part) = waiting.pop() {
            let count = part.count();
            if count == 0 {
                continue;
            }
            if count <= self.max_request_records
                && let Some(body) = self.encode(&*part)
            {
                return Some((body, count));
            }
            if let Some((first, second)) = part.halves() {
                waiting.extend([Cow::Owned(second), Cow::Owned(first)]);
            } else {
                let limit = self.max_request_bytes;
                // Not a failure of the batch: the others are sent.
                outcome.leave_out(count, || format!("one of the {} alone is over {limit} bytes", P::RECORDS));
            }
        }
        None
    }

    /// The request, or `None` if it is over the limit.
    fn encode<P: Payload>(&self, part: &P) -> Option<Bytes> {
        let spare = self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut out = spare.unwrap_or_default();
        out.clear();
        out.extend_from_slice(self.transport.prefix());
        if part.encode_within(self.transport.encoding(), self.max_request_bytes, &mut out)
            && self.transport.finish(&mut out)
        {
            return Some(out.into());
        }
        self.keep_buffer(out.into());
        None
    }

    /// Keeps the allocation for another request, unless the connection still holds the bytes.
    fn keep_buffer(&self, body: Bytes) {
        if let Ok(body) = body.try_into_mut()
            && body.capacity() <= KEPT_BUFFER_BYTES
        {
            let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
            if buffers.len() < self.in_flight {
                buffers.push(body.into());
            }
        }
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
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
