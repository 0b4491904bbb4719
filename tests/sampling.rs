//! Sampling as it is configured, through the whole of a module: what is counted, exported and kept.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use mplp_trace::config::Format;
use mplp_trace::core::analyze::RedQuery;
use mplp_trace::core::model::{CheckStatus, Status, TimeRange, Timestamp};
use mplp_trace::core::propagate::parse_traceparent;
use mplp_trace::core::sample::remote::Strategy;
use mplp_trace::core::span;
use mplp_trace::core::testing::CaptureExporter;
use mplp_trace::{TraceConfig, TraceModule};

const LIMIT: Duration = Duration::from_secs(20);

fn module(tracing: &str, vars: &[(&str, &str)]) -> (TraceModule, CaptureExporter) {
    let yaml = format!("opentelemetry:\n  service: {{name: shop}}\n  tracing:\n    {tracing}\n");
    let env = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    let loaded = TraceConfig::from_str(&yaml, Format::Yaml, &env).unwrap();
    let capture = CaptureExporter::new();
    let builder = TraceModule::builder().config(loaded).span_exporter("capture", capture.clone());
    (builder.build().unwrap(), capture)
}

fn counted(module: &TraceModule, operation: &str) -> (u64, u64) {
    let now = Timestamp::now();
    let range = TimeRange { start: now - Duration::from_secs(300), end: now + Duration::from_secs(60) };
    let summary = module.windows().summary(&RedQuery::operation(range, "shop", operation));
    (summary.count, summary.errors)
}

/// Traces of a root and a failed child; also children of callers that did and did not sample.
fn work(module: &TraceModule, traces: u64) {
    let recorder = module.recorder();
    for n in 0..traces {
        {
            let _root = span!(recorder: recorder, "root");
            let child = recorder.span("child").start();
            child.set_status(Status::Error("bad".into()));
        }
        let caller = format!("00-4bf92f3577b34da6a3ce929d0e{n:06x}-00f067aa0ba902b7-0{}", n % 2);
        drop(recorder.span("called").parent(parse_traceparent(&caller).unwrap()).start());
        drop(recorder.span("denied").root().sampled(false).start());
    }
}

#[test]
fn rates_and_errors_are_exact_under_every_sampler() {
    const TRACES: u64 = 500;
    let head = |body: &str| format!("sampling: {{head: {{{body}}}}}");
    let rules = "type: rules, rules: [{name: root, tracesPerSecond: 3}, {name: called, probability: 0}]";
    let remote = format!("type: jaeger_remote, endpoint: 'http://{}/s', initialProbability: 0.1", nobody());
    let mut cases: Vec<(String, Vec<(&str, &str)>)> = vec![
        ("samplingRate: 0.1".to_owned(), vec![]),
        ("samplingRate: 0".to_owned(), vec![]),
        (head("type: always_on"), vec![]),
        (head("type: always_off"), vec![]),
        (head("type: traceidratio, probability: 0.1"), vec![]),
        (head("type: probability, probability: 0.1"), vec![]),
        (head("type: probability, probability: 0"), vec![]),
        (head("type: rate_limiting, tracesPerSecond: 3"), vec![]),
        (head("type: adaptive, spansPerSecond: 1, initialProbability: 0.01"), vec![]),
        (head(rules), vec![]),
        (head(&remote), vec![]),
        ("sampling: {tail: {policies: [{type: probability, probability: 0.01}]}}".to_owned(), vec![]),
        (
            "samplingRate: 0.5\n    sampling: {tail: {promote: true, policies: [{type: error}]}}".to_owned(),
            vec![],
        ),
        ("sampling: {parentBased: false, head: {type: traceidratio, probability: 0.3}}".to_owned(), vec![]),
    ];
    for named in ["always_off", "traceidratio", "parentbased_traceidratio", "probability"] {
        let vars = vec![("OTEL_TRACES_SAMPLER", named), ("OTEL_TRACES_SAMPLER_ARG", "0.1")];
        cases.push(("enabled: true".to_owned(), vars));
    }
    for (tracing, vars) in &cases {
        let (module, capture) = module(tracing, vars);
        work(&module, TRACES);
        module.flush(LIMIT).unwrap();
        let counts = ["root", "child", "called", "denied"].map(|operation| counted(&module, operation));
        assert_eq!(counts, [(TRACES, 0), (TRACES, TRACES), (TRACES, 0), (TRACES, 0)], "{tracing} {vars:?}");
        let ledger = module.shutdown(LIMIT).unwrap().spans.ledger;
        assert_eq!(ledger.received, 4 * TRACES, "{tracing} {vars:?}");
        assert!(ledger.adds_up(), "{tracing} {vars:?}: {ledger:?}");
        assert!(capture.spans().iter().all(|s| s.context.is_sampled()), "{tracing} {vars:?}");
        let all = tracing.contains("always_on") || tracing.contains("promote");
        assert!(all || capture.spans().len() < 3 * TRACES as usize, "{tracing} {vars:?}: it does sample");
    }
}

#[test]
fn without_record_all_what_is_not_sampled_is_not_recorded() {
    let (module, _capture) = module("samplingRate: 0\n    sampling: {recordAll: false}", &[]);
    work(&module, 10);
    module.flush(LIMIT).unwrap();
    assert_eq!((counted(&module, "root").0, counted(&module, "called").0), (0, 5));
    assert_eq!(module.shutdown(LIMIT).unwrap().spans.ledger.received, 5);
}

#[test]
fn a_tail_sampler_keeps_what_its_policies_say_even_of_what_the_head_dropped() {
    for (tracing, roots, called) in [
        ("sampling: {tail: {policies: [{type: error}]}}", 100, 0),
        // What the head sampled stays.
        ("samplingRate: 0\n    sampling: {tail: {promote: true, policies: [{type: error}]}}", 100, 50),
        ("samplingRate: 0\n    sampling: {tail: {policies: [{type: error}]}}", 0, 0),
        (
            "sampling: {tail: {policies: [{type: all, policies: [{type: error}, {type: attribute, key: n, value: 1}]}]}}",
            0,
            0,
        ),
    ] {
        let (module, capture) = module(tracing, &[]);
        work(&module, 100);
        module.shutdown(LIMIT).unwrap();
        let of = |name: &str| capture.spans().iter().filter(|s| s.name == name).count();
        assert_eq!((of("root"), of("child"), of("called")), (roots, roots, called), "{tracing}");
        let stats = module.tail_sampler().unwrap().stats();
        assert_eq!(stats.kept_spans as usize, 2 * roots + called, "{tracing}");
        assert_eq!(module.store().stats().spans as usize, 2 * roots + called, "{tracing}");
    }
}

#[test]
fn rules_look_at_name_kind_attributes_and_service() {
    let rules = "sampling: {head: {type: rules, rules: [\
        {name: 'GET /health*', probability: 0}, {attributes: {tier: gold}, service: shop, probability: 1}, \
        {service: other, probability: 1}]}}";
    let (module, capture) = module(rules, &[]);
    let recorder = module.recorder();
    recorder.span("GET /health/live").attribute("tier", "gold").start().end();
    recorder.span("GET /pay").attribute("tier", "gold").start().end();
    recorder.span("GET /pay").attribute("tier", "tin").start().end();
    module.shutdown(LIMIT).unwrap();
    let names: Vec<String> = capture.spans().iter().map(|s| s.name.to_string()).collect();
    assert_eq!(names, ["GET /pay"]);
}

/// An address at which nobody listens.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Answers every GET with a strategy, and tells what was asked for.
fn backend(strategy: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, asked) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
            let first = lines.next().unwrap();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let length = strategy.len();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{strategy}").unwrap();
            if sender.send(first).is_err() {
                return;
            }
        }
    });
    (address, asked)
}

fn until(so: impl Fn() -> bool) {
    let limit = Instant::now() + LIMIT;
    while !so() {
        assert!(Instant::now() < limit, "it never came");
        std::thread::yield_now();
    }
}

#[test]
fn the_program_asks_jaeger_by_the_variables_of_the_specification_and_does_as_it_says() {
    let (address, asked) = backend(r#"{"probabilisticSampling":{"samplingRate":1}}"#);
    let argument =
        format!("endpoint=http://{address}/sampling,pollingIntervalMs=60000,initialSamplingRate=0");
    let vars =
        [("OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote"), ("OTEL_TRACES_SAMPLER_ARG", &*argument)];
    let (module, capture) = module("enabled: true", &vars);
    assert_eq!(asked.recv_timeout(LIMIT).unwrap(), "GET /sampling?service=shop HTTP/1.1");
    let sampler = module.remote_sampler().unwrap();
    until(|| sampler.status().strategy == Some(Strategy::Probabilistic(1.0)));
    module.recorder().span("work").start().end();
    let check = &module.service().health().components["sampling"].checks[0];
    assert_eq!((check.name.as_str(), check.status), ("jaeger_remote", CheckStatus::Pass), "{check:?}");
    module.shutdown(LIMIT).unwrap();
    assert_eq!(capture.spans().len(), 1);
}

#[test]
fn while_jaeger_cannot_be_reached_the_initial_rate_holds_and_the_health_says_so() {
    let address = nobody();
    let head = format!(
        "sampling: {{head: {{type: jaeger_remote, endpoint: 'http://{address}/', initialProbability: 1}}}}"
    );
    let (module, capture) = module(&head, &[]);
    module.recorder().span("work").start().end();
    until(|| module.remote_sampler().unwrap().status().failures > 0);
    let check = &module.service().health().components["sampling"].checks[0];
    assert_eq!(check.status, CheckStatus::Warn);
    assert!(check.message.contains(&address), "{check:?}");
    module.shutdown(LIMIT).unwrap();
    assert_eq!(capture.spans().len(), 1);
}

#[test]
fn an_address_that_cannot_be_asked_is_named_by_its_path() {
    let mut config = TraceConfig::from_str(
        "opentelemetry: {tracing: {sampling: {head: {type: jaeger_remote, endpoint: 'http://h/?service=a'}}}}",
        Format::Yaml,
        &|_| None,
    );
    let error = TraceModule::from_config(config.as_mut().unwrap().0.clone()).unwrap_err().to_string();
    assert!(error.starts_with("opentelemetry.tracing.sampling.head.endpoint: "), "{error}");
    assert!(error.contains("must not name a service"), "{error}");
}
