//! Spans of the official SDK into our pipeline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::resource::resource_from_sdk;
use super::span_buffer::SpanBuffer;
use crate::model::Resource;
use crate::pipeline::{FlushError, Pipeline, SpanSource};

/// An official `SpanProcessor` that feeds a [`Pipeline`]: for programs that keep the SDK's `SdkTracerProvider`.
///
/// A span that ends is moved into a list that the calling thread shares with few others; the pipeline's thread
/// converts it. Nothing waits, and no runtime is needed. The lists have the limits of the pipeline's recorder
/// (`spans_per_thread`, `bytes_per_thread`); what does not fit is in the [`Ledger`](crate::pipeline::Ledger) as
/// `buffer_full`, what ends after the shutdown as `after_shutdown`, a span without ids as `invalid`. Spans that are
/// recorded but not sampled are not exported, as in the SDK.
///
/// The spans carry the provider's resource, which may differ from the pipeline's. `shutdown` of the provider ends
/// this source and delivers what it recorded; the pipeline goes on, for it may have other sources, and is shut down
/// on its own.
#[derive(Debug)]
pub struct PipelineSpanProcessor {
    pipeline: Arc<Pipeline>,
    /// Made when the resource is known, or the first span comes.
    buffer: OnceLock<Arc<SpanBuffer>>,
    is_shutdown: AtomicBool,
    flush_limit: Duration,
}

impl PipelineSpanProcessor {
    /// A processor for one provider. Until the provider sets its resource, spans carry the pipeline's.
    pub fn new(pipeline: Arc<Pipeline>) -> Self {
        let (buffer, is_shutdown) = (OnceLock::new(), AtomicBool::new(false));
        Self { pipeline, buffer, is_shutdown, flush_limit: Duration::from_secs(5) }
    }

    /// How long `force_flush`, which has no limit of its own, may take; 5 s by default, as in the SDK.
    #[must_use]
    pub fn flush_limit(mut self, limit: Duration) -> Self {
        self.flush_limit = limit;
        self
    }

    fn buffer(&self) -> &SpanBuffer {
        self.buffer.get_or_init(|| open(&self.pipeline, Resource::clone(self.pipeline.recorder().resource())))
    }
}

impl SpanProcessor for PipelineSpanProcessor {
    fn on_start(&self, _span: &mut Span, _cx: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.buffer().push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        flush(&self.pipeline, self.flush_limit)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        if self.is_shutdown.swap(true, Ordering::AcqRel) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        self.buffer().close();
        match flush(&self.pipeline, timeout) {
            // Then everything has been delivered or counted already.
            Err(OTelSdkError::AlreadyShutdown) => Ok(()),
            other => other,
        }
    }

    fn set_resource(&mut self, resource: &opentelemetry_sdk::Resource) {
        let buffer = open(&self.pipeline, resource_from_sdk(resource));
        if let Some(previous) = std::mem::replace(&mut self.buffer, OnceLock::from(buffer)).into_inner() {
            previous.close();
        }
    }
}

fn open(pipeline: &Pipeline, resource: Resource) -> Arc<SpanBuffer> {
    let buffer = Arc::new(SpanBuffer::new(resource, pipeline.recorder().limits()));
    pipeline.add_source(buffer.clone());
    buffer
}

/// Everything that was recorded before the call is delivered after it.
pub(super) fn flush(pipeline: &Pipeline, limit: Duration) -> OTelSdkResult {
    pipeline.flush(limit).map_err(|error| match error {
        FlushError::Closed => OTelSdkError::AlreadyShutdown,
        FlushError::Timeout(limit, _) => OTelSdkError::Timeout(limit),
        other => OTelSdkError::InternalFailure(other.to_string()),
    })
}
