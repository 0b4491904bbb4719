//! The configuration of the user's document, letter by letter.

use mplp_trace::config::{Compression, Format, ModelType, TraceConfig};

use crate::support::{load, load_as};

/// `process.env.X` of the document stands as `${X}`.
const SEED: &str = r##"{
  "opentelemetry": {
    "service": {
      "name": "mplp-enterprise-api", "version": "1.0.0-alpha", "namespace": "mplp",
      "environment": "${NODE_ENV:-production}"
    },
    "tracing": {
      "enabled": true,
      "exporters": {
        "otlp": {
          "enabled": true,
          "endpoint": "${OTEL_EXPORTER_OTLP_TRACES_ENDPOINT}",
          "headers": {"Authorization": "Bearer ${OTEL_AUTH_TOKEN}"}
        },
        "jaeger": {"enabled": true, "endpoint": "${JAEGER_ENDPOINT}"}
      }
    },
    "metrics": {
      "enabled": true,
      "exporters": {
        "prometheus": {"enabled": true, "endpoint": "/metrics", "port": 9090},
        "otlp": {"enabled": true, "endpoint": "${OTEL_EXPORTER_OTLP_METRICS_ENDPOINT}"}
      }
    }
  },
  "anomalyDetection": {
    "enabled": true,
    "aiModel": {"modelType": "isolation_forest", "confidenceThreshold": 0.8}
  },
  "alerting": {
    "enabled": true,
    "notifications": {
      "slack": {"enabled": true, "webhookUrl": "${SLACK_WEBHOOK_URL}", "channel": "#monitoring"},
      "email": {"enabled": true, "smtpServer": "${SMTP_SERVER}", "fromAddress": "monitoring@mplp.dev"}
    }
  }
}"##;

#[test]
fn the_document_s_configuration_loads_with_its_environment() {
    let (config, warnings) = load_as(
        SEED,
        Format::Json,
        &[
            ("NODE_ENV", "staging"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://otel.example/v1/traces"),
            ("OTEL_AUTH_TOKEN", "t0ken"),
            ("JAEGER_ENDPOINT", "http://jaeger:4318"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://otel.example/v1/metrics"),
            ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T/B/x"),
            ("SMTP_SERVER", "smtp.example.org"),
        ],
    )
    .unwrap();

    let otel = &config.opentelemetry;
    assert_eq!(otel.service.name, "mplp-enterprise-api");
    assert_eq!(otel.service.version.as_deref(), Some("1.0.0-alpha"));
    assert_eq!(otel.service.namespace.as_deref(), Some("mplp"));
    assert_eq!(otel.service.environment, "staging");
    assert!(otel.tracing.enabled && otel.metrics.enabled);
    assert_eq!(otel.tracing.sampling_rate, 1.0);

    let otlp = otel.tracing.exporters.otlp.as_ref().unwrap();
    assert_eq!(otlp.endpoint.as_str(), "https://otel.example/v1/traces");
    assert_eq!(otlp.headers["Authorization"].expose(), "Bearer t0ken");
    assert_eq!((otlp.compression, otlp.timeout.as_millis()), (Compression::Gzip, 10_000));
    let jaeger = otel.tracing.exporters.destination("jaeger").unwrap();
    assert_eq!(jaeger.config.address(), "http://jaeger:4318");

    let prometheus = otel.metrics.exporters.prometheus.as_ref().unwrap();
    assert_eq!((prometheus.endpoint.as_str(), prometheus.port), ("/metrics", 9090));
    let metrics = otel.metrics.exporters.otlp.as_ref().unwrap();
    assert_eq!(metrics.destination.endpoint.as_str(), "https://otel.example/v1/metrics");
    assert_eq!(metrics.destination.headers["Authorization"].expose(), "Bearer t0ken");
    assert_eq!(metrics.interval.as_secs(), 60);

    assert!(config.anomaly_detection.enabled);
    assert_eq!(config.anomaly_detection.ai_model.model_type, ModelType::IsolationForest);
    assert_eq!(config.anomaly_detection.ai_model.confidence_threshold, 0.8);
    assert_eq!(config.anomaly_detection.ai_model.false_alarm_rate, 0.01);

    let slack = config.alerting.notifications.slack.as_ref().unwrap();
    assert_eq!(slack.channel.as_deref(), Some("#monitoring"));
    assert_eq!(config.alerting.notifications.email, None);
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["alerting.notifications.email: no recipient: set toAddresses; the channel is off"]);
}

#[test]
fn the_document_s_configuration_loads_with_an_empty_environment() {
    let (config, warnings) = load_as(SEED, Format::Json, &[]).unwrap();
    let otel = &config.opentelemetry;
    assert_eq!(otel.service.environment, "production");
    assert_eq!(otel.tracing.sampling_rate, 0.1);
    let otlp = otel.tracing.exporters.otlp.as_ref().unwrap();
    assert_eq!(otlp.endpoint.as_str(), "http://localhost:4318/v1/traces");
    assert!(otlp.headers.is_empty(), "no header of half a token");
    let warned: Vec<_> = warnings.iter().map(|w| w.path.as_str()).collect();
    assert_eq!(
        warned,
        [
            "opentelemetry.tracing.exporters.jaeger",
            "alerting.notifications.slack",
            "alerting.notifications.email",
            "alerting.notifications.email"
        ]
    );
    assert_eq!(otel.tracing.exporters.destination("jaeger"), None);
}

#[test]
fn nothing_at_all_gives_the_defaults() {
    for text in ["", "{}", "opentelemetry:\nalerting: {}\n"] {
        assert_eq!(load(text, &[]), TraceConfig::default(), "{text:?}");
    }
    let config = TraceConfig::default();
    assert_eq!(config.opentelemetry.service.name, "mplp-trace");
    assert_eq!(config.opentelemetry.tracing.sampling_rate, 0.1);
    assert_eq!(config.opentelemetry.tracing.exporters.otlp, None);
    assert_eq!(config.alerting.deduplication_window.as_secs(), 300);
    assert_eq!((config.server.host.as_str(), config.server.port), ("127.0.0.1", 3000));
    assert_eq!(config.store.max_bytes, 64 * 1024 * 1024);
}

/// Every key, none at its default.
const FULL: &str = r##"
opentelemetry:
  service: {name: api, version: "1.10", namespace: ns, environment: dev}
  tracing:
    enabled: true
    sampling_rate: 0.5
    exporters:
      otlp:
        enabled: true
        endpoint: http://a:4318/x
        headers: {X-Scope: s}
        compression: none
        timeout_ms: 500
      jaeger: {endpoint: "http://jaeger:4318"}
      console: {enabled: true}
  metrics:
    enabled: false
    exporters:
      prometheus: {endpoint: /m, port: 0}
      otlp: {endpoint: "http://b:4318/m", interval_ms: 5000, timeoutMs: 600}
anomaly_detection:
  enabled: false
  ai_model: {model_type: isolation_forest, confidence_threshold: 0.9, false_alarm_rate: 0.001}
alerting:
  enabled: false
  deduplication_window: 90s
  notifications:
    slack: {webhook_url: "http://127.0.0.1:9/x", channel: "#a"}
    email:
      smtp_server: mail:465
      from_address: Ops <ops@example.org>
      to_addresses: [a@example.org, b@example.org]
      username: u
      password: p
      tls: implicit
    console: {}
  routes:
    - {severity: ">=high", types: [sla_violation, own_type], channels: [slack, email], to_addresses: [c@example.org], slack_channel: "#b"}
    - {channels: console}
server: {host: "::1", port: 0}
store: {max_bytes: 2000000}
"##;

#[test]
fn both_spellings_of_every_key_give_the_same() {
    // camelCase: what serialization writes. snake_case: FULL.
    let snake = load(FULL, &[]);
    let mut camel = String::with_capacity(FULL.len());
    let mut chars = FULL.chars();
    while let Some(c) = chars.next() {
        match c {
            '_' => camel.extend(chars.next().map(|c| c.to_ascii_uppercase())),
            _ => camel.push(c),
        }
    }
    let camel = camel
        .replace("isolationForest", "isolation_forest")
        .replace("slaViolation", "sla_violation")
        .replace("ownType", "own_type");
    assert!(camel.contains("samplingRate") && camel.contains("smtpServer"));
    assert_eq!(load(&camel, &[]), snake);
}

#[test]
fn what_is_serialized_loads_again_as_the_same() {
    let config = load(FULL, &[]);
    assert_ne!(config.opentelemetry, TraceConfig::default().opentelemetry);
    let json = serde_json::to_string(&config).unwrap();
    // A webhook URL is not an address once it is masked.
    let json = json.replacen("\"webhookUrl\":\"***\"", "\"webhookUrl\":\"http://127.0.0.1:9/x\"", 1);
    let (again, warnings) = load_as(&json, Format::Json, &[]).unwrap();
    assert_eq!(serde_json::to_value(&again).unwrap(), serde_json::to_value(&config).unwrap());
    assert!(warnings.is_empty(), "{warnings:?}");
}
