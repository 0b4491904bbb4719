//! Remote write against a receiver that answers as told.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "remote-write")]

mod support;

use std::time::Duration;

use prost::Message as _;
use support::prom_proto::{LabelPair, Request2, WriteRequest};
use support::{Answer, Received, Receiver, answer, gauge, shop};
use trace_core::metric::{MeterRegistry, RegistryOptions, TemporalityPreference, View};
use trace_core::model::{KeyValue, MetricBatch, MetricData, Resource, Scope, Timestamp};
use trace_core::signal::MetricExporter as _;
use trace_core::testing::conformance;
use trace_exporters::remote_write::{RemoteWriteConfig, RemoteWriteExporter, RemoteWriteVersion};

const STALE: u64 = 0x7ff0_0000_0000_0002;

fn exporter(receiver: &Receiver, version: RemoteWriteVersion) -> RemoteWriteExporter {
    RemoteWriteExporter::new(
        RemoteWriteConfig::new(format!("{}/w?tenant=a", receiver.url())).version(version),
    )
    .unwrap()
}

fn body(request: &Received) -> Vec<u8> {
    assert_eq!(request.header("content-encoding"), Some("snappy"));
    snap::raw::Decoder::new().decompress_vec(&request.body).unwrap()
}

fn v1(request: &Received) -> WriteRequest {
    assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(request.header("x-prometheus-remote-write-version"), Some("0.1.0"));
    WriteRequest::decode(&*body(request)).unwrap()
}

fn v2(request: &Received) -> Request2 {
    let content = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    assert_eq!(request.header("content-type"), Some(content));
    assert_eq!(request.header("x-prometheus-remote-write-version"), Some("2.0.0"));
    Request2::decode(&*body(request)).unwrap()
}

fn stored(samples: u64, histograms: u64) -> Answer {
    let (samples, histograms) = (samples.to_string(), histograms.to_string());
    let headers = [
        ("x-prometheus-remote-write-samples-written", &*samples),
        ("x-prometheus-remote-write-histograms-written", &*histograms),
        ("x-prometheus-remote-write-exemplars-written", "0"),
    ];
    answer("204 No Content", &headers, b"")
}

fn label<'a>(labels: &'a [LabelPair], name: &str) -> Option<&'a str> {
    labels.iter().find(|l| l.name == name).map(|l| &*l.value)
}

/// A registry with a counter, a histogram and an exponential one.
fn collected() -> MetricBatch {
    let views = vec![View::of("fine").aggregation(trace_core::metric::Aggregation::EXPONENTIAL)];
    let options = RegistryOptions {
        views,
        start: Timestamp::from_unix_nanos(shop::START),
        ..RegistryOptions::default()
    };
    let resource = Resource::new([
        KeyValue::new("service.namespace", "eu"),
        KeyValue::new("service.name", "shop"),
        KeyValue::new("service.instance.id", "i-1"),
    ]);
    let registry = MeterRegistry::with_options(std::sync::Arc::new(resource), options).unwrap();
    let meter = registry.meter(Scope::named("lib"));
    let attributes =
        [KeyValue::new("Upper", "sorts first"), KeyValue::new("job", "mine"), KeyValue::new("none", "")];
    meter.counter("requests").unit("{request}").description("Served.").build().unwrap().add(7, &attributes);
    meter.histogram("took").unit("s").bounds([0.5, 1.0]).build().unwrap().record(0.75, &[]);
    meter.histogram("fine").build().unwrap().record(3.0, &[]);
    registry.collect(Timestamp::from_unix_nanos(shop::TIME))
}

#[tokio::test]
async fn both_versions_hold_the_same_series() {
    let receiver = Receiver::start([answer("204 No Content", &[], b""), stored(7, 1)]).await;
    exporter(&receiver, RemoteWriteVersion::V1).export(&collected()).await.unwrap();
    exporter(&receiver, RemoteWriteVersion::V2).export(&collected()).await.unwrap();
    let requests = receiver.received();
    assert!(requests[0].line.starts_with("POST /w?tenant=a "));
    let (old, new) = (v1(&requests[0]), v2(&requests[1]));
    assert_eq!(new.symbols[0], "");
    assert_eq!(old.timeseries.len(), new.timeseries.len());
    for (a, b) in old.timeseries.iter().zip(&new.timeseries) {
        let labels = new.labels(&b.labels);
        assert_eq!(a.labels, labels);
        assert!(labels.windows(2).all(|w| w[0].name < w[1].name), "{labels:?}");
        assert!(labels.iter().all(|l| !l.value.is_empty()), "{labels:?}");
        assert_eq!((label(&labels, "job"), label(&labels, "instance")), (Some("eu/shop"), Some("i-1")));
        let values = |samples: &[support::prom_proto::Sample]| {
            samples.iter().map(|s| (s.value, s.timestamp)).collect::<Vec<_>>()
        };
        assert_eq!(values(&a.samples), values(&b.samples));
        assert_eq!(a.histograms, b.histograms);
        assert_eq!(a.samples.len() + a.histograms.len(), 1);
    }
    let named = |name: &str| {
        new.timeseries.iter().find(|s| label(&new.labels(&s.labels), "__name__") == Some(name)).unwrap()
    };
    let requests_total = named("requests_total");
    let labels = new.labels(&requests_total.labels);
    assert_eq!(
        (label(&labels, "Upper"), label(&labels, "exported_job")),
        (Some("sorts first"), Some("mine"))
    );
    let sample = &requests_total.samples[0];
    let ms = |nanos: u64| (nanos / 1_000_000) as i64;
    assert_eq!((sample.value, sample.timestamp, sample.start), (7.0, ms(shop::TIME), ms(shop::START)));
    let metadata = requests_total.metadata.clone().unwrap();
    assert_eq!((metadata.kind, &*new.symbols[metadata.help as usize]), (1, "Served."));
    let fine = &named("fine").histograms[0];
    assert_eq!(
        (fine.count, fine.sum, fine.schema, fine.positive_deltas.as_slice()),
        (1, 3.0, 8, &[1i64][..])
    );
    let about = old.metadata.iter().find(|m| m.family == "took_seconds").unwrap();
    assert_eq!((about.kind, &*about.unit), (3, "seconds"));
}

#[tokio::test]
async fn a_receiver_without_2_0_gets_1_0_from_there_on() {
    for refusal in [answer("415 Unsupported Media Type", &[], b"no"), answer("400 Bad Request", &[], b"no")] {
        let receiver = Receiver::start([refusal]).await;
        let exporter = exporter(&receiver, RemoteWriteVersion::Auto);
        exporter.export(&collected()).await.unwrap();
        exporter.export(&collected()).await.unwrap();
        let requests = receiver.received();
        assert_eq!(requests.len(), 3);
        v2(&requests[0]);
        assert_eq!(v1(&requests[1]), v1(&requests[2]));
    }
}

#[tokio::test]
async fn a_success_that_does_not_say_what_was_stored_is_none() {
    let receiver = Receiver::start([answer("204 No Content", &[], b"")]).await;
    exporter(&receiver, RemoteWriteVersion::Auto).export(&collected()).await.unwrap();
    assert_eq!(receiver.received().len(), 2);
    v1(&receiver.received()[1]);
    // Who insists on 2.0 is told.
    let receiver = Receiver::start([answer("204 No Content", &[], b"")]).await;
    let error = exporter(&receiver, RemoteWriteVersion::V2).export(&collected()).await.unwrap_err();
    assert!(!error.is_retryable() && error.to_string().contains("without saying what was stored"), "{error}");
    assert!(!error.to_string().contains("tenant"), "{error}");
}

#[tokio::test]
async fn what_was_not_written_is_counted() {
    let receiver = Receiver::start([stored(4, 1), stored(7, 0)]).await;
    let exporter = exporter(&receiver, RemoteWriteVersion::Auto);
    for missing in [3, 1] {
        let error = exporter.export(&collected()).await.unwrap_err();
        assert_eq!(error.rejected(), Some(missing), "{error}");
    }
    v2(&receiver.received()[1]);
}

#[tokio::test]
async fn a_bad_request_of_which_a_part_was_written_is_partial() {
    let headers = [
        ("x-prometheus-remote-write-samples-written", "6"),
        ("x-prometheus-remote-write-histograms-written", "1"),
    ];
    let receiver = Receiver::start([answer("400 Bad Request", &headers, b"out of order")]).await;
    let error = exporter(&receiver, RemoteWriteVersion::Auto).export(&collected()).await.unwrap_err();
    assert_eq!(error.rejected(), Some(1), "{error}");
    assert!(error.to_string().contains("out of order"), "{error}");
}

#[tokio::test]
async fn overload_is_retryable_and_other_refusals_are_not() {
    for (status, retryable, wait) in [
        ("503 Service Unavailable", true, Some(7)),
        ("500 Internal Server Error", true, Some(7)),
        ("429 Too Many Requests", true, Some(7)),
        ("401 Unauthorized", false, None),
        ("404 Not Found", false, None),
    ] {
        let refusal = || answer(status, &[("retry-after", "7")], b"why");
        let receiver = Receiver::start([refusal(), refusal()]).await;
        let error = exporter(&receiver, RemoteWriteVersion::V1).export(&collected()).await.unwrap_err();
        assert_eq!(error.is_retryable(), retryable, "{error}");
        assert_eq!(error.retry_after(), wait.map(Duration::from_secs), "{error}");
        assert!(error.to_string().contains("why") && error.to_string().contains(&status[..3]), "{error}");
    }
}

#[tokio::test]
async fn a_large_batch_is_split_and_a_refused_part_does_not_stop_the_others() {
    let receiver = Receiver::start([ok(), answer("400 Bad Request", &[], b"no"), ok()]).await;
    let mut config = RemoteWriteConfig::new(receiver.url()).version(RemoteWriteVersion::V1);
    config.max_series_per_request = 4;
    let exporter = RemoteWriteExporter::new(config).unwrap();
    let error = exporter.export(&collected()).await.unwrap_err();
    assert_eq!(error.rejected(), Some(4), "{error}");
    let sizes: Vec<usize> = receiver.received().iter().map(|r| v1(r).timeseries.len()).collect();
    assert_eq!(sizes, [4, 4]);
}

fn ok() -> Answer {
    answer("204 No Content", &[], b"")
}

#[tokio::test]
async fn a_series_that_is_there_no_more_is_marked_once() {
    let receiver = Receiver::start([]).await;
    let exporter = exporter(&receiver, RemoteWriteVersion::V1);
    let of_the_shop = |batch| MetricBatch { resource: shop::metrics().resource, ..batch };
    for batch in [shop::totals(), of_the_shop(gauge(1)), of_the_shop(gauge(2))] {
        // The shop has metrics that Prometheus cannot have: the rest is sent.
        let _ = exporter.export(&batch).await;
    }
    let ended = |i: usize| {
        let request = v1(&receiver.received()[i]);
        let of = |s: &&support::prom_proto::Series1| s.samples.iter().any(|v| v.value.to_bits() == STALE);
        request.timeseries.iter().filter(of).map(|s| s.labels.clone()).collect::<Vec<_>>()
    };
    let first = v1(&receiver.received()[0]);
    let mut expected: Vec<_> = first.timeseries.iter().map(|s| s.labels.clone()).collect();
    expected.retain(|labels| label(labels, "__name__") != Some("target_info"));
    let mut found = ended(1);
    expected.sort_by_key(|l| format!("{l:?}"));
    found.sort_by_key(|l| format!("{l:?}"));
    assert_eq!(found, expected);
    assert!(ended(0).is_empty() && ended(2).is_empty());
}

#[tokio::test]
async fn deltas_are_added_up_and_rest_until_they_change() {
    let receiver = Receiver::start([answer("503 Busy", &[], b"later")]).await;
    let exporter = exporter(&receiver, RemoteWriteVersion::V1);
    let registry = MeterRegistry::new(std::sync::Arc::new(Resource::service("shop")));
    let meter = registry.meter(Scope::named("lib"));
    let (requests, rests) =
        (meter.counter("requests").build().unwrap(), meter.counter("rests").build().unwrap());
    let reader = registry.reader(TemporalityPreference::Delta);
    rests.add(9, &[]);
    for turn in 0..3u64 {
        requests.add(2, &[]);
        let deltas = reader.collect(Timestamp::from_unix_nanos(shop::TIME * 2 + turn * 1_000_000));
        if turn == 0 {
            assert!(exporter.export(&deltas).await.unwrap_err().is_retryable());
        }
        exporter.export(&deltas).await.unwrap();
    }
    let values = |request: &Received, name: &str| {
        let written = v1(request).timeseries;
        let series = written.iter().find(|s| label(&s.labels, "__name__") == Some(name)).unwrap();
        (series.samples[0].value, series.samples[0].timestamp)
    };
    let time = |turn: i64| (shop::TIME * 2 / 1_000_000) as i64 + turn;
    // The first one twice, since it failed.
    for (request, (total, turn)) in receiver.received().iter().zip([(2.0, 0), (2.0, 0), (4.0, 1), (6.0, 2)]) {
        assert_eq!(values(request, "requests_total"), (total, time(turn)));
        assert_eq!(values(request, "rests_total"), (9.0, time(turn)), "no end, and no staleness");
    }
    // What cannot be added is rejected.
    let mut late = reader.collect(Timestamp::from_unix_nanos(shop::TIME * 3));
    assert!(late.scopes.is_empty());
    requests.add(1, &[]);
    late = reader.collect(Timestamp::from_unix_nanos(shop::TIME * 4));
    if let MetricData::Sum { points, .. } = &mut late.scopes[0].metrics[0].data {
        (points[0].start, points[0].time) = (Timestamp::from_unix_nanos(1), Timestamp::from_unix_nanos(2));
    }
    let error = exporter.export(&late).await.unwrap_err();
    assert_eq!(error.rejected(), Some(1), "{error}");
    assert!(error.to_string().contains("deltas that end before the last ones"), "{error}");
    let counts = exporter.accumulated();
    assert_eq!((counts.series, counts.added, counts.repeated, counts.out_of_order), (2, 4, 2, 1));
}

#[tokio::test]
async fn the_exporter_conforms_in_both_versions() {
    let receiver = Receiver::start(std::iter::repeat_with(|| stored(10_000, 10_000)).take(20)).await;
    conformance::metric_exporter(&exporter(&receiver, RemoteWriteVersion::Auto)).await;
    v2(&receiver.received()[0]);
    let receiver = Receiver::start([]).await;
    conformance::metric_exporter(&exporter(&receiver, RemoteWriteVersion::V1)).await;
    assert!(!receiver.received().is_empty());
}

#[tokio::test]
async fn secrets_never_show() {
    let config =
        RemoteWriteConfig::new("http://127.0.0.1:1/w?key=hunter2").header("authorization", "Bearer hunter2");
    let exporter = RemoteWriteExporter::new(config).unwrap();
    let error = exporter.export(&gauge(1)).await.unwrap_err();
    assert!(error.is_retryable());
    assert!(!format!("{exporter:?} {error} {error:?}").contains("hunter2"));
}
