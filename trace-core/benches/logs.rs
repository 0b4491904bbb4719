//! What a `tracing` event costs the thread that logs it, against `opentelemetry-appender-tracing` with the OpenTelemetry
//! SDK.
//!
//! A burst is 512 events inside of one span, each with a formatted message and three fields. Every contender exports to
//! nothing. Contenders take turns of ten bursts, with a flush after each burst that is not timed; the figure is the
//! best burst, in nanoseconds an event. Drops are checked: none is allowed. The span is of our layer for us, and of
//! `tracing-opentelemetry` for the peer, so that both find its ids.
//!
//! `cargo xtask bench logs --json` prints a line of JSON a case.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a program, not a library"
)]

#[path = "support/mod.rs"]
mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::logs as sdk;
use opentelemetry_sdk::trace::SdkTracerProvider;
use support::{IN_A_ROW, ns_each, report, user};
use trace_core::log::LogLayer;
use trace_core::model::LogBatch;
use trace_core::pipeline::Pipeline;
use trace_core::record::tracing_layer::TraceLayer;
use trace_core::signal::{ExportError, LogExporter};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

const EVENTS: usize = 512;
const ROUNDS: usize = 200;
const PEER: &str = "opentelemetry-appender-tracing";

/// Counts and forgets.
#[derive(Clone, Debug, Default)]
struct Nothing(Arc<AtomicU64>);

#[async_trait]
impl LogExporter for Nothing {
    async fn export(&self, batch: &LogBatch) -> Result<(), ExportError> {
        self.0.fetch_add(black_box(batch).len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

impl sdk::LogExporter for Nothing {
    async fn export(&self, batch: sdk::LogBatch<'_>) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.fetch_add(black_box(&batch).iter().count() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// One way of logging.
struct Contender {
    dispatch: tracing::Dispatch,
    flush: Box<dyn Fn()>,
    seen: Nothing,
    bursts: u64,
}

impl Contender {
    fn burst(&mut self, burst: fn(), events: usize) -> f64 {
        let ns = tracing::dispatcher::with_default(&self.dispatch, || ns_each(events, burst));
        (self.flush)();
        self.bursts += events as u64;
        ns
    }
}

fn ours(spans: bool) -> Contender {
    let seen = Nothing::default();
    let pipeline =
        Pipeline::builder().export_logs("nothing", seen.clone()).start().expect("threads can be started");
    let layer = LogLayer::new(pipeline.logger());
    let traces = spans.then(|| TraceLayer::new(pipeline.recorder().clone()).with_events(LevelFilter::OFF));
    let dispatch = tracing_subscriber::registry().with(traces).with(layer).into();
    let flush = move || pipeline.flush(Duration::from_secs(30)).expect("nothing can be slow");
    Contender { dispatch, flush: Box::new(flush), seen, bursts: 0 }
}

fn peer(spans: bool) -> Contender {
    let seen = Nothing::default();
    let config = sdk::BatchConfigBuilder::default().with_max_queue_size(65_536).build();
    let processor = sdk::BatchLogProcessor::builder(seen.clone()).with_batch_config(config).build();
    let logs = sdk::SdkLoggerProvider::builder().with_log_processor(processor).build();
    let traces = SdkTracerProvider::builder().build();
    let layer = spans.then(|| {
        let spans = tracing_opentelemetry::layer().with_tracer(traces.tracer("bench"));
        // As for us: events are not on spans once more.
        spans.with_filter(tracing_subscriber::filter::filter_fn(|m| m.is_span()))
    });
    let dispatch =
        tracing_subscriber::registry().with(layer).with(OpenTelemetryTracingBridge::new(&logs)).into();
    let flush = move || {
        let _ = &traces;
        logs.force_flush().expect("nothing can be slow");
    };
    Contender { dispatch, flush: Box::new(flush), seen, bursts: 0 }
}

fn in_a_span() {
    let _span = tracing::info_span!("request").entered();
    plain();
}

fn plain() {
    for i in 0..EVENTS {
        tracing::info!(
            http.route = "/api/v1/items",
            http.status_code = 200,
            enduser.id = user(i),
            "served item {i}"
        );
    }
}

fn message_alone() {
    for _ in 0..EVENTS {
        tracing::info!("served an item");
    }
}

fn measure(case: &str, burst: fn(), spans: bool) {
    let (mut ours, mut peer) = (ours(spans), peer(spans));
    let mut best = [f64::INFINITY; 2];
    for round in 0..ROUNDS / IN_A_ROW {
        for (best, contender) in best.iter_mut().zip([&mut ours, &mut peer]) {
            for _ in 0..IN_A_ROW {
                let ns = contender.burst(burst, EVENTS);
                if round > 0 {
                    *best = best.min(ns);
                }
            }
        }
    }
    for contender in [ours, peer] {
        assert_eq!(contender.seen.0.load(Ordering::Relaxed), contender.bursts, "every event arrived");
    }
    report(case, (PEER, "ns/event"), 1.2, best);
}

fn main() {
    measure("event in a span, three fields", in_a_span, true);
    measure("event outside of spans, three fields", plain, false);
    measure("event with a message alone", message_alone, false);
}
