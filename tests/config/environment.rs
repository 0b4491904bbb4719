//! What environment variables do.

use mplp_trace::config::TraceConfig;
use serde_json::{Value, json};

use crate::support::{at, load, load_as, load_with_warnings, problems};
use mplp_trace::config::Format;

fn seen(config: &TraceConfig, pointer: &str) -> Value {
    serde_json::to_value(config).unwrap().pointer(pointer).cloned().unwrap_or(Value::Null)
}

#[test]
fn every_variable_fills_its_key_and_the_file_wins() {
    let otlp = "opentelemetry.tracing.exporters.otlp";
    let jaeger = "opentelemetry.tracing.exporters.jaeger";
    let metrics = "opentelemetry.metrics.exporters.otlp";
    // variable, its value, section, key in the file, pointer, from the variable, from the file
    let table = [
        (
            "OTEL_SERVICE_NAME",
            "e",
            "opentelemetry.service",
            "name: f",
            "/opentelemetry/service/name",
            json!("e"),
            json!("f"),
        ),
        (
            "NODE_ENV",
            "e",
            "opentelemetry.service",
            "environment: f",
            "/opentelemetry/service/environment",
            json!("e"),
            json!("f"),
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://e/t",
            otlp,
            "endpoint: http://f/t",
            "/opentelemetry/tracing/exporters/otlp/endpoint",
            json!("http://e/t"),
            json!("http://f/t"),
        ),
        (
            "JAEGER_ENDPOINT",
            "http://e:4318/v1/traces",
            jaeger,
            "endpoint: http://f/t",
            "/opentelemetry/tracing/exporters/jaeger/endpoint",
            json!("http://e:4318/v1/traces"),
            json!("http://f/t"),
        ),
        (
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            "http://e/m",
            metrics,
            "endpoint: http://f/m",
            "/opentelemetry/metrics/exporters/otlp/endpoint",
            json!("http://e/m"),
            json!("http://f/m"),
        ),
        ("PORT", "8080", "server", "port: 81", "/server/port", json!(8080), json!(81)),
    ];
    for (name, value, section, line, pointer, from_env, from_file) in table {
        let vars = [(name, value)];
        assert_eq!(seen(&load("", &vars), pointer), from_env, "{name} alone");
        assert_eq!(seen(&load(&at(section, line), &vars), pointer), from_file, "{name} with a file");
        assert_eq!(load("", &[(name, "")]), TraceConfig::default(), "{name} empty is unset");
    }
}

#[test]
fn the_slack_url_and_the_mail_server_come_from_the_environment() {
    let vars = [("SLACK_WEBHOOK_URL", "https://h/e"), ("SMTP_SERVER", "e:25")];
    let config = load("", &vars);
    assert_eq!(config.alerting.notifications.slack.unwrap().webhook_url.expose(), "https://h/e");
    // A server alone says nothing of sender and recipients: mail needs its section.
    assert_eq!(config.alerting.notifications.email, None);

    let section = "slack: {webhookUrl: 'https://h/f'}\nemail: {fromAddress: a@b, toAddresses: c@d}";
    let config = load(&at("alerting.notifications", section), &vars);
    assert_eq!(config.alerting.notifications.slack.unwrap().webhook_url.expose(), "https://h/f");
    assert_eq!(config.alerting.notifications.email.unwrap().smtp_server.to_string(), "e:25");
}

#[test]
fn an_exporter_that_the_file_turns_off_stays_off() {
    let vars = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "not an address"),
        ("JAEGER_ENDPOINT", "not an address"),
        ("SLACK_WEBHOOK_URL", "not an address"),
    ];
    let off = "{enabled: false}";
    let text = format!(
        "{}{}",
        at("opentelemetry.tracing.exporters", &format!("otlp: {off}\njaeger: {off}")),
        at("alerting.notifications", &format!("slack: {off}"))
    );
    let (config, warnings) = load_with_warnings(&text, &vars);
    assert_eq!(
        config.opentelemetry.tracing.exporters,
        TraceConfig::default().opentelemetry.tracing.exporters
    );
    assert_eq!(config.alerting.notifications.slack, None);
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn the_environment_decides_the_sampling_rate_unless_the_file_does() {
    for (node_env, file, rate) in [
        (None, "", 0.1),
        (Some("production"), "", 0.1),
        (Some("Production"), "", 0.1),
        (Some("development"), "", 1.0),
        (Some("development"), "service: {environment: production}", 0.1),
        (Some("production"), "service: {environment: test}", 1.0),
        (Some("production"), "tracing: {samplingRate: 0.7}", 0.7),
    ] {
        let vars: Vec<_> = node_env.map(|v| ("NODE_ENV", v)).into_iter().collect();
        let text = if file.is_empty() { String::new() } else { at("opentelemetry", file) };
        assert_eq!(load(&text, &vars).opentelemetry.tracing.sampling_rate, rate, "{node_env:?} {file}");
    }
}

#[test]
fn the_kill_switch_wins_over_the_file() {
    let text = at("opentelemetry", "tracing: {enabled: true}\nmetrics: {enabled: true}");
    for (value, enabled, warned) in
        [("true", false, 0), ("TRUE", false, 0), ("false", true, 0), ("", true, 0), ("1", true, 1)]
    {
        let (config, warnings) = load_with_warnings(&text, &[("OTEL_SDK_DISABLED", value)]);
        assert_eq!(config.opentelemetry.tracing.enabled, enabled, "{value}");
        assert_eq!(config.opentelemetry.metrics.enabled, enabled, "{value}");
        assert_eq!(warnings.len(), warned, "{value}: {warnings:?}");
    }
}

#[test]
fn a_bad_variable_is_named() {
    assert_eq!(
        problems("", &[("PORT", "http"), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318")]),
        [
            "opentelemetry.tracing.exporters.otlp.endpoint (from OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) is \
             \"collector:4318\"; allowed: a URL that begins with http:// or https://",
            "server.port (from PORT) is \"http\"; allowed: a whole number from 0 to 65535",
        ]
    );
}

#[test]
fn a_lone_variable_stands_for_a_number_or_a_boolean() {
    let text = at(
        "opentelemetry.tracing",
        "enabled: ${ON}\nsamplingRate: ${RATE:-0.25}\nexporters: {console: {enabled: '${OFF}'}}",
    );
    let config = load(&text, &[("ON", "false"), ("OFF", "True")]);
    assert!(!config.opentelemetry.tracing.enabled);
    assert_eq!(config.opentelemetry.tracing.sampling_rate, 0.25);
    assert!(config.opentelemetry.tracing.exporters.console.is_some());
}

#[test]
fn a_variable_that_looks_like_a_number_stays_text_where_text_is_wanted() {
    let config = load(&at("opentelemetry.service", "version: ${V}"), &[("V", "1.10")]);
    assert_eq!(config.opentelemetry.service.version.as_deref(), Some("1.10"));
}

#[test]
fn a_value_cannot_add_keys() {
    let vars = [("NAME", "x, environment: hacked}"), ("SECTION", "{name: x}")];
    let config = load(&at("opentelemetry", "service: {name: \"${NAME}\"}"), &vars);
    assert_eq!(config.opentelemetry.service.name, "x, environment: hacked}");
    assert_eq!(
        problems(&at("opentelemetry", "service: ${SECTION}"), &vars),
        ["opentelemetry.service is text; allowed: a section"]
    );
    let quote =
        load_as(r#"{"opentelemetry":{"service":{"name":"${N}"}}}"#, Format::Json, &[("N", "a\",\"b")]);
    assert_eq!(quote.unwrap().0.opentelemetry.service.name, "a\",\"b");
}

#[test]
fn a_list_may_come_from_one_variable() {
    let text = at("alerting.notifications.email", "smtpServer: m\nfromAddress: a@b\ntoAddresses: ${TO}");
    let config = load(&text, &[("TO", "x@y, z@y,")]);
    let to = config.alerting.notifications.email.unwrap().to_addresses;
    assert_eq!(to.iter().map(|a| a.as_str()).collect::<Vec<_>>(), ["x@y", "z@y"]);
}

#[test]
fn exemplars_and_limits_of_events_and_links_come_from_file_or_environment() {
    let vars = [("OTEL_METRICS_EXEMPLAR_FILTER", "always_off"), ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "3")];
    let config = load(&at("opentelemetry.tracing", "limits: {linkAttributes: 4}"), &vars);
    let limits = config.opentelemetry.tracing.limits.apply_to(trace_core::record::SpanLimits::default());
    assert_eq!((limits.event_attributes, limits.link_attributes), (3, 4));
    use trace_core::metric::ExemplarFilter::{AlwaysOff, AlwaysOn};
    assert_eq!(config.opentelemetry.metrics.exemplar_filter, AlwaysOff);
    let config = load(&at("opentelemetry.metrics", "exemplarFilter: always_on\nsystem: true"), &vars);
    assert_eq!(config.opentelemetry.metrics.exemplar_filter, AlwaysOn);
    assert!(config.opentelemetry.metrics.system);
}
