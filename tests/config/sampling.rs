//! `opentelemetry.tracing.sampling`, and the variables that stand in for it.

use std::time::Duration;

use mplp_trace::TraceConfig;
use mplp_trace::config::{Format, HeadConfig, Keep, PolicyConfig, SamplingConfig};
use serde_json::json;
use trace_core::model::{SpanKind, TraceId, Value};
use trace_core::sample::tail::AnomalousTraces;
use trace_core::signal::SamplingInput;

use crate::support::{at, load, load_as, load_with_warnings, problems};

const SAMPLING: &str = "opentelemetry.tracing.sampling";

fn sampling(body: &str) -> SamplingConfig {
    load(&at(SAMPLING, body), &[]).opentelemetry.tracing.sampling
}

fn head(body: &str) -> HeadConfig {
    sampling(&format!("head: {{{body}}}")).head.unwrap()
}

#[test]
fn every_type_of_head_is_read() {
    assert_eq!(head("type: always_on"), HeadConfig::AlwaysOn);
    assert_eq!(head("type: Always_Off"), HeadConfig::AlwaysOff);
    let probability = 0.25;
    assert_eq!(head("type: traceidratio, probability: 0.25"), HeadConfig::TraceIdRatio { probability });
    assert_eq!(head("type: probability, probability: 0.25"), HeadConfig::Probability { probability });
    assert_eq!(
        head("type: rate_limiting, traces_per_second: 2.5"),
        HeadConfig::RateLimiting { traces_per_second: 2.5 }
    );
    let HeadConfig::Adaptive(adaptive) = head("type: adaptive, spansPerSecond: 500, interval: 2s") else {
        panic!("it is adaptive");
    };
    assert_eq!((adaptive.spans_per_second, adaptive.interval), (500.0, Duration::from_secs(2)));
    assert!(adaptive.build().is_ok());
    let HeadConfig::JaegerRemote(remote) =
        head("type: jaeger_remote, endpoint: 'grpc://j:5779', pollingInterval: 30s, initialProbability: 0.5")
    else {
        panic!("it is remote");
    };
    assert_eq!((remote.endpoint.as_str(), remote.initial_probability), ("grpc://j:5779", 0.5));
    assert_eq!(remote.polling_interval, Duration::from_secs(30));
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = load("", &[]).opentelemetry.tracing.sampling;
    assert_eq!(config, SamplingConfig::default());
    assert!(config.record_all && config.parent_based && config.head.is_none() && config.tail.is_none());
    let config = sampling("parentBased: false\nrecord_all: false");
    assert!(!config.record_all && !config.parent_based);
    let tail = sampling("tail: {}").tail.unwrap();
    assert_eq!((tail.decision_wait, tail.root_wait), (Duration::from_secs(30), Duration::from_secs(5)));
    let names: Vec<_> = tail.policies.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["error", "slower_than_usual", "anomalous", "probability"]);
    assert_eq!(sampling("tail: {enabled: false, policies: [{type: error}]}").tail, None);
}

#[test]
fn with_a_tail_the_head_lets_everything_through_unless_it_is_given() {
    let rate = |text: &str| load(&at("opentelemetry.tracing", text), &[]).opentelemetry.tracing.sampling_rate;
    assert_eq!(rate("enabled: true"), 0.1);
    assert_eq!(rate("sampling: {tail: {}}"), 1.0);
    assert_eq!(rate("samplingRate: 0.5\nsampling: {tail: {}}"), 0.5);
}

#[test]
fn rules_fit_by_all_that_they_name() {
    let rules = "type: rules, rules: [\
        {name: 'GET /health*', probability: 0}, \
        {kind: server, attributes: {http.route: /pay, n: 3}, service: shop, remoteParent: false, tracesPerSecond: 5}, \
        {probability: 0.5}]";
    let HeadConfig::Rules { rules } = head(rules) else { panic!("it has rules") };
    assert_eq!((rules[0].keep, rules[1].keep), (Keep::Probability(0.0), Keep::TracesPerSecond(5.0)));
    assert_eq!((rules[1].kind, &rules[1].attributes["n"]), (Some(SpanKind::Server), &Value::from(3i64)));
    let fits = |name: &'static str| {
        let input = SamplingInput::new(TraceId::MIN, name, SpanKind::Client);
        rules.iter().position(|rule| rule.predicate().holds(&input))
    };
    assert_eq!((fits("GET /health/live"), fits("GET /pay")), (Some(0), Some(2)));
}

#[test]
fn every_policy_is_read_and_can_be_built() {
    let text = "tail:
  decision_wait: 10s
  promote: true
  policies:
    - {type: error}
    - {name: slow, type: latency, slowerThan: 1500ms}
    - {type: slower_than_usual, quantile: 0.95}
    - {type: anomalous}
    - {type: attribute, key: tier, value: gold}
    - {type: probability, probability: 0.1}
    - {type: share, probability: 0.5}
    - {type: rate_limiting, tracesPerSecond: 3}
    - {type: all, policies: [{type: error}, {type: not, policies: [{type: attribute, key: n, value: 3}]}]}
    - {type: any, policies: [{type: error}, {type: anomalous}]}
";
    let tail = sampling(text).tail.unwrap();
    assert_eq!((tail.policies.len(), tail.decision_wait), (10, Duration::from_secs(10)));
    assert_eq!(tail.policies[1].name, "slow");
    let limit = Duration::from_millis(1500);
    assert_eq!(tail.policies[1].policy, PolicyConfig::Latency { slower_than: limit });
    for named in &tail.policies {
        assert!(named.policy.build(&AnomalousTraces::default()).is_ok(), "{}", named.name);
    }
    let default = tail.policies.iter().filter(|p| p.name != "slow");
    for named in default {
        let shown = serde_json::to_value(named).unwrap();
        assert_eq!(shown["type"], json!(named.name), "the name is the type by default");
    }
}

#[test]
fn what_is_wrong_is_named_by_its_path_with_what_to_do() {
    for (body, expected) in [
        (
            "tail: {decision_wait: 10}",
            "tail.decision_wait is 10; allowed: a length with a unit, up to 7 days: 500ms, 30s, 5m, 1h, 1d",
        ),
        (
            "tail: {decisionWait: soon}",
            "tail.decisionWait is \"soon\"; allowed: a length with a unit, up to 7 days: 500ms, 30s, 5m, 1h, 1d",
        ),
        ("tail: {maxSpans: 0}", "tail.maxSpans is 0; allowed: a whole number from 1 to 100000000"),
        (
            "tail: {policies: []}",
            "tail.policies is missing: no trace would be kept without any; give one, or leave the key out",
        ),
        (
            "tail: {policies: [{name: a}]}",
            "tail.policies[0].type is missing: name a reason: error, latency, slower_than_usual, anomalous, attribute, \
             probability, share, rate_limiting, all, any, not",
        ),
        (
            "tail: {policies: [{type: error, slowerThan: 1s}]}",
            "tail.policies[0].slowerThan is not a known key; known here: type, name",
        ),
        (
            "tail: {policies: [{type: latency}]}",
            "tail.policies[0].slowerThan is missing: give a length such as 2s",
        ),
        (
            "tail: {policies: [{type: probability, probability: 0}]}",
            "tail.policies[0] would keep nothing: give a probability above 0, or leave the policy out",
        ),
        (
            "tail: {policies: [{type: all, policies: [{type: share, probability: 2}]}]}",
            "tail.policies[0].policies[0].probability is 2; allowed: a number from 0 to 1",
        ),
        ("tail: {policies: [{type: any}]}", "tail.policies[0].policies is missing: give at least one"),
        (
            "head: {type: sometimes, anything: 1}",
            "head.type is \"sometimes\"; allowed: always_on, always_off, traceidratio, probability, rate_limiting, \
             adaptive, rules, jaeger_remote",
        ),
        (
            "head: {probability: 1}",
            "head.type is missing: name a sampler: always_on, always_off, traceidratio, probability, rate_limiting, \
             adaptive, rules, jaeger_remote",
        ),
        ("head: adaptive", "head is text; allowed: a section"),
        ("head: {type: probability}", "head.probability is missing: give the share of the traces, 0 to 1"),
        (
            "head: {type: adaptive, spansPerSecond: 0}",
            "head cannot be used: adaptive sampling: spans_per_second must be above 0, got 0",
        ),
        (
            "head: {type: rules}",
            "head.rules is missing: give at least one; traces that fit none are not sampled",
        ),
        (
            "head: {type: rules, rules: [{name: a}]}",
            "head.rules[0] says nothing: give probability (0 to 1) or tracesPerSecond",
        ),
        (
            "head: {type: rules, rules: [{probability: 1, tracesPerSecond: 1}]}",
            "head.rules[0] has probability and tracesPerSecond: keep one of them",
        ),
        (
            "head: {type: jaeger_remote, endpoint: 'j:5778'}",
            "head.endpoint is \"j:5778\"; allowed: a URL that begins with http:// or https://",
        ),
    ] {
        assert_eq!(problems(&at(SAMPLING, body), &[]), [format!("{SAMPLING}.{expected}")], "{body}");
    }
    let said =
        problems(&at("opentelemetry.tracing", "samplingRate: 1\nsampling: {head: {type: always_on}}"), &[]);
    assert_eq!(said, [format!("{SAMPLING} has a head, and samplingRate is given too: keep one of them")]);
    let said = problems(&at(SAMPLING, "recordAll: false\ntail: {promote: true}"), &[]);
    assert!(said[0].contains("what is not recorded cannot be kept; set recordAll: true"), "{said:?}");
}

#[test]
fn the_sampler_of_the_environment_decides_where_the_file_says_nothing() {
    let vars = [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.25")];
    let of = |text: &str, vars: &[(&str, &str)]| {
        let tracing = load(&at("opentelemetry.tracing", text), vars).opentelemetry.tracing;
        (tracing.sampling.head, tracing.sampling.parent_based, tracing.sampling_rate)
    };
    let ratio = Some(HeadConfig::TraceIdRatio { probability: 0.25 });
    assert_eq!(of("enabled: true", &vars), (ratio.clone(), true, 0.1));
    assert_eq!(of("samplingRate: 0.5", &vars), (None, true, 0.5));
    assert_eq!(of("sampling: {head: {type: always_off}}", &vars), (Some(HeadConfig::AlwaysOff), true, 0.1));
    assert_eq!(of("sampling: {parentBased: false}", &vars), (ratio, false, 0.1));
    assert_eq!(
        of("enabled: true", &[("OTEL_TRACES_SAMPLER", "always_on")]),
        (Some(HeadConfig::AlwaysOn), false, 0.1)
    );
    let (config, warnings) = load_with_warnings("", &[("OTEL_TRACES_SAMPLER", "xray")]);
    assert_eq!(config, TraceConfig::default());
    assert!(warnings[0].contains("OTEL_TRACES_SAMPLER=xray is not known"), "{warnings:?}");
}

#[test]
fn jaegers_argument_is_read_and_what_it_may_hide_is_shown_nowhere() {
    let argument =
        "endpoint=http://j:5778/sampling?key=hunter2,pollingIntervalMs=5000,initialSamplingRate=0.5";
    let vars = [("OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote"), ("OTEL_TRACES_SAMPLER_ARG", argument)];
    let (config, warnings) = load_with_warnings("", &vars);
    assert!(warnings.is_empty(), "{warnings:?}");
    let Some(HeadConfig::JaegerRemote(remote)) = &config.opentelemetry.tracing.sampling.head else {
        panic!("it is remote");
    };
    assert_eq!(remote.endpoint.as_str(), "http://j:5778/sampling?key=hunter2");
    assert_eq!((remote.polling_interval, remote.initial_probability), (Duration::from_secs(5), 0.5));
    let shown = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
    assert!(!shown.contains("hunter2") && shown.contains("http://j:5778/sampling?***"), "{shown}");

    let vars = [vars[0], ("OTEL_TRACES_SAMPLER_ARG", "endpoint=http://u:hunter2@j/")];
    let (config, warnings) = load_with_warnings("", &vars);
    assert_eq!(config.opentelemetry.tracing.sampling.head, None);
    assert!(warnings[0].contains("samplingRate holds") && !warnings[0].contains("hunter2"), "{warnings:?}");
}

#[test]
fn what_is_serialized_loads_again_as_the_same() {
    let config = load(include_str!("../../examples/trace.yaml"), &[]);
    let all = json!({ "opentelemetry": config.opentelemetry });
    let (again, warnings) = load_as(&all.to_string(), Format::Json, &[]).unwrap();
    assert_eq!((&again.opentelemetry, warnings.len()), (&config.opentelemetry, 0));
    for body in [
        "head: {type: adaptive, spansPerSecond: 5}\nparentBased: false",
        "head: {type: jaeger_remote}\nrecordAll: false",
        "head: {type: rate_limiting, tracesPerSecond: 5}\ntail: {promote: true}",
    ] {
        let tracing = load(&at(SAMPLING, body), &[]).opentelemetry.tracing;
        let all = json!({ "opentelemetry": { "tracing": tracing } });
        let again = load_as(&all.to_string(), Format::Json, &[]).unwrap().0;
        assert_eq!(again.opentelemetry.tracing.sampling, tracing.sampling, "{body}");
    }
}
