//! Our expositions and our remote write, as Prometheus and VictoriaMetrics read them: every sample is compared.
//!
//! `MPLP_PEER_PROMTOOL`, `MPLP_PEER_PROMETHEUS` (2.42 or newer), `MPLP_PEER_PROMETHEUS3` (3.x) and
//! `MPLP_PEER_VICTORIA` are the paths of the programs.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "Helpers stand outside of test functions, and say what was compared"
)]
#![cfg(all(feature = "prometheus-listener", feature = "remote-write"))]

mod support;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use support::promql::{Samples, Server, number, show};
use support::{exposition, peer::peer, shop};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use trace_core::metric::{
    Aggregation, LiveMetrics, MeterRegistry, RegistryOptions, TemporalityPreference, View,
};
use trace_core::model::{KeyValue, MetricBatch, MetricData, Resource, Scope, Timestamp};
use trace_core::signal::MetricExporter as _;
use trace_exporters::prometheus::{
    ContentType, Encoder, Escaping, ExpositionConfig, Format, ListenerConfig, PrometheusListener,
    TranslationStrategy,
};
use trace_exporters::remote_write::{RemoteWriteConfig, RemoteWriteExporter, RemoteWriteVersion};

const NATIVE: &str = "--enable-feature=exemplar-storage,native-histograms";
const EXEMPLARS: &str = "--enable-feature=exemplar-storage";
/// The native histogram that `shop` has: its count, sum and buckets.
const WAIT: &str =
    "6e0 1.25e1 [\"-2e0 -1e0 1e0\", \"-1e-128 1e-128 1e0\", \"2.5e-1 5e-1 1e0\", \"4e0 8e0 3e0\"]";

async fn listener(source: fn() -> MetricBatch, strategy: TranslationStrategy) -> PrometheusListener {
    let mut config = ListenerConfig::new("127.0.0.1:0");
    config.exposition = ExpositionConfig::default().translated(strategy);
    config.exposition.created_lines = false;
    PrometheusListener::start(&config, source).await.unwrap()
}

/// What a server must hold: the samples of our own text, with the labels that the server or remote write adds.
fn expected(batch: &MetricBatch, strategy: TranslationStrategy, added: &[(&str, &str)]) -> Samples {
    let mut batch = batch.clone();
    for scope in &mut batch.scopes {
        scope.metrics.retain(|m| !matches!(m.data, MetricData::ExponentialHistogram { .. }));
    }
    let mut out = Vec::new();
    let asked = ContentType::new(Format::Text100, Escaping::AllowUtf8);
    let config = ExpositionConfig::default().translated(strategy);
    let _ = Encoder::new(config).encode(&LiveMetrics::from(&batch), asked, &mut out);
    let families = exposition::read(&String::from_utf8(out).unwrap(), false).unwrap();
    let samples = families.into_iter().flat_map(|f| f.samples);
    samples
        .map(|s| {
            let mut labels = s.labels;
            labels.insert("__name__".into(), s.name);
            labels.extend(added.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
            (show(&labels), number(&s.value))
        })
        .collect()
}

fn compare(found: &Samples, expected: &Samples) -> Result<(), String> {
    for (series, value) in expected {
        match found.get(series) {
            Some(other) if other == value => {}
            other => return Err(format!("{series} is {other:?}, not {value}\n{found:#?}")),
        }
    }
    match found.keys().find(|series| !expected.contains_key(*series)) {
        Some(series) => Err(format!("{series} was never shown")),
        None => Ok(()),
    }
}

/// All series but those of the native histogram, and those that a server makes of a scrape itself.
const OTHERS: &str = "{job=~\"shop|eu/shop\",__name__!~\"up|scrape_.*|.*db.wait.*\"}";

/// Totals of this moment.
fn shop_now() -> MetricBatch {
    shop::at(shop::without_deltas(shop::with_exponential()), Timestamp::now())
}

async fn scraped(program: &str, flag: &str, strategy: TranslationStrategy) {
    let listener = listener(shop_now, strategy).await;
    let target = listener.local_addr().to_string();
    let server = Server::prometheus(program, &[flag], Some(&target)).await;
    let expected = expected(&shop_now(), strategy, &[("instance", &target), ("job", "shop")]);
    server
        .until("the samples", || {
            compare(&server.samples("up")?, &[(show(&labels_of_up(&target)), "1e0".to_owned())].into())?;
            compare(&server.samples(OTHERS)?, &expected)
        })
        .await;
    println!("{} samples are equal", expected.len());
    if flag == NATIVE {
        let found = server.samples("db_wait_seconds").unwrap();
        assert_eq!(found.values().collect::<Vec<_>>(), [WAIT]);
        println!("the native histogram is equal");
    }
    let names = match strategy {
        TranslationStrategy::NoUtf8EscapingWithSuffixes => {
            ["{\"http.server.requests_total\"}", "{\"http.server.request.duration_seconds_bucket\"}"]
        }
        _ => ["http_server_requests_total", "http_server_request_duration_seconds_bucket"],
    };
    for name in names {
        check_exemplar(&server, name).await;
    }
}

fn labels_of_up(target: &str) -> std::collections::BTreeMap<String, String> {
    [("__name__", "up"), ("instance", target), ("job", "shop")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into_iter()
        .collect()
}

async fn check_exemplar(server: &Server, name: &str) {
    let seconds = shop::TIME / 1_000_000_000;
    let (from, to) = ((seconds - 60).to_string(), (seconds + 60).to_string());
    let parameters = [("query", name), ("start", &*from), ("end", &*to)];
    let found = server
        .until("an exemplar", || {
            let data = server.api("/api/v1/query_exemplars", &parameters)?;
            let one = data[0]["exemplars"][0].clone();
            if one.is_null() { Err(format!("no exemplar of {name}: {data}")) } else { Ok(one) }
        })
        .await;
    assert_eq!(found["labels"]["trace_id"], "0af7651916cd43dd8448eb211c80319c", "{found}");
    assert_eq!(found["labels"]["span_id"], "b7ad6b7169203331");
    assert!(found["labels"]["user_tier"] == "gold" || found["labels"]["user.tier"] == "gold", "{found}");
    assert_eq!(number(found["value"].as_str().unwrap()), "4.2e-1");
    println!("the exemplar of {name} is equal");
}

#[tokio::test]
async fn prometheus_stores_what_it_scrapes_as_protobuf_with_native_histograms() {
    let test = "prometheus_stores_what_it_scrapes_as_protobuf_with_native_histograms";
    let Some(program) = peer(test, "MPLP_PEER_PROMETHEUS", "path of prometheus") else { return };
    scraped(&program, NATIVE, TranslationStrategy::default()).await;
}

#[tokio::test]
async fn prometheus_stores_what_it_scrapes_as_openmetrics() {
    let test = "prometheus_stores_what_it_scrapes_as_openmetrics";
    let Some(program) = peer(test, "MPLP_PEER_PROMETHEUS", "path of prometheus") else { return };
    for strategy in [TranslationStrategy::default(), TranslationStrategy::UnderscoreEscapingWithoutSuffixes] {
        let listener = listener(shop::totals, strategy).await;
        let target = listener.local_addr().to_string();
        let server = Server::prometheus(&program, &[EXEMPLARS], Some(&target)).await;
        let expected = expected(&shop::totals(), strategy, &[("instance", &target), ("job", "shop")]);
        server.until("the samples", || compare(&server.samples(OTHERS)?, &expected)).await;
        let suffix = if strategy == TranslationStrategy::default() { "_seconds" } else { "" };
        check_exemplar(&server, &format!("http_server_request_duration{suffix}_bucket")).await;
    }
}

#[tokio::test]
async fn prometheus_3_stores_names_in_utf8() {
    let test = "prometheus_3_stores_names_in_utf8";
    let Some(program) = peer(test, "MPLP_PEER_PROMETHEUS3", "path of prometheus 3") else { return };
    // It asks for names in UTF-8 in OpenMetrics, not in protobuf.
    scraped(&program, EXEMPLARS, TranslationStrategy::NoUtf8EscapingWithSuffixes).await;
    scraped(&program, NATIVE, TranslationStrategy::default()).await;
}

const PUSHED: [(&str, &str); 2] = [("instance", "i-1"), ("job", "shop")];

async fn written(url: String, version: RemoteWriteVersion) -> (MetricBatch, RemoteWriteExporter) {
    let batch = shop_now();
    let exporter = RemoteWriteExporter::new(RemoteWriteConfig::new(url).version(version)).unwrap();
    // What has no form in Prometheus is counted, and nothing else.
    let error = exporter.export(&batch).await.unwrap_err();
    assert_eq!(error.rejected(), Some(6), "{error}");
    (batch, exporter)
}

#[tokio::test]
async fn prometheus_stores_what_is_written() {
    let test = "prometheus_stores_what_is_written";
    let Some(program) = peer(test, "MPLP_PEER_PROMETHEUS", "path of prometheus") else { return };
    for version in [RemoteWriteVersion::V1, RemoteWriteVersion::Auto] {
        stored_by(&program, version, true).await;
    }
}

#[tokio::test]
async fn prometheus_stores_the_totals_of_deltas() {
    let test = "prometheus_stores_the_totals_of_deltas";
    let Some(program) = peer(test, "MPLP_PEER_PROMETHEUS", "path of prometheus") else { return };
    let server = Server::prometheus(&program, &["--web.enable-remote-write-receiver", NATIVE], None).await;
    let url = format!("http://{}/api/v1/write", server.address);
    let exporter = RemoteWriteExporter::new(RemoteWriteConfig::new(url)).unwrap();
    let views = vec![View::of("fine").aggregation(Aggregation::EXPONENTIAL)];
    let begun = Timestamp::now().unix_nanos() - 5_000_000_000;
    let at = |tenths: u64| Timestamp::from_unix_nanos(begun + tenths * 100_000_000);
    let options = RegistryOptions { views, start: at(0), ..RegistryOptions::default() };
    let resource =
        Resource::new([KeyValue::new("service.name", "shop"), KeyValue::new("service.instance.id", "i-1")]);
    let registry = MeterRegistry::with_options(Arc::new(resource), options).unwrap();
    let meter = registry.meter(Scope::named("lib"));
    let (orders, rests) = (meter.counter("orders").build().unwrap(), meter.counter("rests").build().unwrap());
    let took = meter.histogram("took").bounds([1.0, 2.0]).build().unwrap();
    let fine = meter.histogram("fine").build().unwrap();
    let reader = registry.reader(TemporalityPreference::Delta);
    rests.add(5, &[]);
    for i in 0..4u32 {
        orders.add(i, &[]);
        took.record(f64::from(i), &[]);
        fine.record(f64::from(i), &[]);
        let deltas = reader.collect(at(u64::from(i) + 1));
        exporter.export(&deltas).await.unwrap();
        // Whoever tries again changes nothing.
        exporter.export(&deltas).await.unwrap();
    }
    let totals = registry.collect(Timestamp::now());
    let expected = expected(&totals, TranslationStrategy::default(), &PUSHED);
    server
        .until("the totals", || compare(&server.samples("{job=\"shop\",__name__!=\"fine\"}")?, &expected))
        .await;
    let native: Vec<String> = server.samples("fine").unwrap().into_values().collect();
    assert!(native[0].starts_with("4e0 6e0 "), "{native:?}");
    println!("{} samples and the native histogram are equal", expected.len());
    assert_eq!((exporter.accumulated().repeated, exporter.accumulated().out_of_order), (12, 0));
}

#[tokio::test]
async fn prometheus_3_stores_what_is_written_in_2_0() {
    let test = "prometheus_3_stores_what_is_written_in_2_0";
    let Some(program) = peer(test, "MPLP_PEER_PROMETHEUS3", "path of prometheus 3") else { return };
    stored_by(&program, RemoteWriteVersion::V2, true).await;
}

async fn stored_by(program: &str, version: RemoteWriteVersion, exemplars: bool) {
    let server = Server::prometheus(program, &["--web.enable-remote-write-receiver", NATIVE], None).await;
    let (batch, exporter) = written(format!("http://{}/api/v1/write", server.address), version).await;
    let expected = expected(&batch, TranslationStrategy::default(), &PUSHED);
    server.until("the samples", || compare(&server.samples(OTHERS)?, &expected)).await;
    assert_eq!(server.samples("db_wait_seconds").unwrap().values().collect::<Vec<_>>(), [WAIT]);
    println!("{version:?}: {} samples and the native histogram are equal", expected.len());
    if exemplars {
        check_exemplar(&server, "http_server_requests_total").await;
        check_exemplar(&server, "http_server_request_duration_seconds_bucket").await;
    }
    // What is there no more is shown no more, at once.
    let mut rest = shop_now();
    rest.scopes.truncate(1);
    rest.scopes[0].metrics.truncate(1);
    exporter.export(&rest).await.unwrap();
    let kept = self::expected(&rest, TranslationStrategy::default(), &PUSHED);
    let all = "{job=\"shop\"}";
    server.until("the end of the others", || compare(&server.samples(all)?, &kept)).await;
}

#[tokio::test]
async fn victoria_metrics_stores_what_is_written() {
    let test = "victoria_metrics_stores_what_is_written";
    let Some(program) = peer(test, "MPLP_PEER_VICTORIA", "path of victoria-metrics") else { return };
    for version in [RemoteWriteVersion::V1, RemoteWriteVersion::Auto] {
        let server = Server::victoria_metrics(&program).await;
        let (batch, _) = written(format!("http://{}/api/v1/write", server.address), version).await;
        let mut expected = expected(&batch, TranslationStrategy::default(), &PUSHED);
        // It keeps no NaN.
        expected.retain(|_, value| value != "NaN");
        server.until("the samples", || compare(&server.samples(OTHERS)?, &expected)).await;
        println!("{version:?}: {} samples are equal", expected.len());
    }
}

#[tokio::test]
async fn promtool_accepts_the_listeners_answer() {
    let test = "promtool_accepts_the_listeners_answer";
    let Some(promtool) = peer(test, "MPLP_PEER_PROMTOOL", "path of promtool") else { return };
    let listener = listener(shop::totals, TranslationStrategy::default()).await;
    let mut stream = tokio::net::TcpStream::connect(listener.local_addr()).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();

    let (code, said) = check(&promtool, body);
    assert!(code == Some(0) && said.is_empty(), "promtool check metrics: {code:?}\n{said}\n{body}");
    // The judge must be able to say no.
    let (code, _) = check(&promtool, &body.replacen("_total{", "_total{0x=\"1\",", 1));
    assert_ne!(code, Some(0));
}

#[tokio::test]
async fn promtool_reads_every_text_in_the_old_character_set() {
    let test = "promtool_reads_every_text_in_the_old_character_set";
    let Some(promtool) = peer(test, "MPLP_PEER_PROMTOOL", "path of promtool") else { return };
    let batch = shop::totals();
    for strategy in [
        TranslationStrategy::UnderscoreEscapingWithSuffixes,
        TranslationStrategy::UnderscoreEscapingWithoutSuffixes,
        TranslationStrategy::NoUtf8EscapingWithSuffixes,
        TranslationStrategy::NoTranslation,
    ] {
        for escaping in [Escaping::Underscores, Escaping::Dots, Escaping::Values] {
            for format in [Format::Text004, Format::Text100] {
                let mut out = Vec::new();
                let asked = ContentType::new(format, escaping);
                let config = ExpositionConfig::default().translated(strategy);
                let _ = Encoder::new(config).encode(&LiveMetrics::from(&batch), asked, &mut out);
                let (code, said) = check(&promtool, std::str::from_utf8(&out).unwrap());
                // 3 are remarks on style, such as on a counter without `_total`.
                let read = code == Some(0) || code == Some(3);
                assert!(read && !said.contains("error"), "{strategy:?} {asked:?}: {code:?} {said}");
                assert!(strategy != TranslationStrategy::default() || said.is_empty(), "{said}");
            }
        }
    }
}

fn check(promtool: &str, text: &str) -> (Option<i32>, String) {
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}
