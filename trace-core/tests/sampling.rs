//! Sampling through the whole of a pipeline: what is recorded, what is exported, what is counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use trace_core::analyze::{MeasureProcessor, RedConfig, RedQuery, RedWindows};
use trace_core::clock::Clock;
use trace_core::model::{
    KeyValue, Resource, SpanContext, SpanId, TimeRange, Timestamp, TraceFlags, TraceId, TraceState,
};
use trace_core::pipeline::{DestinationConfig, Pipeline, PipelineBuilder};
use trace_core::propagate::{Baggage, Propagator, W3cPropagator};
use trace_core::record::{Recorder, current_context};
use trace_core::sample::tail::{Policy, TailConfig, TailSampler};
use trace_core::sample::{
    Adaptive, AlwaysOff, AlwaysOn, AlwaysRecord, Annotating, Composite, EverySpan, ParentBased,
    ParentThreshold, Predicate, ProbabilitySampler, RuleBased,
};
use trace_core::signal::{Decision, Sampler, SamplingInput};
use trace_core::span;
use trace_core::testing::CaptureExporter;

const LONG: Duration = Duration::from_secs(10);

fn windows() -> Arc<RedWindows> {
    Arc::new(RedWindows::new(RedConfig::default()))
}

fn counted(windows: &RedWindows, operation: &str) -> u64 {
    let now = Timestamp::now();
    let range = TimeRange { start: now - Duration::from_secs(60), end: now + Duration::from_secs(60) };
    windows.summary(&RedQuery::operation(range, "shop", operation)).count
}

fn pipeline(sampler: impl Sampler + 'static) -> (PipelineBuilder, CaptureExporter) {
    let out = CaptureExporter::new();
    let recorder = Recorder::builder().resource(Resource::service("shop")).sampler(sampler);
    (Pipeline::builder().recorder(recorder).export_spans("out", out.clone()), out)
}

/// Traces of a root and a child through `span!`, and one of each through the builder.
fn work(recorder: &Recorder, traces: usize) {
    for _ in 0..traces {
        let _root = span!(recorder: recorder, "root");
        let _child = span!(recorder: recorder, "child", n = 1);
        recorder.span("built").start().end();
    }
}

#[test]
fn record_only_spans_are_measured_and_neither_exported_nor_propagated_as_sampled() {
    let windows = windows();
    let (builder, out) = pipeline(AlwaysRecord::new(ParentBased::new(AlwaysOff)));
    let all = CaptureExporter::new();
    let everything = DestinationConfig { record_only: true, ..DestinationConfig::default() };
    let builder = builder.processor(MeasureProcessor::new(windows.clone()));
    let p = builder.export_spans_with("all", all.clone(), everything).start().unwrap();
    {
        let root = span!(recorder: p.recorder(), "root");
        assert!(root.is_recording() && !root.context().unwrap().is_sampled());
        let mut headers = HashMap::new();
        W3cPropagator.inject(current_context().as_ref(), &Baggage::default(), &mut headers);
        assert!(headers["traceparent"].ends_with("-02"), "{headers:?}");
    }
    work(p.recorder(), 10);
    let report = p.shutdown(LONG).unwrap();
    assert_eq!((out.spans().len(), all.spans().len()), (0, 31));
    assert_eq!(["root", "child", "built"].map(|name| counted(&windows, name)), [11, 10, 10]);
    assert!(report.ledger.adds_up(), "{report:?}");

    let (builder, out) = pipeline(AlwaysRecord::new(AlwaysOff));
    let p = builder.start().unwrap();
    work(p.recorder(), 10);
    let report = p.shutdown(LONG).unwrap();
    assert_eq!((out.spans().len(), report.ledger.record_only, report.ledger.delivered), (0, 30, 0));
    assert!(report.ledger.adds_up() && report.to_string().contains("30 recorded only"), "{report}");
}

#[test]
fn a_span_that_is_open_for_long_is_still_known_to_be_recorded_with_certainty() {
    let windows = windows();
    let (builder, out) = pipeline(AlwaysRecord::new(ProbabilitySampler::new(0.5).unwrap()));
    let p = builder.processor(MeasureProcessor::new(windows.clone())).start().unwrap();
    let open: Vec<_> = (0..100).map(|_| p.recorder().span("open").root().start()).collect();
    p.flush(LONG).unwrap();
    open.iter().for_each(|s| s.set_attribute("later", true));
    drop(open);
    let report = p.shutdown(LONG).unwrap();
    assert_eq!(counted(&windows, "open"), 100);
    assert_eq!(out.spans().len() as u64 + report.ledger.record_only, 100);
    assert!(report.ledger.adds_up() && !out.spans().is_empty());
}

/// Six standard deviations of the estimated number of traces, with this probability.
fn margin(traces: f64, p: f64) -> f64 {
    6.0 * (traces * (1.0 - p) / p).sqrt()
}

#[test]
fn windows_count_what_there_was_whatever_the_sampler() {
    const TRACES: usize = 4000;
    let half = || ProbabilitySampler::new(0.3).unwrap();
    let rules = RuleBased::new().rule(Predicate::name("root"), half());
    let samplers: [(Box<dyn Sampler>, f64); 6] = [
        (Box::new(AlwaysOn), 1.0),
        (Box::new(ParentBased::new(half())), 0.3),
        (Box::new(AlwaysRecord::new(half())), 1.0),
        (Box::new(Composite::new(ParentThreshold::new(rules))), 0.3),
        (Box::new(EverySpan::new(half())), 0.3),
        (Box::new(Adaptive::new(1e9).unwrap()), 1.0),
    ];
    for (sampler, p) in samplers {
        let name = sampler.description();
        let windows = windows();
        let (builder, out) = pipeline(sampler);
        let tail = TailSampler::new(TailConfig::new().policy("few", Policy::probability(0.01).unwrap()));
        let p_line =
            builder.processor(MeasureProcessor::new(windows.clone())).processor(tail).start().unwrap();
        work(p_line.recorder(), TRACES);
        let report = p_line.shutdown(LONG).unwrap();
        for operation in ["root", "child", "built"] {
            let off = counted(&windows, operation) as f64 - TRACES as f64;
            assert!(off.abs() <= margin(TRACES as f64, p), "{name}: {operation} is off by {off}");
        }
        let l = report.ledger;
        assert!(l.adds_up() && l.sampled_out > 0 && l.dropped.is_empty(), "{name}: {l:?}");
        assert_eq!(out.spans().len() as u64, l.delivered);
        assert!(out.spans().iter().all(|s| s.context.is_sampled()));
    }
}

#[test]
fn a_tail_sampler_in_a_pipeline_keeps_failed_traces_whole_and_the_accounts_add_up() {
    let (builder, out) = pipeline(AlwaysOn);
    let tail = TailSampler::new(TailConfig::new().policy("errors", Policy::error()));
    let p = builder.processor(tail.clone()).interval(Duration::from_millis(5)).start().unwrap();
    for n in 0..100 {
        let root = p.recorder().span("root").root().enter();
        let child = span!(recorder: p.recorder(), "child");
        if n % 10 == 0 {
            child.set_status(trace_core::model::Status::Error("bad".into()));
        }
        drop(child);
        root.end();
    }
    p.flush(LONG).unwrap();
    let l = p.ledger();
    assert_eq!((l.received, l.delivered, l.sampled_out, l.pending), (200, 20, 180, 0), "{l:?}");
    // What waits is pending, and a shutdown decides on it.
    p.recorder().span("late").root().start().end();
    while tail.stats().pending_spans == 0 {
        std::thread::yield_now();
    }
    assert_eq!((p.ledger().pending, p.ledger().adds_up()), (1, true));
    let report = p.shutdown(LONG).unwrap();
    assert_eq!((report.ledger.sampled_out, report.ledger.pending), (181, 0));
    assert!(report.ledger.adds_up());
    assert_eq!(out.spans().len(), 20);
    assert!(out.spans().iter().all(|s| s.context.trace_state.as_str() == "ot=th:0"));
}

#[test]
fn a_trace_whose_time_has_come_is_handed_on_without_any_further_span() {
    let (builder, out) = pipeline(AlwaysOn);
    let (clock, time) = Clock::manual(Timestamp::from_unix_secs(1));
    let config = TailConfig { clock, ..TailConfig::new() }.policy("all", Policy::probability(1.0).unwrap());
    let tail = TailSampler::new(config);
    let quick = Duration::from_millis(2);
    let p = builder.processor(tail.clone()).interval(quick).start().unwrap();
    p.recorder().span("alone").start().end();
    while tail.stats().pending_spans == 0 {
        std::thread::yield_now();
    }
    time.advance(Duration::from_secs(6));
    while p.ledger().delivered == 0 {
        std::thread::yield_now();
    }
    assert_eq!(tail.stats().pending_spans, 0);
    p.shutdown(LONG).unwrap();
    assert_eq!(out.spans().len(), 1);
}

/// Keeps names that begin with `keep`, and says what it saw.
struct ByName;

impl Sampler for ByName {
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        let mut decision = Decision::sample_if(input.name.starts_with("keep"));
        if let Some(v) = input.attributes.get("tier") {
            decision.attributes = vec![KeyValue::new("seen.tier", v.to_value())];
        }
        if let Some(r) = input.resource {
            decision.attributes.push(KeyValue::new("seen.service", r.service_name().to_owned()));
        }
        decision
    }

    fn description(&self) -> String {
        "ByName".to_owned()
    }
}

#[test]
fn samplers_see_attributes_through_every_way_of_starting_and_add_their_own() {
    let (builder, out) = pipeline(ByName);
    let p = builder.start().unwrap();
    span!(recorder: p.recorder(), "keep macro", tier = "gold").end();
    p.recorder().span("keep builder").attribute("tier", "gold").start().end();
    trace_core::async_span!(recorder: p.recorder(), "keep async", tier = "gold").end();
    p.shutdown(LONG).unwrap();
    assert_eq!(out.spans().len(), 3);
    for s in out.spans() {
        let value = |key: &str| s.attributes.iter().find(|a| a.key == key).map(|a| a.value.to_string());
        assert_eq!(value("seen.tier").as_deref(), Some("gold"), "{}", s.name);
        assert_eq!(value("seen.service").as_deref(), Some("shop"), "{}", s.name);
    }
}

#[test]
fn local_children_are_asked_for_only_if_the_sampler_wants_it() {
    let names = |sampler: Box<dyn Sampler>| {
        let (builder, out) = pipeline(sampler);
        let p = builder.start().unwrap();
        {
            let _root = span!(recorder: p.recorder(), "keep 1");
            let _child = span!(recorder: p.recorder(), "drop 2");
        }
        {
            let _root = p.recorder().span("drop 3").enter();
            let _child = span!(recorder: p.recorder(), "keep 4");
        }
        p.shutdown(LONG).unwrap();
        let mut names: Vec<String> = out.spans().iter().map(|s| s.name.to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(names(Box::new(ByName)), ["drop 2", "keep 1"]);
    assert_eq!(names(Box::new(EverySpan::new(ByName))), ["keep 1", "keep 4"]);
    let asks = ParentBased::new(ByName).local_parent_sampled(ByName);
    assert_eq!(names(Box::new(asks)), ["keep 1"]);
}

#[test]
fn a_threshold_travels_to_the_children_and_on_the_wire() {
    let sampler =
        Composite::new(Annotating::new(ProbabilitySampler::new(1.0).unwrap(), [KeyValue::new("a", 1)]));
    let (builder, out) = pipeline(ParentBased::new(sampler));
    let p = builder.start().unwrap();
    {
        let _root = span!(recorder: p.recorder(), "root");
        let _child = span!(recorder: p.recorder(), "child");
        assert_eq!(current_context().unwrap().trace_state.as_str(), "ot=th:0");
    }
    let remote = |sampled: bool, state: &str| SpanContext {
        is_remote: true,
        trace_state: TraceState::parse([state]).unwrap(),
        ..SpanContext::new(TraceId::from_random(7), SpanId::MAX, TraceFlags::RANDOM.with_sampled(sampled))
    };
    let span = p.recorder().span("kept").parent(remote(true, "ot=th:0,a=1")).start();
    assert_eq!(span.context().unwrap().trace_state.as_str(), "ot=th:0,a=1");
    let span = p.recorder().span("not kept").parent(remote(false, "ot=th:8;x:1,a=1")).start();
    let context = span.context().unwrap();
    assert_eq!((context.trace_state.as_str(), span.is_recording()), ("ot=x:1,a=1", false));
    drop(span);
    p.shutdown(LONG).unwrap();
    let roots: Vec<_> = out.spans().iter().filter(|s| s.name == "root").cloned().collect();
    assert_eq!(roots[0].attributes, [KeyValue::new("a", 1)]);
}
