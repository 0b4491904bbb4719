//! The exporters: a batch is a line.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use trace_core::batch::SpanBatch;
use trace_core::model::{LogBatch, MetricBatch};
use trace_core::signal::{ExportError, LogExporter, MetricExporter, SpanExporter};

use super::config::{OtlpFileConfig, OtlpFileError};
use super::lines::Lines;
use crate::otlp::{encode_logs_json, encode_metrics_json, encode_spans_json};

/// A buffer that grew beyond this is not kept for the next line.
const KEPT_BUFFER_BYTES: usize = 4 << 20;

/// Writes spans as lines of JSON. It writes on the thread that calls it, which in a pipeline is the destination's own.
pub struct OtlpFileSpanExporter(Writer);

/// Writes metrics as lines of JSON; see [`OtlpFileSpanExporter`].
pub struct OtlpFileMetricExporter(Writer);

/// Writes log records as lines of JSON; see [`OtlpFileSpanExporter`].
pub struct OtlpFileLogExporter(Writer);

struct Writer(Mutex<(Lines, Vec<u8>)>);

impl Writer {
    fn open(config: &OtlpFileConfig) -> Result<Self, OtlpFileError> {
        Ok(Self(Mutex::new((Lines::open(config)?, Vec::new()))))
    }

    fn write(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), ExportError> {
        let (lines, line) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        line.clear();
        encode(line);
        if line.is_empty() {
            return Ok(());
        }
        line.push(b'\n');
        let length = line.len() as u64;
        if length > lines.longest() {
            let text = format!("a batch of {length} bytes is over max_total_bytes ({})", lines.longest());
            return Err(ExportError::permanent(text));
        }
        let result = lines.append(line);
        if line.capacity() > KEPT_BUFFER_BYTES {
            *line = Vec::new();
        }
        result.map_err(failure)
    }

    fn sync(&self) -> Result<(), ExportError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.sync().map_err(failure)
    }
}

/// A disk may get room again, and a folder its permissions.
fn failure(error: OtlpFileError) -> ExportError {
    ExportError::retryable(error.to_string()).caused_by(error)
}

impl OtlpFileSpanExporter {
    /// Opens the file, or makes it; its folder must be there.
    ///
    /// # Errors
    /// If it cannot be written, or the configuration cannot work.
    pub fn new(config: &OtlpFileConfig) -> Result<Self, OtlpFileError> {
        Writer::open(config).map(Self)
    }
}

impl OtlpFileMetricExporter {
    /// Opens the file, or makes it; its folder must be there.
    ///
    /// # Errors
    /// If it cannot be written, or the configuration cannot work.
    pub fn new(config: &OtlpFileConfig) -> Result<Self, OtlpFileError> {
        Writer::open(config).map(Self)
    }
}

impl OtlpFileLogExporter {
    /// Opens the file, or makes it; its folder must be there.
    ///
    /// # Errors
    /// If it cannot be written, or the configuration cannot work.
    pub fn new(config: &OtlpFileConfig) -> Result<Self, OtlpFileError> {
        Writer::open(config).map(Self)
    }
}

#[async_trait]
impl SpanExporter for OtlpFileSpanExporter {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        self.0.write(|line| encode_spans_json(batch, line))
    }

    async fn flush(&self) -> Result<(), ExportError> {
        self.0.sync()
    }
}

#[async_trait]
impl MetricExporter for OtlpFileMetricExporter {
    async fn export(&self, batch: &MetricBatch) -> Result<(), ExportError> {
        self.0.write(|line| encode_metrics_json(batch, line))
    }

    async fn flush(&self) -> Result<(), ExportError> {
        self.0.sync()
    }
}

#[async_trait]
impl LogExporter for OtlpFileLogExporter {
    async fn export(&self, batch: &LogBatch) -> Result<(), ExportError> {
        self.0.write(|line| encode_logs_json(batch, line))
    }

    async fn flush(&self) -> Result<(), ExportError> {
        self.0.sync()
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.fmt(f)
    }
}

impl fmt::Debug for OtlpFileSpanExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OtlpFileSpanExporter").field(&self.0).finish()
    }
}

impl fmt::Debug for OtlpFileMetricExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OtlpFileMetricExporter").field(&self.0).finish()
    }
}

impl fmt::Debug for OtlpFileLogExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OtlpFileLogExporter").field(&self.0).finish()
    }
}
