//! Spans, metrics and log records as one thing, so that a decorator is written once.

use std::sync::Arc;

use async_trait::async_trait;
use trace_core::batch::{SpanBatch, SpanBatchMut};
use trace_core::model::{LogBatch, MetricBatch};
use trace_core::signal::{ExportError, Keeper, LogExporter, MetricExporter, SpanExporter};

use crate::otlp::{
    DecodeError, decode_logs, decode_metrics, decode_spans, encode_logs, encode_metrics, encode_spans,
};

/// What is delivered: counted, written and read back.
pub(super) trait Batch: Clone + Send + Sync + 'static {
    /// Its mark in a log.
    const KIND: u8;

    /// How many records: spans, data points or log records.
    fn records(&self) -> u64;

    /// About how many bytes it takes on the wire.
    fn bytes(&self) -> u64;

    /// Appends it as an OTLP request.
    fn encode(&self, out: &mut Vec<u8>);

    /// The batches of an OTLP request.
    fn decode(bytes: &[u8]) -> Result<Vec<Self>, DecodeError>;

    /// Neighbours that may travel as one, joined; with how many of the parts are in each.
    fn join(parts: &[Self]) -> Vec<(Self, usize)>;
}

impl Batch for SpanBatch {
    const KIND: u8 = 1;

    fn records(&self) -> u64 {
        self.len() as u64
    }

    fn bytes(&self) -> u64 {
        self.byte_size() as u64
    }

    fn encode(&self, out: &mut Vec<u8>) {
        encode_spans(self, out);
    }

    fn decode(bytes: &[u8]) -> Result<Vec<Self>, DecodeError> {
        Ok(decode_spans(bytes)?.batches.into_iter().map(SpanBatchMut::seal).collect())
    }

    fn join(parts: &[Self]) -> Vec<(Self, usize)> {
        let groups = parts.chunk_by(|a, b| a.resource() == b.resource());
        let joined = groups.filter_map(|group| {
            let [first, rest @ ..] = group else { return None };
            if rest.is_empty() {
                return Some((first.clone(), 1));
            }
            let mut batch = SpanBatchMut::new(first.resource().clone());
            for span in group.iter().flat_map(SpanBatch::iter) {
                batch.push_ref(span);
            }
            Some((batch.seal(), group.len()))
        });
        joined.collect()
    }
}

impl Batch for MetricBatch {
    const KIND: u8 = 2;

    fn records(&self) -> u64 {
        self.point_count() as u64
    }

    fn bytes(&self) -> u64 {
        // As the pipeline's queue reckons.
        self.point_count() as u64 * 256
    }

    fn encode(&self, out: &mut Vec<u8>) {
        encode_metrics(self, out);
    }

    fn decode(bytes: &[u8]) -> Result<Vec<Self>, DecodeError> {
        Ok(decode_metrics(bytes)?.batches)
    }

    /// One collection is one request: receivers want the points of a series in requests of their own.
    fn join(parts: &[Self]) -> Vec<(Self, usize)> {
        parts.iter().map(|part| (part.clone(), 1)).collect()
    }
}

impl Batch for LogBatch {
    const KIND: u8 = 3;

    fn records(&self) -> u64 {
        self.len() as u64
    }

    fn bytes(&self) -> u64 {
        self.byte_size() as u64
    }

    fn encode(&self, out: &mut Vec<u8>) {
        encode_logs(self, out);
    }

    fn decode(bytes: &[u8]) -> Result<Vec<Self>, DecodeError> {
        Ok(decode_logs(bytes)?.batches.into_iter().map(Self::from).collect())
    }

    fn join(parts: &[Self]) -> Vec<(Self, usize)> {
        let groups = parts.chunk_by(|a, b| a.resource() == b.resource());
        let joined = groups.filter_map(|group| Some((Self::concat(group.to_vec()).pop()?, group.len())));
        joined.collect()
    }
}

/// An exporter of any kind.
#[async_trait]
pub(super) trait Target<B>: Send + Sync {
    async fn export(&self, batch: &B) -> Result<(), ExportError>;
    async fn flush(&self) -> Result<(), ExportError>;
    async fn shutdown(&self) -> Result<(), ExportError>;
    fn keeper(&self) -> Option<Arc<dyn Keeper>>;
}

macro_rules! target {
    ($exporter:ident, $batch:ty) => {
        #[async_trait]
        impl<T: $exporter + ?Sized> Target<$batch> for T {
            async fn export(&self, batch: &$batch) -> Result<(), ExportError> {
                $exporter::export(self, batch).await
            }
            async fn flush(&self) -> Result<(), ExportError> {
                $exporter::flush(self).await
            }
            async fn shutdown(&self) -> Result<(), ExportError> {
                $exporter::shutdown(self).await
            }
            fn keeper(&self) -> Option<Arc<dyn Keeper>> {
                $exporter::keeper(self)
            }
        }
    };
}
target!(SpanExporter, SpanBatch);
target!(MetricExporter, MetricBatch);
target!(LogExporter, LogBatch);

/// Makes a decorator with `send`, `settle` and `end` an exporter of all kinds.
macro_rules! decorator {
    ($name:ident, $($exporter:path: $batch:ty),*) => {$(
        #[async_trait::async_trait]
        impl<E: $exporter> $exporter for $name<E> {
            async fn export(&self, batch: &$batch) -> Result<(), ExportError> {
                self.send::<$batch>(batch).await
            }
            async fn flush(&self) -> Result<(), ExportError> {
                self.settle::<$batch>().await
            }
            async fn shutdown(&self) -> Result<(), ExportError> {
                self.end::<$batch>().await
            }
            fn keeper(&self) -> Option<std::sync::Arc<dyn trace_core::signal::Keeper>> {
                self.keeps::<$batch>()
            }
        }
    )*};
    ($name:ident) => {
        $crate::delivery::batch::decorator!(
            $name,
            SpanExporter: trace_core::batch::SpanBatch,
            MetricExporter: trace_core::model::MetricBatch,
            trace_core::signal::LogExporter: trace_core::model::LogBatch
        );
    };
}
pub(super) use decorator;
