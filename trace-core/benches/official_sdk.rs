//! What it costs to stand beside the official SDK: `PipelineSpanProcessor` against the SDK's own `BatchSpanProcessor`
//! with an exporter that does nothing, and the conversions between its spans and ours.
//!
//! A burst is 4,096 spans with four attributes. Bursts alternate between the contenders, with a flush after each that is
//! not timed; the figure is the best burst, in nanoseconds a span on the thread that ends the spans. "process CPU" is the
//! time of all threads, flushes included, over as many bursts again: ours converts every span for its exporters, the
//! peer hands them on as they are. No drop is allowed.
//!
//! `cargo xtask bench official_sdk --json` prints a line of JSON a case.
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
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use opentelemetry::trace::{Tracer, TracerProvider as _};
use opentelemetry_sdk::trace as official;
use support::{Nothing, attributes, pipeline, sdk_processor};
use trace_core::batch::SpanBatch;
use trace_core::model::Resource;
use trace_core::record::Recorder;
use trace_core::sdk::{PipelineSpanProcessor, spans_from_sdk, spans_to_sdk};

const SPANS: usize = 4096;
const ROUNDS: usize = 200;

fn ours() -> (PipelineSpanProcessor, Nothing) {
    let (pipeline, seen) = pipeline(Recorder::builder());
    (PipelineSpanProcessor::new(pipeline), seen)
}

/// A queue that holds a burst: the peer is measured at its best, without drops.
fn theirs() -> (official::BatchSpanProcessor, Nothing) {
    sdk_processor(65_536)
}

/// One way to do a burst; what is prepared and cleared away is not timed.
struct Contender {
    burst: Box<dyn FnMut() -> Duration>,
    seen: Option<Nothing>,
}

fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let began = Instant::now();
    let result = work();
    (began.elapsed(), result)
}

/// Spans from their start to their end, through the SDK's tracer.
fn whole(processor: impl official::SpanProcessor + 'static, seen: Nothing) -> Contender {
    let provider = official::SdkTracerProvider::builder().with_span_processor(processor).build();
    let tracer = provider.tracer("bench");
    let burst = move || {
        let (took, ()) = timed(|| {
            for i in 0..SPANS {
                let attributes = attributes(format!("user-{i:07}"));
                drop(tracer.span_builder("child").with_attributes(attributes).start(&tracer));
            }
        });
        provider.force_flush().expect("nothing can be slow");
        took
    };
    Contender { burst: Box::new(burst), seen: Some(seen) }
}

/// The call of the processor alone.
fn on_end(processor: impl official::SpanProcessor + 'static, seen: Nothing) -> Contender {
    let spans = spans();
    let burst = move || {
        let prepared = spans.clone();
        let (took, ()) = timed(|| prepared.into_iter().for_each(|span| processor.on_end(span)));
        processor.force_flush().expect("nothing can be slow");
        took
    };
    Contender { burst: Box::new(burst), seen: Some(seen) }
}

fn converting<R: 'static>(work: impl Fn() -> R + 'static) -> Contender {
    let burst = move || {
        let (took, result) = timed(&work);
        drop(black_box(result));
        took
    };
    Contender { burst: Box::new(burst), seen: None }
}

/// A burst of spans as the SDK hands them to a processor.
fn spans() -> Vec<official::SpanData> {
    #[derive(Clone, Debug, Default)]
    struct Keep(Arc<std::sync::Mutex<Vec<official::SpanData>>>);
    impl official::SpanExporter for Keep {
        async fn export(&self, batch: Vec<official::SpanData>) -> opentelemetry_sdk::error::OTelSdkResult {
            self.0.lock().expect("no panic").extend(batch);
            Ok(())
        }
    }
    let keep = Keep::default();
    let simple = official::SimpleSpanProcessor::new(keep.clone());
    (whole(simple, Nothing::default()).burst)();
    let spans = keep.0.lock().expect("no panic").clone();
    assert_eq!(spans.len(), SPANS);
    spans
}

/// As `span!` would have recorded them.
fn with_static_names(batch: &SpanBatch) -> SpanBatch {
    let spans = batch.iter().map(|span| {
        let mut span = span.to_span_data();
        span.name = "child".into();
        let keys = ["http.method", "http.route", "http.status_code", "enduser.id"];
        span.attributes.iter_mut().zip(keys).for_each(|(attribute, key)| attribute.key = key.into());
        span
    });
    SpanBatch::from_spans(batch.resource().clone(), spans)
}

/// User and system time of the process in nanoseconds; the kernel counts in hundredths of a second.
fn process_cpu() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(ticks as f64 * 1e7)
}

fn print(case: &str, peer_name: &str, goal: f64, (ours, peer): (f64, f64)) {
    let ratio = peer / ours;
    let round = |v: f64| (v * 100.0).round() / 100.0;
    let line = serde_json::json!({
        "case": case, "ours": round(ours), "peer": round(peer), "peer_name": peer_name, "unit": "ns/span",
        "ratio": round(ratio), "goal": goal, "met": ratio >= goal,
    });
    println!("{line}");
}

fn report(case: &str, peer_name: &str, goals: (f64, f64), ours: Contender, peer: Contender) {
    eprintln!("measuring {case} against {peer_name} ({ROUNDS} rounds)");
    let mut contenders = [ours, peer];
    let mut best = [f64::INFINITY; 2];
    for round in 0..ROUNDS {
        for (best, c) in best.iter_mut().zip(&mut contenders) {
            let ns = (c.burst)().as_nanos() as f64 / SPANS as f64;
            // The first rounds fill caches and grow buffers.
            if round >= 5 {
                *best = best.min(ns);
            }
        }
    }
    print(case, peer_name, goals.0, best.into());
    if contenders.iter().any(|c| c.seen.is_none()) {
        return;
    }
    // In one piece: the kernel counts in steps that are longer than a burst.
    let cpu = contenders.each_mut().map(|c| {
        let before = process_cpu();
        for _ in 0..ROUNDS {
            black_box((c.burst)());
        }
        process_cpu().zip(before).map(|(after, before)| (after - before) / (ROUNDS * SPANS) as f64)
    });
    for seen in contenders.iter().filter_map(|c| c.seen.as_ref()) {
        assert_eq!(seen.0.load(Ordering::Relaxed), (2 * ROUNDS * SPANS) as u64, "a contender dropped spans");
    }
    if let [Some(ours), Some(peer)] = cpu {
        print(&format!("{case}, process CPU"), peer_name, goals.1, (ours, peer));
    }
}

fn main() {
    const PEER: &str = "BatchSpanProcessor";
    const CLONE: &str = "cloning the official spans";
    let ((a, a_seen), (b, b_seen)) = (ours(), theirs());
    report("official span with 4 attributes", PEER, (1.0, 0.75), whole(a, a_seen), whole(b, b_seen));
    let ((a, a_seen), (b, b_seen)) = (ours(), theirs());
    report("on_end alone", PEER, (1.0, 0.75), on_end(a, a_seen), on_end(b, b_seen));

    let resource = Arc::new(Resource::service("bench"));
    let official = Arc::new(spans());
    let cloning = || {
        let official = official.clone();
        converting(move || official.to_vec())
    };
    let (batch, _) = spans_from_sdk(resource.clone(), official.to_vec());
    let batch = with_static_names(&batch);
    report(
        "our batch to official spans",
        CLONE,
        (0.33, 0.0),
        converting(move || spans_to_sdk(&batch)),
        cloning(),
    );
    let (from, into) = (official.clone(), resource);
    let both = converting(move || spans_from_sdk(into.clone(), from.to_vec()));
    report("official spans to our batch, cloned first", CLONE, (0.25, 0.0), both, cloning());
}
