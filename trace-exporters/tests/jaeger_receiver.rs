//! What the receivers of Jaeger's old clients take, refuse, answer and count.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "jaeger-receiver")]

mod support;

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use support::receiving::{Kept, ask, post};
use tokio::net::UdpSocket;
use trace_core::model::{SpanData, TenantId};
use trace_core::pipeline::Pipeline;
use trace_core::record::OverflowPolicy;
use trace_core::signal::SpanExporter as _;
use trace_core::testing::CaptureExporter;
use trace_core::testing::conformance::every_field;
use trace_exporters::jaeger::{JaegerConfig, JaegerExporter, decode_binary, decode_compact, encode_compact};
use trace_exporters::jaeger_receiver::{
    DatagramProtocol, JaegerReceiver, JaegerUdpListener, JaegerUdpReceiver,
};
use trace_exporters::receiver::{Holder, NotHeld, ReceiverLimits};

/// Sent by opentelemetry-exporter-jaeger-thrift 1.21.0 for Python to `/api/traces`.
const BINARY: &[u8] = include_bytes!("golden/jaeger_binary.thrift");
/// Sent by jaeger-client 4.8.0 for Python to an agent.
const COMPACT: &[u8] = include_bytes!("golden/jaeger_compact.thrift");
const PATH: &str = "/api/traces?format=jaeger.thrift";
const THRIFT: (&str, &str) = ("content-type", "application/x-thrift");

fn receiver(kept: &Kept) -> JaegerReceiver {
    JaegerReceiver::new(kept.clone(), ReceiverLimits::default())
}

fn limited(change: impl FnOnce(&mut ReceiverLimits)) -> JaegerReceiver {
    let mut limits = ReceiverLimits::default();
    change(&mut limits);
    JaegerReceiver::new(Kept::default(), limits)
}

async fn listen(
    protocol: DatagramProtocol,
    spans: impl Holder,
    limits: &ReceiverLimits,
) -> (JaegerUdpReceiver, JaegerUdpListener) {
    let receiver = JaegerUdpReceiver::new(protocol, spans, limits);
    let listener = receiver.listen("127.0.0.1:0").await.unwrap();
    (receiver, listener)
}

fn golden() -> Vec<SpanData> {
    decode_binary(BINARY).unwrap().batches.iter().flat_map(|b| b.iter()).map(|s| s.to_span_data()).collect()
}

#[tokio::test]
async fn a_batch_is_acknowledged_when_it_is_held() {
    let kept = Kept::default();
    let receiver = receiver(&kept);
    let told = post(&receiver, PATH, &[THRIFT], BINARY).await;
    assert_eq!((told.status, &*told.text), (StatusCode::ACCEPTED, ""));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(BINARY).unwrap();
    let headers = [("content-type", "application/vnd.apache.thrift.binary"), ("content-encoding", "gzip")];
    assert_eq!(post(&receiver, "/api/traces", &headers, packed.finish().unwrap()).await.status, 202);
    assert_eq!(kept.spans(), [golden(), golden()].concat());
    let counts = receiver.counts();
    assert_eq!((counts.accepted_requests, counts.spans), (2, 2));
}

#[tokio::test]
async fn a_span_without_ids_is_left_out_and_counted() {
    let kept = Kept::default();
    let receiver = receiver(&kept);
    // Batch { 2: [Span {}] }
    let bytes: &[u8] = &[15, 0, 2, 12, 0, 0, 0, 1, 0, 0];
    assert_eq!(post(&receiver, PATH, &[THRIFT], bytes).await.status, StatusCode::ACCEPTED);
    assert_eq!((kept.spans().len(), receiver.counts().rejected_spans), (0, 1));
}

#[tokio::test]
async fn bad_requests_are_told_why() {
    let kept = Kept::default();
    let receiver = receiver(&kept);
    let bad = post(&receiver, PATH, &[THRIFT], "[{\"traceId\": \"1\"}]").await;
    assert_eq!(
        (bad.status, bad.header("content-type")),
        (StatusCode::BAD_REQUEST, "text/plain; charset=utf-8")
    );
    assert!(
        bad.text.starts_with("the message is no Jaeger batch in Thrift's binary protocol: "),
        "{}",
        bad.text
    );
    for (path, header, status) in [
        (PATH, ("content-type", "application/json"), 415),
        ("/api/traces?format=zipkin.thrift", THRIFT, 415),
        (PATH, ("content-encoding", "br"), 415),
        ("/api/v2/spans", THRIFT, 404),
        ("/", ("content-type", "application/json"), 404),
    ] {
        let told = post(&receiver, path, &[header], BINARY).await;
        assert_eq!(told.status.as_u16(), status, "{path} {header:?}: {}", told.text);
    }
    let get = ask(&receiver, Request::get("/api/traces").body(Full::new(Bytes::new())).unwrap()).await;
    assert_eq!((get.status, get.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    assert_eq!((kept.spans().len(), receiver.counts().bad_requests), (0, 7));
}

#[tokio::test]
async fn bytes_without_a_list_of_spans_are_no_batch_and_not_acknowledged() {
    let receiver = receiver(&Kept::default());
    // Each begins with the end of an empty struct.
    for body in [vec![0], vec![0; 1000], (0..=255).collect::<Vec<u8>>()] {
        let told = post(&receiver, PATH, &[THRIFT], body).await;
        assert_eq!(told.status, StatusCode::BAD_REQUEST);
        assert!(told.text.contains("it has no list of spans"), "{}", told.text);
    }
    assert_eq!((receiver.counts().bad_requests, receiver.counts().accepted_requests), (3, 0));
    // A call `emitBatch` in the compact protocol without a batch.
    let call = [&[0x82, 0x81, 1, 9][..], b"emitBatch", &[0]].concat();
    assert!(decode_compact(&call).unwrap_err().to_string().contains("it has no list of spans"));
}

#[tokio::test]
async fn size_and_count_are_limited() {
    let receiver = limited(|l| l.max_body_bytes = BINARY.len() - 1);
    assert_eq!(post(&receiver, PATH, &[THRIFT], BINARY).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let two = &[&[15, 0, 2, 12, 0, 0, 0, 2][..], &[0; 3]].concat();
    for (most, status) in [(1, 400), (2, 202)] {
        let receiver = limited(|l| l.max_records = most);
        assert_eq!(post(&receiver, PATH, &[THRIFT], two.clone()).await.status.as_u16(), status);
    }
}

#[tokio::test]
async fn under_load_a_client_is_told_when_to_come_back() {
    let busy = limited(|l| l.max_requests = 0);
    let told = post(&busy, PATH, &[THRIFT], BINARY).await;
    assert_eq!((told.status, told.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"));
    let slow = limited(|l| l.max_bytes_per_second = 1);
    let first = post(&slow, PATH, &[THRIFT], BINARY).await;
    let second = post(&slow, PATH, &[THRIFT], BINARY).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (202, 429));
    for why in [NotHeld::Full, NotHeld::Closed] {
        let receiver = receiver(&Kept::refusing(why));
        let told = post(&receiver, PATH, &[THRIFT], BINARY).await;
        assert_eq!((told.status, told.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
        assert_eq!((receiver.counts().busy_requests, receiver.counts().spans), (1, 0));
    }
}

#[tokio::test]
async fn the_header_names_the_tenant() {
    let kept = Kept::default();
    let receiver = receiver(&kept).tenant_header("x-tenant".parse().unwrap());
    assert_eq!(post(&receiver, PATH, &[("x-tenant", "acme")], BINARY).await.status, 202);
    assert_eq!(post(&receiver, PATH, &[("x-tenant", "no name")], BINARY).await.status, 400);
    assert_eq!(kept.spans.lock().unwrap()[0].0, Some(TenantId::new("acme").unwrap()));
}

#[tokio::test]
async fn what_our_exporter_sends_by_either_way_is_in_the_pipeline() {
    let out = CaptureExporter::new();
    let pipeline = Pipeline::builder().export_spans("out", out.clone()).start().unwrap();
    let ingest = pipeline.ingest(OverflowPolicy::Drop);
    let http = JaegerReceiver::new(ingest.clone(), ReceiverLimits::default());
    let listener = http.listen("127.0.0.1:0").await.unwrap();
    let (_, agent) = listen(DatagramProtocol::Compact, ingest, &ReceiverLimits::default()).await;
    let batch = every_field();
    for endpoint in
        [format!("http://{}/api/traces", listener.local_addr()), format!("udp://{}", agent.local_addr())]
    {
        let exporter = JaegerExporter::new(&JaegerConfig::new(&endpoint)).unwrap();
        exporter.export(&batch).await.unwrap();
        exporter.shutdown().await.unwrap();
    }
    listener.shutdown().await;
    let counts = agent.shutdown().await;
    assert_eq!((counts.spans, counts.dropped().iter().map(|(_, n)| n).sum::<u64>()), (batch.len() as u64, 0));
    assert_eq!(http.counts().spans, batch.len() as u64);
    let report =
        tokio::task::spawn_blocking(move || pipeline.shutdown(Duration::from_secs(10))).await.unwrap();
    report.unwrap();
    let mut bytes = Vec::new();
    encode_compact(&batch, &mut bytes);
    let decoded = decode_compact(&bytes).unwrap();
    let expected = decoded.batches.iter().flat_map(|b| b.iter()).map(|s| format!("{:?}", s.to_span_data()));
    let expected: Vec<String> = expected.collect();
    let got: Vec<String> = out.spans().iter().map(|s| format!("{s:?}")).collect();
    assert_eq!(got, [expected.clone(), expected].concat());
}

/// A call in the binary protocol around a batch: with a version, and as older writers have it, without.
fn calls() -> [Vec<u8>; 2] {
    // The batch is argument 1 of emitBatch.
    let argument = [&[12, 0, 1][..], BINARY, &[0]].concat();
    let name = [&9_i32.to_be_bytes()[..], b"emitBatch"].concat();
    let new = [&[0x80, 1, 0, 4][..], &name, &[0, 0, 0, 1], &argument].concat();
    let old = [&name[..], &[4, 0, 0, 0, 1], &argument].concat();
    [new, old]
}

#[tokio::test]
async fn datagrams_of_either_protocol_are_held_and_what_is_not_is_counted_with_its_reason() {
    for (protocol, good) in
        [(DatagramProtocol::Compact, vec![COMPACT.to_vec()]), (DatagramProtocol::Binary, calls().into())]
    {
        let kept = Kept::default();
        let limits = ReceiverLimits::default();
        let (_, agent) = listen(protocol, kept.clone(), &limits).await;
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for datagram in good.iter().map(Vec::as_slice).chain([&b"\x82\x81\x00\x03ping"[..], b""]) {
            client.send_to(datagram, agent.local_addr()).await.unwrap();
        }
        let counts = agent.shutdown().await;
        assert_eq!(
            (counts.datagrams, counts.malformed_datagrams),
            (good.len() as u64 + 2, 2),
            "{protocol:?}"
        );
        assert_eq!(counts.spans as usize, kept.spans().len());
        assert_eq!(kept.spans().len(), 2, "{protocol:?}");
    }
    for (why, count) in [(NotHeld::Full, "no_room"), (NotHeld::Closed, "late")] {
        let limits = ReceiverLimits::default();
        let refusing = Kept::refusing(why);
        let (_, agent) = listen(DatagramProtocol::Compact, refusing, &limits).await;
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.send_to(COMPACT, agent.local_addr()).await.unwrap();
        let counts = agent.shutdown().await;
        let lost: Vec<_> = counts.dropped().into_iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!((lost, counts.spans), (vec![(count, 2)], 0));
    }
}

#[tokio::test]
async fn datagrams_over_the_rate_are_counted() {
    let mut limits = ReceiverLimits::default();
    limits.max_requests_per_second = 1;
    let kept = Kept::default();
    let (_, agent) = listen(DatagramProtocol::Compact, kept.clone(), &limits).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for _ in 0..5 {
        client.send_to(COMPACT, agent.local_addr()).await.unwrap();
    }
    let counts = agent.shutdown().await;
    assert_eq!(counts.datagrams, 5);
    assert!(counts.over_rate_datagrams >= 3, "{counts:?}");
    assert_eq!(counts.spans, (5 - counts.over_rate_datagrams) * 2);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_the_system_drops_while_nobody_reads_is_counted() {
    /// Never done with the first batch.
    struct Stuck(tokio::sync::Semaphore);

    #[async_trait::async_trait]
    impl trace_exporters::receiver::Holder for Stuck {
        async fn hold(
            &self,
            _: Vec<trace_core::batch::SpanBatchMut>,
            _: Option<TenantId>,
        ) -> Result<(), NotHeld> {
            self.0.acquire().await.map(drop).map_err(|_| NotHeld::Closed)
        }
    }
    let limits = ReceiverLimits::default();
    let stuck = Stuck(tokio::sync::Semaphore::new(0));
    let (receiver, agent) = listen(DatagramProtocol::Compact, stuck, &limits).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut large = COMPACT.to_vec();
    large.resize(60_000, 0);
    for _ in 0..400 {
        client.send_to(&large, agent.local_addr()).await.unwrap();
    }
    let counts = receiver.counts();
    assert!(counts.system_dropped_datagrams > 0, "{counts:?}");
}
