//! What a destination receives: spans, metrics or logs.

use std::sync::Arc;

use async_trait::async_trait;

use crate::batch::SpanBatch;
use crate::model::{LogBatch, MetricBatch};
use crate::signal::{ExportError, Keeper, LogExporter, MetricExporter, SpanExporter};

/// What kind of telemetry a destination takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    Spans,
    Metrics,
    Logs,
}

/// Something that is queued, counted and exported.
pub(super) trait Payload: Clone + Send + Sync + 'static {
    /// What its records are.
    const SIGNAL: Signal;
    /// How many records: the unit of the ledger.
    fn records(&self) -> u64;
    /// How much of a queue it takes, in bytes.
    fn bytes(&self) -> usize;
    /// Joins payloads that may travel together.
    fn merge(parts: Vec<Self>) -> Vec<Self>;
    /// Cuts it into pieces of at most this many records.
    fn split(self, max_records: usize) -> Vec<Self>;
}

impl Payload for SpanBatch {
    const SIGNAL: Signal = Signal::Spans;

    fn records(&self) -> u64 {
        self.len() as u64
    }

    fn bytes(&self) -> usize {
        self.byte_size()
    }

    fn merge(parts: Vec<Self>) -> Vec<Self> {
        Self::concat(parts)
    }

    fn split(self, max_records: usize) -> Vec<Self> {
        let (len, step) = (self.len(), max_records.max(1));
        (0..len).step_by(step).map(|at| self.slice(at..(at + step).min(len))).collect()
    }
}

impl Payload for MetricBatch {
    const SIGNAL: Signal = Signal::Metrics;

    fn records(&self) -> u64 {
        self.point_count() as u64
    }

    fn bytes(&self) -> usize {
        // A point with its attributes is shared or small; this bounds the queue, it does not measure it.
        self.point_count() * 256
    }

    fn merge(parts: Vec<Self>) -> Vec<Self> {
        parts
    }

    fn split(self, _max_records: usize) -> Vec<Self> {
        vec![self]
    }
}

impl Payload for LogBatch {
    const SIGNAL: Signal = Signal::Logs;

    fn records(&self) -> u64 {
        self.len() as u64
    }

    fn bytes(&self) -> usize {
        self.byte_size()
    }

    fn merge(parts: Vec<Self>) -> Vec<Self> {
        Self::concat(parts)
    }

    fn split(self, max_records: usize) -> Vec<Self> {
        let (len, step) = (self.len(), max_records.max(1));
        if len <= step {
            return vec![self];
        }
        (0..len).step_by(step).map(|at| self.slice(at..(at + step).min(len))).collect()
    }
}

/// An exporter of any kind.
#[async_trait]
pub(super) trait Sink<P>: Send + Sync {
    async fn export(&self, payload: &P) -> Result<(), ExportError>;
    async fn flush(&self) -> Result<(), ExportError>;
    async fn shutdown(&self) -> Result<(), ExportError>;
    fn keeper(&self) -> Option<Arc<dyn Keeper>>;
}

/// Spans into a [`SpanExporter`].
pub(super) struct Spans(pub(super) Box<dyn SpanExporter>);

/// Metrics into a [`MetricExporter`].
pub(super) struct Metrics(pub(super) Box<dyn MetricExporter>);

/// Log records into a [`LogExporter`].
pub(super) struct Logs(pub(super) Box<dyn LogExporter>);

macro_rules! sink {
    ($t:ident, $payload:ty) => {
        #[async_trait]
        impl Sink<$payload> for $t {
            async fn export(&self, payload: &$payload) -> Result<(), ExportError> {
                self.0.export(payload).await
            }
            async fn flush(&self) -> Result<(), ExportError> {
                self.0.flush().await
            }
            async fn shutdown(&self) -> Result<(), ExportError> {
                self.0.shutdown().await
            }
            fn keeper(&self) -> Option<Arc<dyn Keeper>> {
                self.0.keeper()
            }
        }
    };
}
sink!(Spans, SpanBatch);
sink!(Metrics, MetricBatch);
sink!(Logs, LogBatch);
