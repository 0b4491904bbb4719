//! An official span exporter behind our pipeline.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace as official;

use super::hosted::block_on;
use super::official::{Official, debug};
use super::{resource_to_sdk, spans_to_sdk};
use crate::batch::SpanBatch;
use crate::model::Resource;
use crate::signal::{ExportError, SpanExporter};

/// Runs any official `opentelemetry_sdk::trace::SpanExporter` as a destination of our pipeline.
///
/// The exporter runs on a blocking thread of the destination's own Tokio runtime, never twice at the same time. So
/// exporters that block (`opentelemetry-otlp` with `reqwest-blocking-client`, its default) and those that need a
/// runtime (`grpc-tonic`, `reqwest-client`) both work. One that binds itself to a runtime when it is *built*, as tonic
/// does, should be built there too, by [`build_with`](Self::build_with): its connection then lives as long as the destination.
/// Built elsewhere it needs that other runtime alive and free, also during the pipeline's shutdown.
///
/// `set_resource` is called before the first batch and whenever a batch has another resource. What the exporter records
/// itself on these threads is not traced; if it starts threads of its own (`reqwest::blocking` does), keep its
/// libraries (`hyper`, `h2`, `reqwest`, `tonic`) out of a `tracing` subscriber that records here, by a filter.
///
/// # Errors
/// Official exporters repeat what is worth repeating themselves, and their errors do not say whether another
/// attempt may help. By default an `OTelSdkError::Timeout` is retried, and anything else is final, counted as
/// `permanent_error`; [`retry_if`](Self::retry_if) decides otherwise. A partial success is not visible here:
/// official exporters only log it, and the whole batch counts as delivered. A call that outlives the destination's
/// timeout goes on, and its batch is offered again when it is done: give the exporter the shorter timeout. User names,
/// passwords and queries of URLs are taken out of its error texts.
pub struct OfficialSpanExporter<E> {
    official: Official<Told<E>>,
}

/// An exporter, and the resource it knows.
struct Told<E> {
    exporter: E,
    resource: Option<Arc<Resource>>,
}

impl<E> Told<E> {
    fn of(exporter: E) -> Self {
        Self { exporter, resource: None }
    }
}

impl<E: official::SpanExporter + 'static> OfficialSpanExporter<E> {
    /// Runs this exporter.
    pub fn new(exporter: E) -> Self {
        Self { official: Official::new(Told::of(exporter)) }
    }

    /// Builds the exporter on the destination's runtime when the first batch comes. If that fails, the batch is retried,
    /// and `build` called again.
    pub fn build_with<X>(build: impl FnMut() -> Result<E, X> + Send + 'static) -> Self
    where
        X: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self { official: Official::build_with(build, Told::of) }
    }

    /// Which errors of the exporter are worth another attempt; `|_| true` for an exporter that never repeats anything.
    #[must_use]
    pub fn retry_if(mut self, retry_if: fn(&OTelSdkError) -> bool) -> Self {
        self.official.set_retry_if(retry_if);
        self
    }
}

#[async_trait]
impl<E: official::SpanExporter + 'static> SpanExporter for OfficialSpanExporter<E> {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        let batch = batch.clone();
        let export = move |told: &mut Told<E>| {
            let resource = batch.resource();
            if !told.resource.as_ref().is_some_and(|known| Arc::ptr_eq(known, resource) || known == resource)
            {
                told.exporter.set_resource(&resource_to_sdk(resource));
                told.resource = Some(resource.clone());
            }
            block_on(told.exporter.export(spans_to_sdk(&batch)))
        };
        self.official.call(export).await
    }

    async fn flush(&self) -> Result<(), ExportError> {
        self.official.flush(|told| told.exporter.force_flush()).await
    }

    async fn shutdown(&self) -> Result<(), ExportError> {
        self.official.shutdown(|told| told.exporter.shutdown()).await
    }
}

impl<E> fmt::Debug for OfficialSpanExporter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug::<E>("OfficialSpanExporter", f)
    }
}
