//! `receivers`.

use std::time::Duration;

use mplp_trace::config::ReceiversConfig;
use serde_json::json;

use crate::support::{at, load, problems};

fn listeners(config: &ReceiversConfig) -> Vec<String> {
    config.listeners().iter().map(|(key, address)| format!("{key} {address}")).collect()
}

#[test]
fn nothing_is_received_unless_it_is_asked_for() {
    assert_eq!(load("", &[]).receivers, ReceiversConfig::default());
    assert!(listeners(&load("receivers: {otlp: {enabled: false}, zipkin: null}", &[]).receivers).is_empty());
}

#[test]
fn a_section_alone_means_every_listener_of_it_at_its_usual_port_on_this_machine() {
    let text = "otlp: {}\njaeger: {}\nzipkin: {}\nprometheus_remote_write: {}";
    let config = load(&at("receivers", text), &[]).receivers;
    assert_eq!(
        listeners(&config),
        [
            "otlp.grpc 127.0.0.1:4317",
            "otlp.http 127.0.0.1:4318",
            "jaeger.thriftHttp 127.0.0.1:14268",
            "jaeger.compactUdp 127.0.0.1:6831",
            "jaeger.binaryUdp 127.0.0.1:6832",
            "zipkin 127.0.0.1:9411",
            "prometheusRemoteWrite 127.0.0.1:19291",
        ]
    );
}

#[test]
fn a_listener_that_is_named_is_there_without_the_others() {
    let text = "otlp: {http: {listen: '0.0.0.0:${PORT_OF_OTLP:-4318}'}}\njaeger: {thriftHttp: {}, compact_udp: {enabled: false}}";
    let config = load(&at("receivers", text), &[("PORT_OF_OTLP", "9")]).receivers;
    assert_eq!(listeners(&config), ["otlp.http 0.0.0.0:9", "jaeger.thriftHttp 127.0.0.1:14268"]);
}

#[test]
fn limits_and_the_tenants_header_are_read_and_written_back() {
    let text = "tenantHeader: X-Tenant\nlimits: {maxBodyBytes: 1000, max_bytes_per_second: 5, retryAfter: 2s, bodyTimeout: 500ms}";
    let config = load(&at("receivers.zipkin", text), &[]);
    let zipkin = config.receivers.zipkin.as_ref().unwrap();
    assert_eq!(zipkin.tenant_header.as_deref(), Some("x-tenant"));
    let limits = &zipkin.limits;
    assert_eq!((limits.max_body_bytes, limits.max_bytes_per_second, limits.max_requests), (1000, 5, 256));
    assert_eq!(
        (limits.retry_after, limits.body_timeout),
        (Duration::from_secs(2), Duration::from_millis(500))
    );
    let written = serde_json::to_value(&config).unwrap();
    assert_eq!(written["receivers"]["zipkin"]["listen"], json!("127.0.0.1:9411"));
    let again = load(&serde_json::to_string(&written).unwrap(), &[]);
    assert_eq!(again.receivers, config.receivers);
}

#[cfg(not(feature = "kafka"))]
#[test]
fn a_topic_cannot_be_read_by_a_program_that_was_built_without_it() {
    let said = problems("receivers: {kafka: {}}", &[]);
    assert_eq!(said, ["receivers.kafka cannot be: this program was built without feature kafka"]);
    assert_eq!(load("receivers: {kafka: {enabled: false}}", &[]).receivers.kafka, None);
}

#[cfg(feature = "kafka")]
#[test]
fn a_topic_is_read_where_it_is_said_and_its_password_is_never_shown() {
    let text = "brokers: [a:1, b:2]\npartitions: [0, 2]\nstart: latest\nusername: u\npassword: hunter2\nmechanism: scram-sha-256";
    let config = load(&at("receivers.kafka", text), &[]);
    let kafka = config.receivers.kafka.as_ref().unwrap();
    assert_eq!((&kafka.brokers[..], &kafka.partitions[..]), (&["a:1".into(), "b:2".into()][..], &[0, 2][..]));
    assert_eq!((&*kafka.topic, &*kafka.offsets, kafka.tls), ("otlp_spans", "kafka-offsets", false));
    let shown = serde_json::to_string(&config).unwrap() + &format!("{config:?}");
    assert!(shown.contains("scram-sha-256") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn what_cannot_be_is_named_by_its_path() {
    let text = "otlp: {grpc: {listen: 4317}, htpp: {}}\nzipkin: {listen: nowhere, tenantHeader: a b, limits: {maxRecords: 0, bodyTimeout: 30}}";
    let said = problems(&at("receivers", text), &[]).join("\n");
    for part in [
        "receivers.otlp.grpc.listen is 4317; allowed: a host and a port, such as",
        "receivers.zipkin.limits.bodyTimeout is 30; allowed: a length with a unit",
        "receivers.otlp.htpp is not a known key; did you mean http?",
        "receivers.zipkin.listen is \"nowhere\"; allowed: a host and a port, such as 127.0.0.1:4318",
        "receivers.zipkin.tenantHeader is \"a b\"; allowed: the name of a header",
        "receivers.zipkin.limits.maxRecords is 0; allowed: a whole number from 1 to",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}
