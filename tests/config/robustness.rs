//! No text makes reading panic.

use mplp_trace::config::{Format, TraceConfig};
use proptest::prelude::*;
use serde_json::{Map, Value};

const KEYS: &[&str] = &[
    "opentelemetry",
    "service",
    "name",
    "tracing",
    "metrics",
    "enabled",
    "samplingRate",
    "sampling_rate",
    "exporters",
    "otlp",
    "endpoint",
    "headers",
    "jaeger",
    "prometheus",
    "port",
    "alerting",
    "notifications",
    "slack",
    "email",
    "webhookUrl",
    "smtpServer",
    "toAddresses",
    "routes",
    "severity",
    "channels",
    "deduplicationWindow",
    "anomalyDetection",
    "aiModel",
    "server",
    "store",
    "maxBytes",
    "Authorization",
    "sampling",
    "head",
    "tail",
    "type",
    "policies",
    "rules",
    "probability",
    "processing",
    "redact",
    "enrich",
    "otlp/b",
    "otlpFile",
    "zipkin",
    "zipkin/",
    "clickhouse",
    "sqlite",
    "kafka",
    "remoteWrite",
    "delivery",
    "retry",
    "spill",
    "failover",
    "to",
    "dir",
    "password",
    "protocol",
    "readFrom",
    "x",
];

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-2.0..2.0f64).prop_map(Value::from),
        "(https?://)?[\\PC]{0,12}".prop_map(Value::from),
        "\\$\\{[A-C]?(:-[a-z0-9]{0,3})?\\}?".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(KEYS), inner), 0..8).prop_map(|entries| {
                Value::Object(entries.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>())
            }),
        ]
    })
}

fn env(name: &str) -> Option<String> {
    match name {
        "A" => Some("7".to_owned()),
        "B" => Some("a\r\nb".to_owned()),
        _ => None,
    }
}

proptest! {
    #[test]
    fn any_tree_loads_or_tells_its_problems(tree in tree()) {
        match TraceConfig::from_str(&tree.to_string(), Format::Json, &env) {
            Ok((config, _)) => {
                let rate = config.opentelemetry.tracing.sampling_rate;
                prop_assert!((0.0..=1.0).contains(&rate));
                prop_assert!(serde_json::to_string(&config).is_ok());
            }
            Err(e) => prop_assert!(!e.problems().is_empty() && !e.to_string().is_empty()),
        }
    }

    #[test]
    fn any_value_of_a_variable_loads_or_tells_its_problems(value in "\\PC{0,40}") {
        let env = |_: &str| Some(value.clone());
        if let Err(e) = TraceConfig::from_str("", Format::Yaml, &env) {
            prop_assert!(e.problems().iter().all(|p| p.path.contains("(from ") || p.message.contains("OTEL_AUTH_TOKEN")), "{e}");
        }
    }
}
