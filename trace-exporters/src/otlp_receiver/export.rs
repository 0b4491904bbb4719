//! One export: bytes to records, and records into somebody's keeping.

use bytes::Bytes;
use trace_core::batch::SpanBatchMut;
use trace_core::model::{LogBatchMut, MetricBatch, TenantId};

use super::json::{decode_logs_json, decode_metrics_json, decode_spans_json};
use super::service::Inner;
use crate::otlp::{Decoded, decode_logs_within, decode_metrics_within, decode_spans_within};
use crate::receiver::{Failure, off_thread};

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
    Logs,
}

/// How it is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Protobuf,
    Json,
}

/// What was left out of a request that was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeftOut {
    pub(super) records: u64,
    pub(super) reason: Option<&'static str>,
}

impl Inner {
    /// Decodes a request and has it held.
    pub(super) async fn export(
        &self,
        signal: Signal,
        form: Form,
        body: Bytes,
        tenant: Option<TenantId>,
    ) -> Result<LeftOut, Failure> {
        let most = self.limits.max_records;
        match signal {
            Signal::Traces => {
                let Decoded { batches, rejected, reason } =
                    off_thread(body, move |bytes| decode_spans(form, bytes, most)).await?;
                let spans = batches.iter().map(|b| b.len() as u64).sum();
                if !batches.is_empty() {
                    self.spans.hold(batches, tenant).await?;
                }
                self.counts.spans(spans, rejected);
                Ok(LeftOut { records: rejected, reason })
            }
            Signal::Metrics => {
                let metrics = self.metrics.as_ref().ok_or(Failure::NotFound)?;
                let Decoded { batches, rejected, reason } =
                    off_thread(body, move |bytes| decode_metrics(form, bytes, most)).await?;
                let points = batches.iter().map(|b| b.point_count() as u64).sum();
                if !batches.is_empty() {
                    metrics.hold(batches, tenant).await?;
                }
                self.counts.points(points, rejected);
                Ok(LeftOut { records: rejected, reason })
            }
            Signal::Logs => {
                let logs = self.logs.as_ref().ok_or(Failure::NotFound)?;
                let Decoded { batches, rejected, reason } =
                    off_thread(body, move |bytes| decode_logs(form, bytes, most)).await?;
                let records = batches.iter().map(|b| b.records.len() as u64).sum();
                if !batches.is_empty() {
                    logs.hold(batches, tenant).await?;
                }
                self.counts.logs(records, rejected);
                Ok(LeftOut { records: rejected, reason })
            }
        }
    }
}

fn decode_spans(form: Form, bytes: &[u8], most: usize) -> Result<Decoded<SpanBatchMut>, Failure> {
    let mut decoded = match form {
        Form::Protobuf => decode_spans_within(bytes, most).map_err(|e| Failure::Undecodable(e.to_string())),
        Form::Json => decode_spans_json(bytes, most).map_err(|e| Failure::Undecodable(e.to_string())),
    }?;
    decoded.batches.iter_mut().for_each(mark_sampled);
    Ok(decoded)
}

/// SDKs export sampled spans alone, and some, such as Python's, do not send the flag; without it no destination would get
/// the span.
fn mark_sampled(batch: &mut SpanBatchMut) {
    for i in 0..batch.len() {
        if batch.get(i).is_some_and(|span| !span.is_sampled()) {
            batch.set_sampled(i, true);
        }
    }
}

fn decode_metrics(form: Form, bytes: &[u8], most: usize) -> Result<Decoded<MetricBatch>, Failure> {
    match form {
        Form::Protobuf => decode_metrics_within(bytes, most).map_err(|e| Failure::Undecodable(e.to_string())),
        Form::Json => decode_metrics_json(bytes, most).map_err(|e| Failure::Undecodable(e.to_string())),
    }
}

fn decode_logs(form: Form, bytes: &[u8], most: usize) -> Result<Decoded<LogBatchMut>, Failure> {
    match form {
        Form::Protobuf => decode_logs_within(bytes, most).map_err(|e| Failure::Undecodable(e.to_string())),
        Form::Json => decode_logs_json(bytes, most).map_err(|e| Failure::Undecodable(e.to_string())),
    }
}
