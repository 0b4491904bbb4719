//! What the receiver of remote write takes, refuses and answers.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "remote-write-receiver")]

#[path = "remote_write_receiver/decoding.rs"]
mod decoding;
#[path = "remote_write_receiver/proto.rs"]
mod proto;
mod support;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use prost::Message as _;
use proto::{Metadata1, Sample, Series1, Write1, Write2, labels};
use support::receiving::{Kept, Told, ask, post};
use trace_core::model::*;
use trace_exporters::receiver::{NotHeld, ReceiverLimits};
use trace_exporters::remote_write_receiver::RemoteWriteReceiver;

const PATH: &str = "/api/v1/write";
const V1: &str = "application/x-protobuf";
const V2: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
const NOW: i64 = 1_700_000_000_123;

fn pack(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap()
}

fn receiver(kept: &Kept) -> RemoteWriteReceiver {
    RemoteWriteReceiver::new(kept.clone(), ReceiverLimits::default())
}

async fn send(receiver: &RemoteWriteReceiver, content: &str, body: Vec<u8>) -> Told {
    post(receiver, PATH, &[("content-type", content), ("content-encoding", "snappy")], pack(&body)).await
}

fn written(told: &Told) -> [&str; 3] {
    ["samples", "histograms", "exemplars"]
        .map(|what| told.header(&format!("x-prometheus-remote-write-{what}-written")))
}

fn up(name: &str, value: f64) -> Series1 {
    let samples = vec![Sample { value, timestamp: NOW, start: 0 }];
    let labels = labels(&[("__name__", name), ("instance", "h:1"), ("job", "node"), ("zone", "eu")]);
    Series1 { labels, samples, ..Series1::default() }
}

fn one(series: Series1) -> Vec<u8> {
    Write1 { timeseries: vec![series], metadata: vec![] }.encode_to_vec()
}

fn gauge_2(value: f64) -> Write2 {
    let mut request = Write2::default();
    let labels = request.refs(&["__name__", "up", "job", "node"]);
    let samples = vec![Sample { value, timestamp: NOW, start: 0 }];
    request.timeseries.push(proto::Series2 { labels, samples, ..Default::default() });
    request
}

#[tokio::test]
async fn what_is_held_is_acknowledged_and_counted_in_2_0() {
    let kept = Kept::default();
    let receiver = receiver(&kept);
    let told = send(&receiver, V1, one(up("up", 1.0))).await;
    assert_eq!((told.status, &*told.text, written(&told)), (StatusCode::NO_CONTENT, "", ["", "", ""]));
    let told = send(&receiver, V2, gauge_2(0.5).encode_to_vec()).await;
    assert_eq!((told.status, written(&told)), (StatusCode::NO_CONTENT, ["1", "0", "0"]));
    let [old, new] = &kept.metrics()[..] else { panic!("{:?}", kept.metrics()) };
    assert_eq!(old.resource.attributes.get("service.instance.id"), Some(&"h:1".into()));
    assert_eq!((old.resource.service_name(), new.resource.service_name()), ("node", "node"));
    let metric = &old.scopes[0].metrics[0];
    let MetricData::Gauge { points } = &metric.data else { panic!("{metric:?}") };
    assert_eq!((&*metric.name, points[0].value), ("up", Number::F64(1.0)));
    assert_eq!(points[0].time.unix_nanos(), NOW as u64 * 1_000_000);
    assert_eq!(*points[0].attributes, AttributeSet::new([KeyValue::new("zone", "eu")]));
    assert_eq!((receiver.counts().accepted_requests, receiver.counts().points), (2, 2));
    // Nothing is a request too.
    assert_eq!(send(&receiver, V2, Vec::new()).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_partly_bad_request_is_400_and_what_is_good_of_it_is_held() {
    let kept = Kept::default();
    let receiver = receiver(&kept);
    let nameless = Series1 { labels: labels(&[("job", "x")]), ..up("", 1.0) };
    let garbled = Series1 {
        labels: vec![proto::Label { name: b"__name__".to_vec(), value: vec![0xff] }],
        ..up("", 1.0)
    };
    let request = Write1 { timeseries: vec![nameless, up("up", 1.0), garbled], metadata: vec![] };
    let told = send(&receiver, V1, request.encode_to_vec()).await;
    let why = "2 samples or histograms were left out: a series has no name\n";
    assert_eq!((told.status, &*told.text), (StatusCode::BAD_REQUEST, why));
    let mut request = gauge_2(1.0);
    let refs = request.refs(&["__name__", "a", "x", "1", "x", "2"]);
    let series = proto::Series2 { labels: refs, ..request.timeseries[0].clone() };
    request.timeseries.push(series);
    let told = send(&receiver, V2, request.encode_to_vec()).await;
    assert_eq!((told.status, written(&told)), (StatusCode::BAD_REQUEST, ["1", "0", "0"]));
    assert!(told.text.contains("a label twice"), "{}", told.text);
    assert_eq!(
        (kept.metrics().len(), receiver.counts().points, receiver.counts().rejected_points),
        (2, 2, 3)
    );
}

#[tokio::test]
async fn types_that_1_0_tells_apart_are_remembered() {
    let kept = Kept::default();
    let receiver = receiver(&kept);
    let said = |kind, family: &str| Metadata1 {
        kind,
        family: family.into(),
        help: "Served.".into(),
        unit: "requests".into(),
    };
    let metadata = Write1 { timeseries: vec![], metadata: vec![said(1, "http_requests"), said(3, "took")] };
    assert_eq!(send(&receiver, V1, one(up("http_requests_total", 3.0))).await.status, 204);
    assert_eq!(send(&receiver, V1, metadata.encode_to_vec()).await.status, 204);
    for name in ["http_requests_total", "http_requests_created", "took_bucket"] {
        assert_eq!(send(&receiver, V1, one(up(name, 4.0))).await.status, 204);
    }
    let all = kept.metrics();
    let metrics: Vec<&Metric> = all.iter().map(|b| &b.scopes[0].metrics[0]).collect();
    assert!(matches!(metrics[0].data, MetricData::Gauge { .. }), "not known yet: {:?}", metrics[0]);
    let sum = &metrics[1];
    assert!(
        matches!(&sum.data, MetricData::Sum { monotonic: true, temporality: Temporality::Cumulative, .. }),
        "{sum:?}"
    );
    assert_eq!((&*sum.description, &*sum.unit), ("Served.", "requests"));
    assert!(matches!(metrics[2].data, MetricData::Gauge { .. }), "{:?}", metrics[2]);
    assert!(matches!(metrics[3].data, MetricData::Gauge { .. }), "{:?}", metrics[3]);
    assert_eq!(&*metrics[3].description, "Served.");
}

#[tokio::test]
async fn bad_requests_are_told_why() {
    let kept = Kept::default();
    let receiver = receiver(&kept);
    for (content, encoding, body, status, why) in [
        (V1, "snappy", pack(b"\x0a\xff"), 400, "no protobuf request of remote write 1.0"),
        (V2, "snappy", pack(b"\x2a\xff"), 400, "no protobuf request of remote write 2.0"),
        // A body of 1.0 that calls itself one of 2.0 would be an empty one.
        (V2, "snappy", pack(&one(up("up", 1.0))), 400, "the first symbol"),
        (V1, "snappy", one(up("up", 1.0)), 400, "not snappy in its block format"),
        (V1, "gzip", pack(b""), 415, "another way than snappy"),
        ("application/json", "snappy", pack(b""), 415, "Content-Type must be application/x-protobuf"),
        ("application/x-protobuf;proto=a.B", "snappy", pack(b""), 415, "Content-Type must be"),
    ] {
        let headers = [("content-type", content), ("content-encoding", encoding)];
        let told = post(&receiver, PATH, &headers, body).await;
        assert_eq!(told.status.as_u16(), status, "{content}: {}", told.text);
        assert!(told.text.contains(why), "{}", told.text);
    }
    let mut request = gauge_2(1.0);
    request.timeseries[0].labels.push(99);
    assert_eq!(send(&receiver, V2, request.encode_to_vec()).await.status, StatusCode::BAD_REQUEST);
    let get = Request::get(PATH).header("content-type", V1).body(Full::new(Bytes::new())).unwrap();
    assert_eq!(ask(&receiver, get).await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post(&receiver, "/api/v1/read", &[("content-type", V1)], "").await.status, 404);
    // What is not here is not here, whatever it is asked with: a browser is not told of protobuf.
    let get = |path: &str| Request::get(path).body(Full::new(Bytes::new())).unwrap();
    assert_eq!(ask(&receiver, get("/")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask(&receiver, get(PATH)).await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(kept.metrics().is_empty());
    assert_eq!(receiver.counts().bad_requests, 12);
}

#[tokio::test]
async fn size_is_limited_before_and_after_decompression_and_so_are_records() {
    let limited = |change: fn(&mut ReceiverLimits)| {
        let mut limits = ReceiverLimits::default();
        change(&mut limits);
        RemoteWriteReceiver::new(Kept::default(), limits)
    };
    let bomb = vec![0; 1 << 20];
    assert!(pack(&bomb).len() < 100_000);
    let small = limited(|l| l.max_decoded_bytes = 100_000);
    assert_eq!(send(&small, V1, bomb).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let small = limited(|l| l.max_body_bytes = 10);
    assert_eq!(send(&small, V1, one(up("up", 1.0))).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let two = Write1 { timeseries: vec![up("a", 1.0), up("b", 1.0)], metadata: vec![] }.encode_to_vec();
    assert_eq!(send(&limited(|l| l.max_records = 3), V1, two.clone()).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(send(&limited(|l| l.max_records = 4), V1, two).await.status, StatusCode::NO_CONTENT);
    // One long text, named by many.
    let mut request = Write2::default();
    let long = "x".repeat(10_000);
    let refs = request.refs(&["__name__", "a", "l", &long]);
    request.timeseries =
        vec![proto::Series2 { labels: refs, samples: vec![Sample::default()], ..Default::default() }; 100];
    let small = limited(|l| l.max_decoded_bytes = 100_000);
    let told = send(&small, V2, request.encode_to_vec()).await;
    assert_eq!(told.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", told.text);
}

#[tokio::test]
async fn under_load_a_client_is_told_when_to_come_back() {
    let mut limits = ReceiverLimits::default();
    limits.max_bytes_in_flight = 10;
    limits.retry_after_seconds = 7;
    let busy = RemoteWriteReceiver::new(Kept::default(), limits);
    let told = send(&busy, V2, gauge_2(1.0).encode_to_vec()).await;
    assert_eq!((told.status, told.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "7"));
    assert_eq!(written(&told), ["0", "0", "0"]);
    for why in [NotHeld::Full, NotHeld::Closed] {
        let receiver = receiver(&Kept::refusing(why));
        let told = send(&receiver, V2, gauge_2(1.0).encode_to_vec()).await;
        assert_eq!((told.status, told.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
        assert_eq!(written(&told), ["0", "0", "0"]);
        assert_eq!((receiver.counts().busy_requests, receiver.counts().points), (1, 0));
    }
}

#[cfg(feature = "remote-write")]
#[tokio::test]
async fn what_our_exporter_writes_in_either_version_is_held_as_it_was() {
    use trace_core::signal::MetricExporter as _;
    use trace_exporters::remote_write::{RemoteWriteConfig, RemoteWriteExporter, RemoteWriteVersion};
    let batch = support::shop::with_exponential();
    for version in [RemoteWriteVersion::V1, RemoteWriteVersion::V2, RemoteWriteVersion::Auto] {
        let kept = Kept::default();
        let receiver = receiver(&kept);
        let listener = receiver.listen("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{PATH}", listener.local_addr());
        let config = RemoteWriteConfig::new(url).version(version);
        let exporter = RemoteWriteExporter::new(config).unwrap();
        // Some of it has no form in Prometheus.
        let _ = exporter.export(&batch).await;
        listener.shutdown().await;
        let counts = receiver.counts();
        assert_eq!((counts.accepted_requests, counts.bad_requests, counts.rejected_points), (1, 0, 0));
        assert!(counts.points > 10, "{counts:?}");
        let all = kept.metrics();
        let metrics: Vec<&Metric> = all.iter().flat_map(|b| &b.scopes).flat_map(|s| &s.metrics).collect();
        let exponential = |m: &&&Metric| matches!(m.data, MetricData::ExponentialHistogram { .. });
        let found = metrics.iter().find(exponential).unwrap();
        let sent = batch.scopes.iter().flat_map(|s| &s.metrics).collect::<Vec<_>>();
        let sent = sent.iter().find(exponential).unwrap();
        let (
            MetricData::ExponentialHistogram { points: a, .. },
            MetricData::ExponentialHistogram { points: b, .. },
        ) = (&sent.data, &found.data)
        else {
            panic!("{found:?}")
        };
        assert_eq!(
            (a[0].count, a[0].sum, a[0].zero_count, a[0].scale),
            (b[0].count, b[0].sum, b[0].zero_count, b[0].scale)
        );
        let filled =
            |buckets: &ExponentialBuckets| buckets.iter().filter(|(_, n)| *n > 0).collect::<Vec<_>>();
        assert_eq!(filled(&a[0].positive), filled(&b[0].positive));
        assert_eq!(filled(&a[0].negative), filled(&b[0].negative));
        assert!(
            metrics.iter().any(|m| matches!(m.data, MetricData::Sum { monotonic: true, .. })),
            "{version:?}"
        );
    }
}
