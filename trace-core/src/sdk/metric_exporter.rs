//! An official metric exporter behind our pipeline.

use std::fmt;

use async_trait::async_trait;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;

use super::hosted::block_on;
use super::metric_mirror::Mirror;
use super::official::{Official, debug};
use crate::metric::DEFAULT_CARDINALITY_LIMIT;
use crate::model::MetricBatch;
use crate::signal::{ExportError, MetricExporter};

/// Runs any official `PushMetricExporter` as a metric destination of our pipeline.
///
/// The SDK lets nobody else build its metric types, so a private `SdkMeterProvider` is told our values and collected.
///
/// | of our data | reaches the exporter |
/// |---|---|
/// | resource, library, name, description, unit, temporality, monotonicity, attributes | exactly |
/// | values of sums and gauges | exactly, integers as integers |
/// | count, buckets, bounds, minimum and maximum of histograms | exactly |
/// | sum of histograms | but for rounding: as if as many values had been added one by one |
/// | start times | not: the moment when the adapter first saw the metric, or its last collection for deltas |
/// | times | not: the moment of the export |
/// | exemplars | not: the SDK has none |
/// | NaN, infinities, negative monotonic sums, units over 63 ASCII characters, exponential histograms | not; counted as `rejected` |
///
/// A histogram costs one measurement for each that it counts since the last export, some 100 ns, at most 20 million
/// an export. A cumulative histogram that starts again, or changes its bounds, is refused. The temporality is that of our data; the
/// exporter's own preference is not asked for. If histograms matter more than a common pipeline, give the exporter
/// to an `SdkMeterProvider` instead, and record there.
///
/// The exporter runs where [`OfficialSpanExporter`](super::OfficialSpanExporter) would run; what that says of runtimes
/// and of errors holds here.
pub struct OfficialMetricExporter<E> {
    official: Official<Told<E>>,
    series_limit: usize,
}

/// An exporter, and the meter provider that makes its metrics.
struct Told<E> {
    exporter: E,
    mirror: Option<Mirror>,
}

impl<E> Told<E> {
    fn of(exporter: E) -> Self {
        Self { exporter, mirror: None }
    }
}

impl<E: PushMetricExporter> OfficialMetricExporter<E> {
    /// Runs this exporter.
    pub fn new(exporter: E) -> Self {
        Self::of(Official::new(Told::of(exporter)))
    }

    /// Builds the exporter on the destination's runtime when the first batch comes. If that fails, the batch is
    /// retried, and `build` called again.
    pub fn build_with<X>(build: impl FnMut() -> Result<E, X> + Send + 'static) -> Self
    where
        X: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self::of(Official::build_with(build, Told::of))
    }

    fn of(official: Official<Told<E>>) -> Self {
        Self { official, series_limit: DEFAULT_CARDINALITY_LIMIT }
    }

    /// Which errors of the exporter are worth another attempt; `|_| true` for an exporter that never repeats anything.
    #[must_use]
    pub fn retry_if(mut self, retry_if: fn(&OTelSdkError) -> bool) -> Self {
        self.official.set_retry_if(retry_if);
        self
    }

    /// How many series a metric may have; 2,000 by default, as in our registry. What comes on top is refused.
    /// The SDK reserves 32 bytes for each, in every metric.
    #[must_use]
    pub fn series_limit(mut self, limit: usize) -> Self {
        self.series_limit = limit.clamp(1, 1 << 20);
        self
    }
}

#[async_trait]
impl<E: PushMetricExporter> MetricExporter for OfficialMetricExporter<E> {
    async fn export(&self, batch: &MetricBatch) -> Result<(), ExportError> {
        let (batch, series_limit) = (batch.clone(), self.series_limit);
        let export = move |told: &mut Told<E>| {
            let known = told.mirror.take().filter(|mirror| mirror.is_of(&batch.resource));
            let mirror = told
                .mirror
                .insert(known.unwrap_or_else(|| Mirror::new(batch.resource.clone(), series_limit)));
            let (metrics, refused) = mirror.reflect(&batch)?;
            if metrics.scope_metrics().next().is_some() {
                block_on(told.exporter.export(&metrics))?;
            }
            Ok(refused)
        };
        let refused = self.official.call(export).await?;
        if refused.points() > 0 {
            return Err(ExportError::partial(refused.points(), refused.to_string()));
        }
        Ok(())
    }

    async fn flush(&self) -> Result<(), ExportError> {
        self.official.flush(|told| told.exporter.force_flush()).await
    }

    async fn shutdown(&self) -> Result<(), ExportError> {
        self.official.shutdown(|told| told.exporter.shutdown()).await
    }
}

impl<E> fmt::Debug for OfficialMetricExporter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug::<E>("OfficialMetricExporter", f)
    }
}
