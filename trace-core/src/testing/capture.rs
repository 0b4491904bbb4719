//! An exporter that keeps what it gets, and fails on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::batch::SpanBatch;
use crate::model::{LogBatch, LogRecord, MetricBatch, SpanData};
use crate::signal::{ExportError, LogExporter, MetricExporter, SpanExporter};

/// Keeps every span, metric batch and log record it gets. Clones share what is kept.
#[derive(Clone, Debug, Default)]
pub struct CaptureExporter(Arc<Mutex<Captured>>);

#[derive(Debug, Default)]
struct Captured {
    spans: Vec<SpanData>,
    metrics: Vec<MetricBatch>,
    logs: Vec<LogRecord>,
    batch_sizes: Vec<usize>,
    failures: VecDeque<ExportError>,
    flushes: usize,
    shutdowns: usize,
}

impl CaptureExporter {
    /// One that has nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<R>(&self, f: impl FnOnce(&mut Captured) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next call fails with this error; errors queue up.
    pub fn fail_next(&self, error: ExportError) {
        self.with(|c| c.failures.push_back(error));
    }

    /// The spans so far.
    pub fn spans(&self) -> Vec<SpanData> {
        self.with(|c| c.spans.clone())
    }

    /// The metric batches so far.
    pub fn metrics(&self) -> Vec<MetricBatch> {
        self.with(|c| c.metrics.clone())
    }

    /// The log records so far.
    pub fn logs(&self) -> Vec<LogRecord> {
        self.with(|c| c.logs.clone())
    }

    /// How many spans or log records each call brought.
    pub fn batch_sizes(&self) -> Vec<usize> {
        self.with(|c| c.batch_sizes.clone())
    }

    /// How often `flush` and `shutdown` were called.
    pub fn flushes_and_shutdowns(&self) -> (usize, usize) {
        self.with(|c| (c.flushes, c.shutdowns))
    }
}

#[async_trait]
impl SpanExporter for CaptureExporter {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        self.with(|c| {
            if let Some(e) = c.failures.pop_front() {
                return Err(e);
            }
            c.batch_sizes.push(batch.len());
            c.spans.extend(batch.iter().map(|s| s.to_span_data()));
            Ok(())
        })
    }

    async fn flush(&self) -> Result<(), ExportError> {
        self.with(|c| c.flushes += 1);
        Ok(())
    }

    async fn shutdown(&self) -> Result<(), ExportError> {
        self.with(|c| c.shutdowns += 1);
        Ok(())
    }
}

#[async_trait]
impl MetricExporter for CaptureExporter {
    async fn export(&self, batch: &MetricBatch) -> Result<(), ExportError> {
        self.with(|c| {
            if let Some(e) = c.failures.pop_front() {
                return Err(e);
            }
            c.metrics.push(batch.clone());
            Ok(())
        })
    }
}

#[async_trait]
impl LogExporter for CaptureExporter {
    async fn export(&self, batch: &LogBatch) -> Result<(), ExportError> {
        self.with(|c| {
            if let Some(e) = c.failures.pop_front() {
                return Err(e);
            }
            c.batch_sizes.push(batch.len());
            c.logs.extend(batch.iter().cloned());
            Ok(())
        })
    }

    async fn flush(&self) -> Result<(), ExportError> {
        self.with(|c| c.flushes += 1);
        Ok(())
    }

    async fn shutdown(&self) -> Result<(), ExportError> {
        self.with(|c| c.shutdowns += 1);
        Ok(())
    }
}
