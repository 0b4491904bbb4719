//! Where telemetry goes, and with which token.

use mplp_trace::TraceConfig;
use mplp_trace::config::{PrometheusConfig, SpanExporterConfig, TranslationStrategy};
use mplp_trace::exporters::jaeger::{JaegerConfig, JaegerExporter};

use crate::support::{at, load, load_with_warnings, problems};

const EXPORTERS: &str = "opentelemetry.tracing.exporters";

fn jaeger_of(config: &TraceConfig) -> Option<&JaegerConfig> {
    match &config.opentelemetry.tracing.exporters.destination("jaeger")?.config {
        SpanExporterConfig::Jaeger(jaeger) => Some(jaeger),
        _ => None,
    }
}

#[test]
fn jaeger_is_spoken_to_as_its_endpoint_says() {
    for (endpoint, protocol) in [
        ("http://j:4318/v1/traces", "OTLP over HTTP"),
        ("http://j:4318", "OTLP over HTTP"),
        ("https://gateway/ingest?tenant=a", "OTLP over HTTP"),
        ("http://j:4317", "OTLP over gRPC"),
        ("grpc://j:9", "OTLP over gRPC"),
        ("http://j:14268/api/traces", "Thrift over HTTP"),
        ("udp://j:6831", "Thrift in UDP datagrams"),
        ("agent", "Thrift in UDP datagrams"),
    ] {
        let text = at(EXPORTERS, &format!("jaeger: {{endpoint: '{endpoint}'}}"));
        let (config, warnings) = load_with_warnings(&text, &[]);
        let jaeger = jaeger_of(&config).unwrap();
        assert_eq!(JaegerExporter::new(jaeger).unwrap().protocol_name(), protocol, "{endpoint}");
        assert!(warnings.is_empty(), "{warnings:?}");
        let config = load("", &[("JAEGER_ENDPOINT", endpoint)]);
        assert_eq!(jaeger_of(&config).unwrap().endpoint.expose(), endpoint);
    }
}

#[test]
fn spans_do_not_go_to_one_place_twice() {
    let both = |otlp: &str, jaeger: &str| {
        at(EXPORTERS, &format!("otlp: {{endpoint: '{otlp}'}}\njaeger: {{endpoint: '{jaeger}'}}"))
    };
    for (otlp, jaeger, kept, warned) in [
        ("http://localhost:4318/v1/traces", "http://127.0.0.1:4318", false, true),
        ("http://gw/a", "http://GW/a", false, true),
        ("http://gw/a", "http://gw/b", true, true),
        ("http://gw/a?t=1", "http://gw/a?t=2", true, true),
        ("http://gw:1/a", "http://gw:2/a", true, false),
        ("http://x/a", "http://y/a", true, false),
        ("http://j:4318/v1/traces", "udp://j:6831", true, true),
        ("http://localhost:4318/v1/traces", "http://127.0.0.1:14268", true, true),
    ] {
        let (config, warnings) = load_with_warnings(&both(otlp, jaeger), &[]);
        assert!(config.opentelemetry.tracing.exporters.otlp.is_some());
        assert_eq!(jaeger_of(&config).is_some(), kept, "{otlp} {jaeger}");
        assert_eq!(warnings.len(), usize::from(warned), "{otlp} {jaeger} {warnings:?}");
    }
}

fn authorization(text: &str, vars: &[(&str, &str)]) -> [Option<String>; 2] {
    let config = load(text, vars).opentelemetry;
    let traces = config.tracing.exporters.otlp.unwrap().config;
    let metrics = config.metrics.exporters.otlp.unwrap().destination.clone();
    [traces, metrics].map(|otlp| {
        let mut values = otlp.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let value = values.next().map(|(_, value)| value.expose().to_owned());
        assert!(values.next().is_none(), "one header at most");
        value
    })
}

#[test]
fn traces_and_metrics_share_the_token_unless_told_otherwise() {
    let both = |traces: &str, metrics: &str| {
        format!(
            "opentelemetry:\n  tracing: {{exporters: {{otlp: {{{traces}}}}}}}\n  metrics: {{exporters: {{otlp: {{{metrics}}}}}}}\n"
        )
    };
    let token = [("OTEL_AUTH_TOKEN", "t")];
    let t = Some("Bearer t".to_owned());
    let own = |s: &str| Some(s.to_owned());
    assert_eq!(authorization(&both("", ""), &[]), [None, None]);
    assert_eq!(authorization(&both("", ""), &[("OTEL_AUTH_TOKEN", "")]), [None, None]);
    assert_eq!(authorization(&both("", ""), &token), [t.clone(), t.clone()]);
    let basic = "headers: {authorization: Basic x}";
    assert_eq!(authorization(&both(basic, ""), &token), [own("Basic x"), t.clone()]);
    assert_eq!(authorization(&both(basic, ""), &[]), [own("Basic x"), own("Basic x")]);
    assert_eq!(authorization(&both("", basic), &token), [t, own("Basic x")]);
    // A token that was written for one host is not sent to another.
    let elsewhere = "endpoint: 'http://elsewhere/m'";
    assert_eq!(authorization(&both(basic, elsewhere), &[]), [own("Basic x"), None]);
}

#[test]
fn headers_are_checked() {
    let text = at(
        EXPORTERS,
        "otlp:\n  headers:\n    'bad name': x\n    X-A: é\n    x-b: one\n    X-B: two\n    x-c: 1\n    x-d: ${UNSET}",
    );
    let path = "opentelemetry.tracing.exporters.otlp.headers";
    assert_eq!(
        problems(&text, &[]),
        [
            format!("{path}.bad name is not a header name"),
            format!("{path}.x-b is given twice: header names have no case"),
            format!("{path}.x-c is not text: put it in quotes"),
        ]
    );
}

#[test]
fn a_token_with_a_line_break_is_refused_unseen() {
    let text = at(EXPORTERS, "otlp: {}");
    let found = problems(&text, &[("OTEL_AUTH_TOKEN", "hunter2\r\nX-Evil: 1")]);
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("OTEL_AUTH_TOKEN") && !found[0].contains("hunter2"), "{found:?}");
}

#[test]
fn a_page_shows_names_and_labels_as_configured() {
    let page = |text: &str| {
        let text = at("opentelemetry.metrics.exporters.prometheus", text);
        load(&text, &[]).opentelemetry.metrics.exporters.prometheus.unwrap()
    };
    assert_eq!(page("port: 9090"), PrometheusConfig::default());
    let expected = PrometheusConfig {
        translation_strategy: TranslationStrategy::NoUtf8EscapingWithSuffixes,
        scope_labels: false,
        target_info: false,
        created_lines: false,
        ..PrometheusConfig::default()
    };
    let text = "translation_strategy: NoUTF8EscapingWithSuffixes\nscopeLabels: false\ntarget_info: false\n\
                createdLines: false";
    assert_eq!(page(text), expected);
    let found = problems(
        &at("opentelemetry.metrics.exporters.prometheus", "translationStrategy: none\nscopeLabel: true"),
        &[],
    );
    assert!(found.iter().any(|p| p.contains("allowed: UnderscoreEscapingWithSuffixes, ")), "{found:?}");
    assert!(found.iter().any(|p| p.contains("scopeLabels")), "{found:?}");
}

#[test]
fn a_page_has_a_path() {
    let text = |path: &str| at("opentelemetry.metrics.exporters.prometheus", &format!("endpoint: '{path}'"));
    for bad in ["metrics", "http://h/metrics", "/a b", "/m?x", "/m#x", "*"] {
        let found = problems(&text(bad), &[]);
        assert!(found[0].contains("allowed: a path that begins with /"), "{bad} {found:?}");
    }
    assert_eq!(
        load(&text("/a/b-c"), &[]).opentelemetry.metrics.exporters.prometheus.unwrap().endpoint,
        "/a/b-c"
    );
}
