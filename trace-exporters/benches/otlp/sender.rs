//! A process that records and sends.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use cpu_time::ProcessTime;
use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::trace as sdk;
use trace_core::pipeline::Pipeline;
use trace_core::record::Recorder;
use trace_core::span;
use trace_exporters::otlp::{OtlpConfig, OtlpSpanExporter, Protocol};

const CHILDREN: usize = 64;
/// Traces between two flushes: less than either queue holds.
const BURST: usize = 64;
const BURSTS: usize = 60;
/// For connections, buffers and threads.
const WARM: usize = 5;
const QUEUE: usize = 65_536;
const LIMIT: Duration = Duration::from_secs(60);

static USERS: [&str; 4] = ["user-0001234", "user-0001235", "user-0981234", "user-7701234"];

/// A text that the optimizer does not know.
fn user(i: usize) -> &'static str {
    black_box(USERS[i & 3])
}

/// A root and its children with four attributes.
pub(super) fn trace(recorder: &Recorder) {
    let _root = span!(recorder: recorder, "root");
    for i in 0..CHILDREN {
        let _child = span!(recorder: recorder, "child", http.method = "GET", http.route = "/api/v1/items",
            http.status_code = black_box(200i64), enduser.id = user(i));
    }
}

/// The same by the SDK.
pub(super) fn sdk_trace(provider: &sdk::SdkTracerProvider) {
    let tracer = provider.tracer("bench");
    let context = Context::current().with_span(tracer.start("root"));
    for i in 0..CHILDREN {
        let attributes = [
            KeyValue::new("http.method", "GET"),
            KeyValue::new("http.route", "/api/v1/items"),
            KeyValue::new("http.status_code", black_box(200i64)),
            KeyValue::new("enduser.id", user(i).to_string()),
        ];
        tracer.span_builder("child").with_attributes(attributes).start_with_context(&tracer, &context).end();
    }
}

/// Processor seconds of this process for a million spans.
pub(super) fn seconds_per_million(contender: &str, url: &str) -> f64 {
    match contender {
        "ours-http" => ours(&OtlpConfig::new(url)),
        "ours-grpc" => ours(&OtlpConfig::new(url).protocol(Protocol::Grpc)),
        "sdk-http" => {
            let exporter = opentelemetry_otlp::SpanExporter::builder()
                .with_http()
                .with_endpoint(format!("{url}/v1/traces"))
                .build();
            theirs(exporter.expect("the peer can be built"))
        }
        "sdk-grpc" => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            let runtime = runtime.expect("threads can be started");
            let _inside = runtime.enter();
            let exporter =
                opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(url).build();
            theirs(exporter.expect("the peer can be built"))
        }
        other => panic!("no contender {other}"),
    }
}

fn ours(config: &OtlpConfig) -> f64 {
    let exporter = OtlpSpanExporter::new(config).expect("the configuration is fine");
    let pipeline =
        Pipeline::builder().export_spans("otlp", exporter).start().expect("threads can be started");
    let pipeline = Arc::new(pipeline);
    let figure =
        measured(|| trace(pipeline.recorder()), || pipeline.flush(LIMIT).expect("the sink takes everything"));
    let ledger = pipeline.ledger();
    assert!(ledger.dropped.is_empty(), "{ledger:?}");
    figure
}

fn theirs(exporter: opentelemetry_otlp::SpanExporter) -> f64 {
    let config =
        sdk::BatchConfigBuilder::default().with_max_queue_size(QUEUE).with_max_export_batch_size(512).build();
    let processor = sdk::BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    let provider = sdk::SdkTracerProvider::builder().with_span_processor(processor).build();
    measured(|| sdk_trace(&provider), || provider.force_flush().expect("the sink takes everything"))
}

fn measured(trace: impl Fn(), flush: impl Fn()) -> f64 {
    let run = |bursts| {
        for _ in 0..bursts {
            (0..BURST).for_each(|_| trace());
            flush();
        }
    };
    run(WARM);
    let began = ProcessTime::now();
    run(BURSTS);
    let spans = (BURSTS * BURST * (CHILDREN + 1)) as f64;
    began.elapsed().as_secs_f64() * 1e6 / spans
}
