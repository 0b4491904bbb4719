//! Metrics of the official SDK into our pipeline.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;

use super::metrics_from_sdk;
use super::processor::flush;
use crate::pipeline::Pipeline;

/// An official `PushMetricExporter` that feeds a [`Pipeline`]: for programs that keep the SDK's `SdkMeterProvider`.
///
/// Give it to a `PeriodicReader`. A collection is converted and handed to the queue of every metric destination, which
/// counts it; nothing waits. `shutdown` of the provider flushes the pipeline, which goes on.
pub struct PipelineMetricExporter {
    pipeline: Arc<Pipeline>,
    temporality: Temporality,
    is_shutdown: AtomicBool,
    flush_limit: Duration,
}

impl PipelineMetricExporter {
    /// An exporter for one reader, with cumulative temporality.
    pub fn new(pipeline: Arc<Pipeline>) -> Self {
        Self {
            pipeline,
            temporality: Temporality::Cumulative,
            is_shutdown: AtomicBool::new(false),
            flush_limit: Duration::from_secs(5),
        }
    }

    /// Which interval the SDK's sums and histograms shall cover.
    #[must_use]
    pub fn temporality(mut self, temporality: Temporality) -> Self {
        self.temporality = temporality;
        self
    }

    /// How long `force_flush`, which has no limit of its own, may take; 5 s by default.
    #[must_use]
    pub fn flush_limit(mut self, limit: Duration) -> Self {
        self.flush_limit = limit;
        self
    }
}

impl PushMetricExporter for PipelineMetricExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        if self.is_shutdown.load(Ordering::Acquire) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        self.pipeline.offer_metrics(&metrics_from_sdk(metrics));
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        flush(&self.pipeline, self.flush_limit)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        if self.is_shutdown.swap(true, Ordering::AcqRel) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        match flush(&self.pipeline, timeout) {
            Err(OTelSdkError::AlreadyShutdown) => Ok(()),
            other => other,
        }
    }

    fn temporality(&self) -> Temporality {
        self.temporality
    }
}

impl fmt::Debug for PipelineMetricExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipelineMetricExporter")
            .field("temporality", &self.temporality)
            .finish_non_exhaustive()
    }
}
