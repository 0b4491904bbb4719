//! What the variables of the OpenTelemetry specification do: the file wins, and a bad value is a warning.

use mplp_trace::config::Compression;
use mplp_trace::core::pipeline::DestinationConfig;
use mplp_trace::core::record::SpanLimits;
use mplp_trace::exporters::otlp::Protocol;
use std::time::Duration;
use trace_core::env::LogLevel;
use trace_core::metric::TemporalityPreference;
use trace_core::propagate::Propagator as _;

use crate::support::{at, load, load_with_warnings, problems};

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
    let (config, warnings) =
        load_with_warnings("", &[("OTEL_TRACES_EXPORTER", "xray"), ("OTEL_METRICS_EXPORTER", "prometheus")]);
    assert!(config.opentelemetry.metrics.exporters.prometheus.is_some());
    assert!(warnings[0].contains("\"xray\""), "{warnings:?}");
}

const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318/p/?tenant=a");

#[test]
fn the_general_endpoint_serves_both_signals_below_itself_and_a_signals_own_wins() {
    let config = load("", &[BASE, ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://m/x")]);
    let traces = config.opentelemetry.tracing.exporters.otlp.unwrap();
    assert_eq!(traces.endpoint.as_str(), "http://base:4318/p/v1/traces?tenant=a");
    let metrics = config.opentelemetry.metrics.exporters.otlp.unwrap();
    assert_eq!(metrics.destination.endpoint.as_str(), "http://m/x");
    let text = at("opentelemetry.tracing.exporters", "otlp: {endpoint: 'http://f/t'}");
    let kept = load(&text, &[BASE]).opentelemetry.tracing.exporters.otlp.unwrap();
    assert_eq!(kept.endpoint.as_str(), "http://f/t");
}

#[test]
fn headers_compression_timeout_and_certificate_come_from_the_file_else_from_the_environment() {
    let vars = [
        BASE,
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b,authorization=Basic%20hunter2"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x=1"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "NONE"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "700"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/client.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"),
        ("OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", "/metrics.pem"),
        ("OTEL_AUTH_TOKEN", "token"),
    ];
    let otel = load("", &vars).opentelemetry;
    let traces = otel.tracing.exporters.otlp.unwrap();
    let sent = |headers: &std::collections::BTreeMap<String, mplp_trace::config::Secret>| {
        headers.iter().map(|(k, v)| format!("{k}: {}", v.expose())).collect::<Vec<_>>()
    };
    assert_eq!(sent(&traces.headers), ["api-key: a b", "authorization: Basic hunter2"]);
    assert_eq!((traces.compression, traces.timeout), (Compression::None, Duration::MAX));
    let files = |o: &mplp_trace::config::OtlpConfig| {
        [&o.ca_certificate, &o.client_certificate, &o.client_key].map(|f| f.clone().unwrap_or_default())
    };
    assert_eq!(files(&traces), ["/ca.pem", "/client.pem", "/key.pem"]);
    assert_eq!(serde_json::to_value(&traces).unwrap()["timeoutMs"], 0);
    let metrics = otel.metrics.exporters.otlp.unwrap().destination.clone();
    assert_eq!(sent(&metrics.headers), ["Authorization: Bearer token", "x: 1"]);
    assert_eq!(metrics.timeout, Duration::from_millis(700));
    assert_eq!(files(&metrics), ["/ca.pem", "/client.pem", "/metrics.pem"]);

    let file = "otlp: {headers: {API-KEY: file}, compression: gzip, timeoutMs: 5, caCertificate: /own.pem}";
    let text = at("opentelemetry.tracing.exporters", file);
    let traces = load(&text, &vars).opentelemetry.tracing.exporters.otlp.unwrap();
    assert_eq!(sent(&traces.headers), ["API-KEY: file", "authorization: Basic hunter2"]);
    assert_eq!((traces.compression, traces.timeout), (Compression::Gzip, Duration::from_millis(5)));
    assert_eq!(traces.ca_certificate.as_deref(), Some("/own.pem"));
}

#[test]
fn what_otlp_cannot_do_here_is_a_warning_that_shows_no_secret() {
    let vars = [
        BASE,
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier pigeon"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "brotli"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "-1"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "hunter2"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "bad name=hunter2"),
    ];
    let (config, warnings) = load_with_warnings("", &vars);
    let traces = config.opentelemetry.tracing.exporters.otlp.unwrap();
    assert_eq!((traces.compression, traces.timeout), (Compression::Gzip, Duration::from_secs(10)));
    assert!(!warnings.concat().contains("hunter2"), "{warnings:?}");
    for variable in &vars[1..] {
        assert!(warnings.iter().any(|w| w.starts_with(variable.0)), "{variable:?} {warnings:?}");
    }
    let off = at("opentelemetry.tracing.exporters", "otlp: {enabled: false}")
        + "  metrics: {exporters: {otlp: {enabled: false}}}\n  logs: {exporters: {otlp: {enabled: false}}}\n";
    assert_eq!(load_with_warnings(&off, &vars).1, Vec::<String>::new(), "what is off is not looked at");
}

#[test]
fn how_metrics_are_collected_comes_from_the_file_else_from_the_environment() {
    let vars = [
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Delta"),
        ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "250"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
        ("OTEL_METRICS_EXPORTER", "otlp,console,prometheus"),
        ("OTEL_EXPORTER_PROMETHEUS_HOST", "0.0.0.0"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "9464"),
    ];
    let metrics = load("", &vars).opentelemetry.metrics;
    assert!(metrics.exponential_histograms && metrics.exporters.console.is_some());
    assert_eq!(metrics.export_timeout, Some(Duration::from_millis(250)));
    assert_eq!(metrics.interval, Duration::from_secs(5));
    let otlp = metrics.exporters.otlp.unwrap();
    assert_eq!((otlp.temporality, otlp.interval), (TemporalityPreference::Delta, Duration::from_secs(5)));
    let page = metrics.exporters.prometheus.unwrap();
    assert_eq!((page.host.as_deref(), page.port), (Some("0.0.0.0"), 9464));

    let file = "exponentialHistograms: false\nintervalMs: 1000\nexportTimeoutMs: 0\n\
                exporters: {otlp: {temporality: lowmemory, intervalMs: 2000}, prometheus: {port: 1, host: h}}";
    let metrics = load(&at("opentelemetry.metrics", file), &vars).opentelemetry.metrics;
    assert!(!metrics.exponential_histograms);
    assert_eq!((metrics.interval, metrics.export_timeout), (Duration::from_secs(1), Some(Duration::MAX)));
    let otlp = metrics.exporters.otlp.unwrap();
    assert_eq!((otlp.temporality, otlp.interval), (TemporalityPreference::LowMemory, Duration::from_secs(2)));
    assert_eq!(metrics.exporters.prometheus.unwrap().port, 1);

    let (config, warnings) = load_with_warnings(
        &at("opentelemetry.metrics.exporters", "prometheus: {}"),
        &[("OTEL_EXPORTER_PROMETHEUS_PORT", "many"), ("OTEL_EXPORTER_PROMETHEUS_HOST", "a b")],
    );
    assert_eq!(config.opentelemetry.metrics.exporters.prometheus.unwrap().port, 9090);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[1].ends_with("; ignored") && warnings[1].contains("\"many\""), "{warnings:?}");
}

#[test]
fn the_log_level_and_the_header_formats_come_from_the_file_else_from_the_environment() {
    let vars = [("OTEL_LOG_LEVEL", "ERROR"), ("OTEL_PROPAGATORS", "b3, TraceContext,nonsense")];
    let (config, warnings) = load_with_warnings("", &vars);
    let otel = &config.opentelemetry;
    assert_eq!(
        (otel.log_level, &otel.propagators[..]),
        (LogLevel::Error, &["b3", "tracecontext", "nonsense"].map(str::to_owned)[..])
    );
    assert!(warnings[0].contains("\"nonsense\", which is unknown"), "{warnings:?}");
    assert_eq!(otel.propagator().fields(), ["b3", "traceparent", "tracestate"]);
    assert_eq!(serde_json::to_value(otel).unwrap()["logLevel"], "error");
    let (config, warnings) =
        load_with_warnings(&at("opentelemetry", "logLevel: debug\npropagators: [b3]"), &vars);
    assert_eq!((config.opentelemetry.log_level, warnings.len()), (LogLevel::Debug, 0), "{warnings:?}");
    assert_eq!(config.opentelemetry.propagator().fields(), ["b3"]);
    let said = load_with_warnings(&at("opentelemetry", "propagators: [what]"), &[]).1;
    assert!(said[0].starts_with("opentelemetry.propagators: the list names \"what\""), "{said:?}");
    let said = load_with_warnings("", &[("OTEL_CONFIG_FILE", "otel.yaml")]).1;
    assert!(said[0].starts_with("OTEL_CONFIG_FILE: is not read"), "{said:?}");
}

#[test]
fn a_certificate_of_the_client_needs_its_key() {
    let vars = [BASE, ("OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", "/key.pem")];
    let said = problems("", &vars);
    let expected = "opentelemetry.metrics.exporters.otlp needs clientCertificate and clientKey together";
    assert_eq!(said, [expected]);
}

#[test]
fn the_protocol_comes_from_the_file_else_from_the_environment() {
    let grpc = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://m/x"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "HTTP/JSON"),
        ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"),
    ];
    let otel = load("", &grpc).opentelemetry;
    let traces = otel.tracing.exporters.otlp.unwrap();
    assert_eq!((traces.protocol, traces.endpoint.as_str()), (Protocol::Grpc, "https://collector:4317"));
    let metrics = otel.metrics.exporters.otlp.unwrap();
    assert_eq!(metrics.destination.protocol, Protocol::HttpJson);
    assert_eq!(metrics.destination.endpoint.as_str(), "http://m/x", "as it is");
    let logs = otel.logs.exporters.otlp.unwrap();
    assert_eq!((logs.protocol, logs.endpoint.as_str()), (Protocol::Grpc, "https://collector:4317"));
    let alone = ("OTEL_METRICS_EXPORTER", "none");
    let insecure = [grpc[0], grpc[1], grpc[4], ("OTEL_EXPORTER_OTLP_INSECURE", "true"), alone];
    let endpoint = |vars: &[(&str, &str)], file: &str| {
        let text = at("opentelemetry.tracing.exporters", &format!("otlp: {{{file}}}"));
        load(&text, vars).opentelemetry.tracing.exporters.otlp.unwrap().endpoint.as_str().to_owned()
    };
    assert_eq!(endpoint(&insecure, ""), "http://collector:4317");
    assert_eq!(endpoint(&grpc, "insecure: true"), "http://collector:4317");
    assert_eq!(endpoint(&[], "protocol: grpc"), "http://localhost:4317");
    assert_eq!(endpoint(&[], "protocol: grpc, endpoint: 'grpcs://h:1'"), "https://h:1");
    assert_eq!(
        endpoint(&[], "endpoint: 'http://h:4318'"),
        "http://h:4318/v1/traces",
        "a file may leave out the path"
    );
    assert_eq!(endpoint(&grpc, "protocol: http/protobuf, endpoint: 'http://h/t'"), "http://h/t");
    let text =
        at("opentelemetry.tracing.exporters", "otlp: {protocol: grpc, endpoint: 'http://h/v1/traces'}");
    let said = problems(&text, &[]);
    assert!(said[0].contains("otlp.endpoint is") && said[0].contains("without a path"), "{said:?}");
}
