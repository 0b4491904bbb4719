//! `opentelemetry.logs`: the file wins, then the variables of the specification.

use std::time::Duration;

use mplp_trace::config::{LogExporterConfig, LogsConfig};
use mplp_trace::core::pipeline::DestinationConfig;
use trace_core::env::LogLevel;

use crate::support::{at, load, load_with_warnings, problems};

fn logs(body: &str, vars: &[(&str, &str)]) -> LogsConfig {
    let text = if body.is_empty() { String::new() } else { at("opentelemetry.logs", body) };
    load(&text, vars).opentelemetry.logs
}

#[test]
fn without_anything_nothing_is_exported() {
    let logs = logs("", &[]);
    assert_eq!(logs, LogsConfig::default());
    assert!(logs.enabled && logs.exporters.otlp.is_none() && logs.exporters.console.is_none());
    assert_eq!(logs.level, LogLevel::Info);
}

#[test]
fn the_file_names_level_destinations_batches_and_limits() {
    let body = "level: warn\nexporters: {otlp: {endpoint: 'http://c:4318/v1/logs'}, otlpFile: {path: /tmp/l.jsonl}, console: {}}\n\
                batch: {maxBatchSize: 7}\nlimits: {attributes: 3}";
    let logs =
        logs(body, &[("OTEL_BLRP_SCHEDULE_DELAY", "200"), ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "9")]);
    assert_eq!(logs.level, LogLevel::Warn);
    assert_eq!(logs.exporters.otlp.as_ref().unwrap().endpoint.as_str(), "http://c:4318/v1/logs");
    let file = &logs.exporters.destination("otlpFile").unwrap().config;
    assert!(matches!(file, LogExporterConfig::OtlpFile(f) if f.max_file_bytes == 64 << 20), "{file:?}");
    assert!(logs.exporters.console.is_some());
    let fed = logs.batch.apply_to(DestinationConfig::default());
    assert_eq!((fed.max_batch, fed.max_delay), (7, Duration::from_millis(200)));
    assert_eq!(logs.limits.limits().attributes, 3);
}

#[test]
fn variables_turn_destinations_on_and_off() {
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
    let endpoint =
        |vars: &[(&str, &str)]| logs("", vars).exporters.otlp.map(|o| o.endpoint.as_str().to_owned());
    assert_eq!(endpoint(&[base]).as_deref(), Some("http://c:4318/v1/logs"));
    let own = ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://l/x");
    assert_eq!(endpoint(&[base, own]).as_deref(), Some("http://l/x"));
    assert_eq!(endpoint(&[base, ("OTEL_LOGS_EXPORTER", "none")]), None);
    assert_eq!(endpoint(&[("OTEL_LOGS_EXPORTER", "otlp")]).as_deref(), Some("http://localhost:4318/v1/logs"));
    assert!(logs("", &[("OTEL_LOGS_EXPORTER", "console")]).exporters.console.is_some());
    assert!(!logs("", &[base, ("OTEL_SDK_DISABLED", "true")]).enabled);
    let (_, warnings) = load_with_warnings("", &[("OTEL_LOGS_EXPORTER", "fluentd")]);
    assert!(warnings[0].contains("fluentd"), "{warnings:?}");
}

#[test]
fn a_token_is_sent_to_the_same_host_alone() {
    let both = |host: &str| {
        at(
            "opentelemetry",
            &format!(
                "tracing: {{exporters: {{otlp: {{endpoint: 'http://c/t', headers: {{Authorization: Bearer x}}}}}}}}\n\
                 logs: {{exporters: {{otlp: {{endpoint: 'http://{host}/l'}}}}}}"
            ),
        )
    };
    let headers = |host| load(&both(host), &[]).opentelemetry.logs.exporters.otlp.unwrap().headers.len();
    assert_eq!((headers("c"), headers("other")), (1, 0));
}

#[test]
fn what_cannot_work_is_named_by_its_path() {
    let of = |body: &str| problems(&at("opentelemetry.logs", body), &[]).join("\n");
    assert!(of("level: loud").contains("opentelemetry.logs.level"));
    assert!(
        of("exporters: {otlpFile: {}}").contains("opentelemetry.logs.exporters.otlpFile.path is missing")
    );
    assert!(of("exporters: {otlpfile: {path: x}}").contains("did you mean otlpFile?"));
    let bounds = "exporters: {otlpFile: {path: a.jsonl, maxFileBytes: 4096, maxTotalBytes: 2048}}";
    assert!(of(bounds).contains("maxFileBytes"));
}
