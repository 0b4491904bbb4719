//! From a batch to the bytes of a request.

use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::trace as sdk;
use prost::Message as _;
use trace_core::batch::SpanBatch;
use trace_core::pipeline::Pipeline;
use trace_core::signal::{ExportError, SpanExporter};
use trace_exporters::otlp::encode_spans;

use super::sender::{sdk_trace, trace};

const BATCH: usize = 512;
const ROUNDS: usize = 40;
const IN_A_ROW: usize = 25;

/// Keeps what it is handed.
#[derive(Clone, Debug)]
struct Kept<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

#[async_trait]
impl SpanExporter for Kept<SpanBatch> {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        self.0.lock().expect("nobody panics").push(batch.clone());
        Ok(())
    }
}

impl sdk::SpanExporter for Kept<sdk::SpanData> {
    async fn export(&self, batch: Vec<sdk::SpanData>) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.lock().expect("nobody panics").extend(batch);
        Ok(())
    }
}

/// The batch as the pipeline hands it to an exporter.
fn ours() -> SpanBatch {
    let kept = Kept::default();
    let pipeline =
        Pipeline::builder().export_spans("kept", kept.clone()).start().expect("threads can be started");
    for _ in 0..BATCH.div_ceil(65) {
        trace(pipeline.recorder());
    }
    pipeline.flush(Duration::from_secs(30)).expect("nothing can be slow");
    let mut batches = kept.0.lock().expect("nobody panics");
    let batch = batches.swap_remove(0);
    assert!(batch.len() >= BATCH, "the pipeline gathers a batch, got {}", batch.len());
    batch.slice(0..BATCH)
}

fn theirs() -> Vec<sdk::SpanData> {
    let kept = Kept::default();
    let provider = sdk::SdkTracerProvider::builder().with_simple_exporter(kept.clone()).build();
    for _ in 0..BATCH.div_ceil(65) {
        sdk_trace(&provider);
    }
    let mut spans = kept.0.lock().expect("nobody panics");
    spans.truncate(BATCH);
    std::mem::take(&mut *spans)
}

/// Nanoseconds a span: ours and the peer's.
pub(super) fn measure() -> [f64; 2] {
    let (batch, spans) = (ours(), theirs());
    let resource = ResourceAttributesWithSchema::from(&opentelemetry_sdk::Resource::builder().build());
    let mut out = Vec::new();
    let mut best = [f64::INFINITY; 2];
    for _ in 0..ROUNDS {
        for _ in 0..IN_A_ROW {
            let began = Instant::now();
            out.clear();
            encode_spans(black_box(&batch), &mut out);
            black_box(&out);
            best[0] = best[0].min(each(began.elapsed()));
        }
        for _ in 0..IN_A_ROW {
            // The exporter owns what it is handed: the copy is not its cost.
            let copy = spans.clone();
            let began = Instant::now();
            let resource_spans = group_spans_by_resource_and_scope(black_box(copy), &resource);
            black_box(ExportTraceServiceRequest { resource_spans }.encode_to_vec());
            best[1] = best[1].min(each(began.elapsed()));
        }
    }
    let decoded = ExportTraceServiceRequest::decode(out.as_slice()).expect("the peer reads what we write");
    let decoded: usize = decoded.resource_spans[0].scope_spans.iter().map(|s| s.spans.len()).sum();
    assert_eq!(decoded, BATCH);
    best
}

fn each(time: Duration) -> f64 {
    time.as_nanos() as f64 / BATCH as f64
}
