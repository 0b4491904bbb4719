//! What the benches of recording share.
#![allow(dead_code, reason = "each bench uses a part")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a program, not a library"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace as sdk;
use trace_core::batch::SpanBatch;
use trace_core::pipeline::Pipeline;
use trace_core::record::Recorder;
use trace_core::signal::{ExportError, SpanExporter};
use trace_core::span;

pub(crate) const CHILDREN: usize = 64;
/// Bursts of one contender before it is the next one's turn.
pub(crate) const IN_A_ROW: usize = 10;

static USERS: [&str; 4] = ["user-0001234", "user-0001235", "user-0981234", "user-7701234"];

/// A text that the optimizer does not know.
pub(crate) fn user(i: usize) -> &'static str {
    black_box(USERS[i & 3])
}

/// Counts and forgets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Nothing(pub(crate) Arc<AtomicU64>);

impl Nothing {
    pub(crate) fn seen(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl SpanExporter for Nothing {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        self.0.fetch_add(black_box(batch).len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

impl sdk::SpanExporter for Nothing {
    async fn export(&self, batch: Vec<sdk::SpanData>) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.fetch_add(black_box(&batch).len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// A pipeline to nothing, with its recorder set by `configure`.
pub(crate) fn pipeline(recorder: trace_core::record::RecorderBuilder) -> (Arc<Pipeline>, Nothing) {
    let seen = Nothing::default();
    let pipeline = Pipeline::builder().recorder(recorder).export_spans("nothing", seen.clone()).start();
    (Arc::new(pipeline.expect("threads can be started")), seen)
}

/// The SDK's batching to nothing, with a queue that holds this many spans.
pub(crate) fn sdk_processor(queue: usize) -> (sdk::BatchSpanProcessor, Nothing) {
    let seen = Nothing::default();
    let config =
        sdk::BatchConfigBuilder::default().with_max_queue_size(queue).with_max_export_batch_size(512).build();
    (sdk::BatchSpanProcessor::builder(seen.clone()).with_batch_config(config).build(), seen)
}

/// A provider to nothing, whose queue holds this many spans.
pub(crate) fn sdk_provider(queue: usize, sampler: sdk::Sampler) -> (sdk::SdkTracerProvider, Nothing) {
    let (processor, seen) = sdk_processor(queue);
    (sdk::SdkTracerProvider::builder().with_sampler(sampler).with_span_processor(processor).build(), seen)
}

/// The attributes of a child; its text is not known to the optimizer.
pub(crate) fn attributes(user: String) -> [KeyValue; 4] {
    [
        KeyValue::new("http.method", "GET"),
        KeyValue::new("http.route", "/api/v1/items"),
        KeyValue::new("http.status_code", black_box(200i64)),
        KeyValue::new("enduser.id", user),
    ]
}

/// One trace of a root and [`CHILDREN`] children with four attributes, by `span!`.
pub(crate) fn trace_by_macro(r: &Recorder) {
    let _root = span!(recorder: r, "root");
    for i in 0..CHILDREN {
        let _child = span!(recorder: r, "child", http.method = "GET", http.route = "/api/v1/items",
            http.status_code = black_box(200i64), enduser.id = user(i));
    }
}

/// The same through the `opentelemetry` API, with explicit parents.
pub(crate) fn trace_by_api<T: Tracer>(tracer: &T)
where
    T::Span: Send + Sync + 'static,
{
    let cx = Context::current().with_span(tracer.start("root"));
    for i in 0..CHILDREN {
        tracer
            .span_builder("child")
            .with_attributes(attributes(user(i).to_string()))
            .start_with_context(tracer, &cx)
            .end();
    }
}

/// The tracer of a provider.
pub(crate) fn sdk_tracer(provider: &sdk::SdkTracerProvider) -> sdk::SdkTracer {
    provider.tracer("bench")
}

/// The least that `measure` says of each contender, in rounds that alternate between them, [`IN_A_ROW`] times each: so
/// every contender is measured with its own data in the caches. The first round grows buffers.
pub(crate) fn least<const N: usize>(
    rounds: usize,
    mut contenders: [Box<dyn FnMut() -> f64 + '_>; N],
) -> [f64; N] {
    let mut best = [f64::INFINITY; N];
    for round in 0..rounds.div_ceil(IN_A_ROW) {
        for (best, measure) in best.iter_mut().zip(&mut contenders) {
            for _ in 0..IN_A_ROW {
                let value = measure();
                if round > 0 {
                    *best = best.min(value);
                }
            }
        }
    }
    best
}

/// Nanoseconds that `f` takes, divided by `n`.
pub(crate) fn ns_each(n: usize, f: impl FnOnce()) -> f64 {
    let began = Instant::now();
    f();
    began.elapsed().as_nanos() as f64 / n as f64
}

/// Waits for everything recorded so far.
pub(crate) fn flush(p: &Pipeline) {
    p.flush(Duration::from_secs(30)).expect("nothing can be slow");
}

fn round(v: f64) -> f64 {
    (v * 100.0).round() / 100.0
}

/// Prints a measurement whose ratio is the peer's figure by ours.
pub(crate) fn report(case: &str, (peer_name, unit): (&str, &str), goal: f64, [ours, peer]: [f64; 2]) {
    let ratio = peer / ours;
    let line = serde_json::json!({
        "case": case, "ours": round(ours), "peer": round(peer), "peer_name": peer_name, "unit": unit,
        "ratio": round(ratio), "goal": goal, "met": ratio >= goal,
    });
    println!("{line}");
}

/// Prints a measurement that has an upper bound of its own.
pub(crate) fn report_at_most(
    case: &str,
    (peer_name, unit): (&str, &str),
    bound: f64,
    [ours, peer]: [f64; 2],
) {
    let line = serde_json::json!({
        "case": case, "ours": round(ours), "peer": round(peer), "peer_name": peer_name, "unit": unit,
        "ratio": "", "goal": format!("<= {bound}"), "met": ours <= bound,
    });
    println!("{line}");
}
