//! Destinations whose settings are the exporters' own.

use std::time::Duration;

use mplp_trace::TraceConfig;
use mplp_trace::config::{MetricExporterConfig, SpanExporterConfig};
use mplp_trace::exporters::delivery::TeePolicy;
use mplp_trace::exporters::http_client::Compression;
use serde_json::json;

use crate::support::{at, load, load_with_warnings, problems};

const TRACES: &str = "opentelemetry.tracing.exporters";
const METRICS: &str = "opentelemetry.metrics.exporters";

fn names(config: &TraceConfig) -> Vec<&str> {
    config.opentelemetry.tracing.exporters.destinations.iter().map(|d| d.name.as_str()).collect()
}

#[test]
fn every_kind_is_read_and_several_of_one_have_names() {
    let text = at(
        TRACES,
        "otlp: {endpoint: 'http://a:4318'}\n\
         otlp/backup: {endpoint: 'b:4317', protocol: grpc, insecure: true}\n\
         otlpFile: {path: /tmp/spans.jsonl}\n\
         zipkin: {endpoint: 'http://z:9411', compression: gzip, timeout_ms: '${MS}'}\n\
         zipkin/eu: {endpoint: 'http://eu:9411', maxRequestBytes: 2048}\n\
         mplp: {folder: /tmp/documents}\n\
         clickhouse: {endpoint: 'http://c:8123', username: u, password: '${PASSWORD}'}\n\
         sqlite: {directory: /tmp/spans, indexedAttributes: [a.b, c]}",
    );
    let config = load(&text, &[("MS", "70"), ("PASSWORD", "hunter2")]);
    assert_eq!(
        names(&config),
        ["otlp/backup", "otlpFile", "zipkin", "zipkin/eu", "mplp", "clickhouse", "sqlite"]
    );
    let addresses: Vec<_> =
        config.opentelemetry.tracing.exporters.destinations.iter().map(|d| d.config.address()).collect();
    assert_eq!(addresses[0], "http://b:4317");
    assert_eq!(addresses[5], "http://c:8123 default.otel_traces");
    let exporters = &config.opentelemetry.tracing.exporters;
    let SpanExporterConfig::Zipkin(zipkin) = &exporters.destination("zipkin").unwrap().config else {
        panic!()
    };
    assert_eq!(
        (zipkin.compression, zipkin.timeout.limit()),
        (Compression::Gzip, Some(Duration::from_millis(70)))
    );
    let SpanExporterConfig::ClickHouse(house) = &exporters.destination("clickhouse").unwrap().config else {
        panic!()
    };
    assert_eq!(house.password.as_ref().map(|p| p.expose()), Some("hunter2"));
    let shown = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
    let json = serde_json::to_value(&config).unwrap();
    assert_eq!(json["opentelemetry"]["tracing"]["exporters"]["zipkin/eu"]["maxRequestBytes"], json!(2048));
}

#[test]
fn metrics_have_destinations_of_their_own() {
    let text = at(
        METRICS,
        "otlp/delta: {endpoint: 'http://d:4318', temporality: delta}\n\
         otlp_file: {path: m.jsonl, max_file_bytes: 4096}\n\
         remoteWrite: {url: 'http://p:9090/api/v1/write', version: 2.0, externalLabels: {zone: a}}\n\
         clickhouse: {endpoint: 'http://c:8123', metricsTable: m, password: pw, username: u}",
    );
    let exporters = load(&text, &[]).opentelemetry.metrics.exporters;
    let MetricExporterConfig::Otlp(otlp, _) = &exporters.destination("otlp/delta").unwrap().config else {
        panic!()
    };
    assert_eq!(otlp.endpoint.as_str(), "http://d:4318/v1/metrics");
    assert!(exporters.destination("otlpFile").is_some());
    let MetricExporterConfig::RemoteWrite(rw) = &exporters.destination("remoteWrite").unwrap().config else {
        panic!()
    };
    assert_eq!(rw.external_labels["zone"], "a");
    assert_eq!(exporters.destination("clickhouse").unwrap().config.address(), "http://c:8123 default.m_*");
    let said = problems(&at(METRICS, "clickhouse: {metricsTable: 'a b'}"), &[]);
    assert!(said[0].starts_with(&format!("{METRICS}.clickhouse.metricsTable ")), "{said:?}");
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_place() {
    let text = at(
        TRACES,
        "zipkn: {}\n\
         zipkin: {endpiont: x, timeoutMs: soon, compression: lz4, headers: 3}\n\
         zipkin/: {}\n\
         otlpFile: {}\n\
         mplp: {contextId: nonsense}\n\
         jaeger: {endpoint: 'http://u:hunter2@j', delivery: {retry: {initialMs: 0}, spil: {}}}\n\
         clickhouse: {password: 123456, tabel: x}",
    );
    let said = problems(&text, &[]);
    let all = said.join("\n");
    for part in [
        "exporters.zipkn is not a known key; did you mean zipkin?",
        "exporters.zipkin.endpiont is not a known key; did you mean endpoint?",
        "exporters.zipkin.timeoutMs is \"soon\"; allowed: a whole number",
        "exporters.zipkin.compression is \"lz4\"; allowed: none, gzip",
        "exporters.zipkin.headers is a single value; allowed: a section",
        "exporters.zipkin/ is not a name: write zipkin/NAME",
        "exporters.otlpFile.path is missing",
        "exporters.mplp.contextId \"nonsense\" is no UUID",
        "exporters.jaeger.endpoint \"http://j\" holds credentials",
        "exporters.jaeger.delivery.spil is not a known key; did you mean spill?",
        "exporters.clickhouse.tabel is not a known key; did you mean table?",
    ] {
        assert!(all.contains(part), "{part}\n{all}");
    }
    assert!(!all.contains("hunter2") && !all.contains("123456"), "{all}");
    let retry = at(TRACES, "zipkin: {delivery: {retry: {initial_ms: 0}}}");
    let expected =
        format!("{TRACES}.zipkin.delivery.retry.initialMs is 0: use a positive number, or leave it out");
    assert_eq!(problems(&retry, &[]), [expected]);
}

#[test]
fn half_a_secret_is_none_and_what_is_off_is_not_looked_at() {
    let text = at(
        TRACES,
        "zipkin: {headers: {authorization: 'Bearer ${TOKEN}', x-a: b}}\nmplp: {enabled: false, x: 1}",
    );
    let config = load(&text, &[]);
    let SpanExporterConfig::Zipkin(zipkin) = &config.opentelemetry.tracing.exporters.destinations[0].config
    else {
        panic!()
    };
    assert_eq!(zipkin.headers.names().collect::<Vec<_>>(), ["x-a"]);
    assert_eq!(names(&config), ["zipkin"]);
}

#[test]
fn certificates_have_one_place_in_every_destination() {
    let tls = "tls: {caCertificate: /ca.pem, client_certificate: /c.pem, clientKey: /k.pem}";
    let text = at(TRACES, &format!("otlp: {{{tls}}}\nzipkin: {{{tls}}}\notlp/b: {{caCertificate: /b.pem}}"));
    let exporters = load(&text, &[]).opentelemetry.tracing.exporters;
    let otlp = exporters.otlp.as_ref().unwrap();
    assert_eq!(otlp.ca_certificate.as_deref(), Some("/ca.pem"));
    assert_eq!(otlp.client_key.as_deref(), Some("/k.pem"));
    let SpanExporterConfig::Zipkin(zipkin) = &exporters.destination("zipkin").unwrap().config else {
        panic!()
    };
    assert_eq!(zipkin.tls.client_certificate.as_deref(), Some(std::path::Path::new("/c.pem")));
    let SpanExporterConfig::Otlp(beside) = &exporters.destination("otlp/b").unwrap().config else { panic!() };
    assert_eq!(beside.ca_certificate.as_deref(), Some("/b.pem"));
    let said =
        problems(&at(TRACES, "otlp: {tls: {clientKey: /k}}\nzipkin: {tls: {clientKey: /k, ca: x}}"), &[]);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[1].contains("zipkin.tls.ca is not a known key"), "{said:?}");
}

#[test]
fn zipkin_can_be_asked_for_by_the_environment() {
    let endpoint = ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://z:9411/api/v2/spans");
    assert_eq!(names(&load("", &[endpoint])), ["zipkin"]);
    assert_eq!(names(&load("", &[("OTEL_TRACES_EXPORTER", "zipkin")])), ["zipkin"]);
    assert_eq!(names(&load("", &[endpoint, ("OTEL_TRACES_EXPORTER", "none")])), [""; 0]);
    let text = at(TRACES, "zipkin: {endpoint: 'http://f:9411'}\nzipkin/b: {}");
    let config = load(&text, &[endpoint]);
    let exporters = &config.opentelemetry.tracing.exporters;
    let address = |name| exporters.destination(name).unwrap().config.address();
    assert_eq!(address("zipkin"), "http://f:9411");
    assert_eq!(address("zipkin/b"), "http://localhost:9411/api/v2/spans", "the variable is for the other");
}

#[test]
fn delivery_is_the_same_for_every_destination() {
    let delivery = "delivery: {timeoutMs: 900, retry: {maxMs: 5000}, throttle: {recordsPerSecond: 9}}";
    let text = at(TRACES, &format!("otlp: {{{delivery}}}\nzipkin: {{{delivery}}}"));
    let exporters = load(&text, &[]).opentelemetry.tracing.exporters;
    let all: Vec<_> = exporters.deliveries().collect();
    assert_eq!((all[0].0, all[1].0, all[0].1), ("otlp", "zipkin", all[1].1));
    assert_eq!((all[0].1.timeout_ms, all[0].1.retry.max_ms), (Some(900), 5000));
    let tee = at(TRACES, "zipkin: {delivery: {tee: {to: [otlp]}}}\notlp: {}");
    let exporters = load(&tee, &[]).opentelemetry.tracing.exporters;
    assert_eq!(exporters.destinations[0].delivery.tee.as_ref().unwrap().policy, TeePolicy::Any);
}

#[test]
fn deliveries_that_do_not_fit_together_are_reported() {
    let spill = |dir: &str| format!("delivery: {{spill: {{dir: {dir}}}}}");
    let shared = at(TRACES, &format!("otlp: {{{}}}\nzipkin: {{{}}}", spill("/s"), spill("/s/")));
    assert!(problems(&shared, &[])[0].contains("has the spill.dir of otlp"));
    for (first, part) in [
        ("backup", "names \"backup\", which is no destination that is on here; known: zipkin"),
        ("otlp", "names itself"),
    ] {
        let text = at(TRACES, &format!("otlp: {{delivery: {{failover: {{to: [{first}]}}}}}}\nzipkin: {{}}"));
        let said = problems(&text, &[]);
        assert!(said[0].contains(part), "{said:?}");
    }
    let chained = at(
        TRACES,
        &format!("otlp: {{delivery: {{failover: {{to: [zipkin]}}}}}}\nzipkin: {{{}}}", spill("/s")),
    );
    assert!(problems(&chained, &[])[0].contains("has a delivery of its own"));
}

#[test]
fn what_stands_in_for_another_at_one_host_is_no_second_copy() {
    let body = "otlp: {endpoint: 'http://h:4318', delivery: {failover: {to: [otlp/grpc]}}}\n\
                otlp/grpc: {endpoint: 'http://h:4317', protocol: grpc}";
    assert_eq!(load_with_warnings(&at(TRACES, body), &[]).1, [""; 0]);
    let both = body.replace("failover", "fail").replace(", delivery: {fail: {to: [otlp/grpc]}}", "");
    let warnings = load_with_warnings(&at(TRACES, &both), &[]).1;
    assert!(warnings[0].contains("otlp and otlp/grpc have one host"), "{warnings:?}");
}

#[test]
fn traces_are_read_from_a_store_that_is_there() {
    let text = |from: &str| at(TRACES, "sqlite: {}\nzipkin: {}") + &format!("store: {{readFrom: {from}}}\n");
    assert_eq!(load(&text("sqlite"), &[]).store.read_from.as_deref(), Some("sqlite"));
    assert_eq!(load(&text("memory"), &[]).store.read_from.as_deref(), Some("memory"));
    assert_eq!(
        problems(&text("zipkin"), &[]),
        ["store.readFrom is \"zipkin\", which is no store that is on here; known: memory, sqlite"]
    );
}

#[cfg(not(feature = "kafka"))]
#[test]
fn a_kind_that_was_not_built_in_is_named() {
    let said = problems(&at(TRACES, "kafka: {brokers: ['k:9092']}"), &[]);
    assert_eq!(said, [format!("{TRACES}.kafka cannot be: this program was built without feature kafka")]);
}
