//! What the variables of the OpenTelemetry specification do: the file wins, and a bad value is a warning.

use mplp_trace::core::pipeline::DestinationConfig;
use mplp_trace::core::record::SpanLimits;
use std::time::Duration;

use crate::support::{at, load, load_with_warnings};

#[test]
fn batches_and_limits_come_from_the_file_else_from_the_environment() {
    let vars = [
        ("OTEL_BSP_SCHEDULE_DELAY", "200"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "50"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "0"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "10"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "20"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
    ];
    let tracing = load("", &vars).opentelemetry.tracing;
    let fed = tracing.batch.apply_to(DestinationConfig::default());
    assert_eq!((fed.max_delay, fed.timeout), (Duration::from_millis(200), Duration::MAX));
    assert_eq!((fed.queue_records, fed.max_batch), (100, 50));
    let limits = tracing.limits.apply_to(SpanLimits::default());
    assert_eq!((limits.attributes, limits.events, limits.links), (10, 20, 128));
    let text = at("opentelemetry.tracing", "batch: {maxBatchSize: 7}\nlimits: {attributes: 3}");
    let tracing = load(&text, &vars).opentelemetry.tracing;
    let fed = tracing.batch.apply_to(DestinationConfig::default());
    assert_eq!((fed.max_batch, fed.queue_records), (7, 100));
    assert_eq!(tracing.limits.apply_to(SpanLimits::default()).attributes, 3);
    let text = at("opentelemetry.metrics.exporters.otlp", "enabled: true");
    let otlp = load(&text, &vars).opentelemetry.metrics.exporters.otlp.unwrap();
    assert_eq!(otlp.interval, Duration::from_secs(5));
}

#[test]
fn a_value_that_cannot_be_used_is_a_warning_and_the_default_stays() {
    let vars = [("OTEL_BSP_MAX_QUEUE_SIZE", "-5"), ("OTEL_RESOURCE_ATTRIBUTES", "a=%zz")];
    let (config, warnings) = load_with_warnings("", &vars);
    assert_eq!(config, load("", &[]));
    let variables: Vec<_> = warnings.iter().filter_map(|w| w.split(':').next()).collect();
    assert_eq!(variables, ["OTEL_RESOURCE_ATTRIBUTES", "OTEL_BSP_MAX_QUEUE_SIZE"]);
}

#[test]
fn the_resource_is_that_of_the_environment_with_the_file_on_top() {
    let vars = [("OTEL_RESOURCE_ATTRIBUTES", "service.name=env,team=blue,k8s.pod.name=p%2C1")];
    let config = load(&at("opentelemetry.resource", "attributes: {team: red}\ndetectors: [os]"), &vars);
    assert_eq!(config.opentelemetry.service.name, "env");
    let resource = config.opentelemetry.resource;
    assert_eq!(resource.attributes["team"], "red");
    assert_eq!(resource.attributes["k8s.pod.name"], "p,1");
    assert!(!resource.attributes.contains_key("service.name"));
    assert_eq!(resource.detectors.len(), 1);
    let named = [vars[0], ("OTEL_SERVICE_NAME", "wins")];
    assert_eq!(load("", &named).opentelemetry.service.name, "wins");
}

#[test]
fn exporters_are_chosen_by_variable_unless_the_file_says_so() {
    let endpoint = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://e/t");
    let on = |vars: &[(&str, &str)]| {
        let exporters = load("", vars).opentelemetry.tracing.exporters;
        (exporters.otlp.is_some(), exporters.console.is_some())
    };
    assert_eq!(on(&[("OTEL_TRACES_EXPORTER", "otlp,console")]), (true, true));
    assert_eq!(on(&[endpoint]), (true, false));
    assert_eq!(on(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]), (false, false));
    assert_eq!(on(&[endpoint, ("OTEL_TRACES_EXPORTER", "console")]), (false, true));
    let file = at("opentelemetry.tracing.exporters", "otlp: {endpoint: 'http://f/t'}");
    let kept = load(&file, &[("OTEL_TRACES_EXPORTER", "none")]);
    assert!(kept.opentelemetry.tracing.exporters.otlp.is_some(), "the file wins");
    let (config, warnings) = load_with_warnings(
        "",
        &[("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_METRICS_EXPORTER", "prometheus")],
    );
    assert!(config.opentelemetry.metrics.exporters.prometheus.is_some());
    assert!(warnings[0].contains("\"zipkin\""), "{warnings:?}");
}
