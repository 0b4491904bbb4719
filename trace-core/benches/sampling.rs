//! What one decision of each sampler costs, and what a span costs that is not sampled.
//!
//! Decisions are compared with `opentelemetry_sdk`'s sampler of the same purpose, where it has one. Unsampled spans are
//! compared with the SDK under `AlwaysOff`: a root with 64 children of four attributes, active, through `span!` here and
//! the API there. Bursts
//! alternate between the contenders; the figure is the best burst, in nanoseconds.
//!
//! `cargo xtask bench sampling --json` prints a line of JSON a case.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a program, not a library"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry::trace::{Span as _, TraceContextExt, Tracer, TracerProvider as _};
use opentelemetry_sdk::trace as sdk;
use opentelemetry_sdk::trace::ShouldSample;
use trace_core::analyze::{MeasureProcessor, RedWindows};
use trace_core::batch::SpanBatchMut;
use trace_core::model::{Resource, SpanContext, SpanData, SpanId, SpanKind, Timestamp, TraceFlags, TraceId};
use trace_core::pipeline::Pipeline;
use trace_core::record::Recorder;
use trace_core::sample::remote::{RemoteConfig, RemoteSampler};
use trace_core::sample::tail::{Policy, TailConfig, TailSampler};
use trace_core::sample::{
    Adaptive, AlwaysOff, AlwaysOn, AlwaysRecord, Composite, ParentBased, ParentThreshold, Predicate,
    ProbabilitySampler, RateLimiting, RuleBased, TraceIdRatioBased,
};
use trace_core::signal::{Sampler, SamplingInput, SpanProcessor};
use trace_core::span;

const ROUNDS: usize = 300;
const PER_BURST: usize = 2000;
const CHILDREN: usize = 64;
const USER: &str = "user-0001234";

type Burst = Box<dyn FnMut()>;

/// The best burst of each, in nanoseconds for one of `n`.
fn compare(ours: &mut Burst, mut peer: Option<&mut Burst>, n: usize) -> (f64, Option<f64>) {
    let mut best = [f64::INFINITY; 2];
    let time = |best: &mut f64, burst: &mut Burst, round: usize| {
        let began = Instant::now();
        burst();
        let ns = began.elapsed().as_nanos() as f64 / n as f64;
        // The first rounds fill caches.
        if round >= 5 {
            *best = best.min(ns);
        }
    };
    for round in 0..ROUNDS {
        time(&mut best[0], ours, round);
        if let Some(peer) = peer.as_deref_mut() {
            time(&mut best[1], peer, round);
        }
    }
    (best[0], peer.is_some().then_some(best[1]))
}

fn report(case: &str, unit: &str, goal: f64, mut ours: Burst, peer: Option<(&str, Burst)>, n: usize) {
    eprintln!("measuring {case}");
    let (name, mut burst) = peer.map_or(("none", None), |(name, burst)| (name, Some(burst)));
    let (ours, peer) = compare(&mut ours, burst.as_mut(), n);
    let round = |v: f64| (v * 100.0).round() / 100.0;
    // Without a peer the goal is a bound in nanoseconds.
    let ratio = peer.map_or(goal / ours, |peer| peer / ours);
    let met = if peer.is_some() { ratio >= goal } else { ours <= goal };
    let line = serde_json::json!({
        "case": case, "ours": round(ours), "peer": round(peer.unwrap_or(goal)),
        "peer_name": if peer.is_some() { name } else { "goal" }, "unit": unit,
        "ratio": round(ratio), "goal": if peer.is_some() { goal } else { 1.0 }, "met": met,
    });
    println!("{line}");
}

fn ids() -> Vec<TraceId> {
    let mut x = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835_u128;
    let next = |_| {
        x = x.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(0x5851_f42d_4c95_7f2d);
        TraceId::from_random(x.rotate_left((x >> 122) as u32))
    };
    (0..PER_BURST).map(next).collect()
}

fn decisions(sampler: impl Sampler + 'static) -> Burst {
    let ids = ids();
    let sampler: Box<dyn Sampler> = Box::new(sampler);
    Box::new(move || {
        for id in &ids {
            black_box(sampler.sample(&SamplingInput::new(*id, black_box("GET /items"), SpanKind::Server)));
        }
    })
}

fn sdk_decisions(sampler: sdk::Sampler) -> Burst {
    let ids: Vec<_> = ids().into_iter().map(|id| opentelemetry::TraceId::from_bytes(id.to_bytes())).collect();
    let kind = opentelemetry::trace::SpanKind::Server;
    Box::new(move || {
        for id in &ids {
            black_box(sampler.should_sample(None, *id, black_box("GET /items"), &kind, &[], &[]));
        }
    })
}

/// A root that is not sampled, with children.
fn unsampled() -> Burst {
    let recorder = Recorder::builder().sampler(ParentBased::new(AlwaysOff));
    let pipeline = Arc::new(Pipeline::builder().recorder(recorder).start().expect("threads can be started"));
    Box::new(move || {
        let r = pipeline.recorder();
        for _ in 0..PER_BURST / CHILDREN {
            let _root = span!(recorder: r, "root");
            for _ in 0..CHILDREN {
                let _child = span!(recorder: r, "child", http.method = "GET", http.route = "/api/v1/items",
                    http.status_code = black_box(200i64), enduser.id = black_box(USER));
            }
        }
    })
}

fn unsampled_roots() -> Burst {
    let recorder = Recorder::builder().sampler(ParentBased::new(AlwaysOff));
    let pipeline = Arc::new(Pipeline::builder().recorder(recorder).start().expect("threads can be started"));
    Box::new(move || {
        let r = pipeline.recorder();
        for _ in 0..PER_BURST {
            let _root = span!(recorder: r, "root", http.status_code = black_box(200i64));
        }
    })
}

fn sdk_off() -> sdk::SdkTracerProvider {
    let off = sdk::Sampler::ParentBased(Box::new(sdk::Sampler::AlwaysOff));
    sdk::SdkTracerProvider::builder().with_sampler(off).build()
}

fn sdk_unsampled() -> Burst {
    let tracer = sdk_off().tracer("bench");
    Box::new(move || {
        for _ in 0..PER_BURST / CHILDREN {
            let _root = Context::current().with_span(tracer.start("root")).attach();
            for _ in 0..CHILDREN {
                let attributes = [
                    opentelemetry::KeyValue::new("http.method", "GET"),
                    opentelemetry::KeyValue::new("http.route", "/api/v1/items"),
                    opentelemetry::KeyValue::new("http.status_code", black_box(200i64)),
                    opentelemetry::KeyValue::new("enduser.id", black_box(USER).to_owned()),
                ];
                let builder = tracer.span_builder("child").with_attributes(attributes);
                let _child = Context::current_with_span(builder.start(&tracer)).attach();
            }
        }
    })
}

fn sdk_unsampled_roots() -> Burst {
    let tracer = sdk_off().tracer("bench");
    Box::new(move || {
        for _ in 0..PER_BURST {
            let attributes = [opentelemetry::KeyValue::new("http.status_code", black_box(200i64))];
            tracer
                .span_builder("root")
                .with_attributes(attributes)
                .start_with_context(&tracer, &Context::new())
                .end();
        }
    })
}

/// Batches of 512 spans, 8 a trace, through one step of the pipeline.
fn step(step: impl SpanProcessor + 'static) -> Burst {
    let resource = Arc::new(Resource::service("bench"));
    let (mut x, per_batch) = (0u128, 512);
    Box::new(move || {
        for _ in 0..PER_BURST / per_batch + 1 {
            let mut batch = SpanBatchMut::new(resource.clone());
            for n in 0..per_batch as u64 {
                if n % 8 == 0 {
                    x = x
                        .wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645)
                        .wrapping_add(0x5851_f42d_4c95_7f2d);
                }
                let context = SpanContext::new(
                    TraceId::from_random(x),
                    SpanId::new(n + 1).expect("not zero"),
                    TraceFlags::SAMPLED,
                );
                let at = Timestamp::now();
                let mut span = SpanData::new(context, "op", at, at + Duration::from_millis(3));
                span.parent_span_id = if n % 8 == 7 { None } else { SpanId::new(n / 8 * 8 + 8) };
                batch.push(span);
            }
            step.process(&mut batch);
            black_box(batch);
        }
    })
}

struct Nothing;

impl SpanProcessor for Nothing {
    fn process(&self, _: &mut SpanBatchMut) {}
}

fn main() {
    let ns = "ns/decision";
    let on = || Some(("opentelemetry_sdk AlwaysOn", sdk_decisions(sdk::Sampler::AlwaysOn)));
    let ratio =
        || Some(("opentelemetry_sdk TraceIdRatioBased", sdk_decisions(sdk::Sampler::TraceIdRatioBased(0.1))));
    let probability = |p| ProbabilitySampler::new(p).expect("a probability");
    report("AlwaysOn", ns, 1.0, decisions(AlwaysOn), on(), PER_BURST);
    report("ParentBased(AlwaysOn)", ns, 1.0, decisions(ParentBased::new(AlwaysOn)), on(), PER_BURST);
    report("AlwaysRecord(AlwaysOff)", ns, 1.0, decisions(AlwaysRecord::new(AlwaysOff)), on(), PER_BURST);
    report("TraceIdRatioBased 0.1", ns, 1.0, decisions(TraceIdRatioBased::new(0.1)), ratio(), PER_BURST);
    report("ProbabilitySampler 0.1", ns, 1.0, decisions(probability(0.1)), ratio(), PER_BURST);
    report("ProbabilitySampler 1", ns, 100.0, decisions(probability(1.0)), None, PER_BURST);
    let rules = RuleBased::new()
        .rule(Predicate::name("/health*"), AlwaysOff)
        .rule(Predicate::kind(SpanKind::Client), AlwaysOn)
        .rule(Predicate::any(), probability(0.1));
    let composite = Composite::new(ParentThreshold::new(rules));
    report("Composite of three rules", ns, 200.0, decisions(composite), None, PER_BURST);
    report("RateLimiting", ns, 100.0, decisions(RateLimiting::new(100.0).expect("a rate")), None, PER_BURST);
    report("Adaptive", ns, 200.0, decisions(Adaptive::new(1000.0).expect("a budget")), None, PER_BURST);
    let (remote, _poller) = RemoteSampler::new(RemoteConfig::new("bench")).expect("a probability");
    report("JaegerRemote, probabilistic", ns, 100.0, decisions(remote), None, PER_BURST);
    let sdk = "opentelemetry_sdk AlwaysOff, attached";
    report("unsampled child", "ns/span", 20.0, unsampled(), Some((sdk, sdk_unsampled())), PER_BURST);
    report(
        "unsampled root",
        "ns/span",
        1.0,
        unsampled_roots(),
        Some(("opentelemetry_sdk AlwaysOff, explicit", sdk_unsampled_roots())),
        PER_BURST,
    );
    // With the making of the batches, which is the same for all three.
    let spans = (PER_BURST / 512 + 1) * 512;
    let made = |s: Burst, name: &str| report(name, "ns/span", 5000.0, s, None, spans);
    made(step(Nothing), "a step that does nothing");
    made(step(MeasureProcessor::new(Arc::new(RedWindows::default()))), "measuring");
    let tail = TailConfig::new()
        .policy("errors", Policy::error())
        .policy("slow", Policy::slower_than_usual(0.999))
        .policy("baseline", Policy::probability(0.05).expect("a probability"));
    let tail = TailConfig {
        decision_wait: Duration::from_millis(100),
        root_wait: Duration::from_millis(50),
        ..tail
    };
    made(step(TailSampler::new(tail)), "tail sampling, 5 % kept");
}
