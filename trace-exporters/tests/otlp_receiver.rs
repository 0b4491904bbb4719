//! What the OTLP receiver takes, refuses and answers.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(all(feature = "otlp-receiver", feature = "otlp"))]

use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flate2::write::GzEncoder;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value as Json, json};
use trace_core::batch::{SpanBatch, SpanBatchMut};
use trace_core::model::*;
use trace_core::pipeline::Pipeline;
use trace_core::record::OverflowPolicy;
use trace_core::testing::CaptureExporter;
use trace_exporters::otlp;
use trace_exporters::otlp_receiver::{InvalidReceiver, OtlpReceiver, OtlpReceiverConfig};
use trace_exporters::receiver::{Holder, MetricHolder, NotHeld, ReceiverLimits};

mod support;
use support::shop;

fn encode_spans(batch: &SpanBatch) -> Vec<u8> {
    let mut out = Vec::new();
    otlp::encode_spans(batch, &mut out);
    out
}

fn encode_metrics(batch: &MetricBatch) -> Vec<u8> {
    let mut out = Vec::new();
    otlp::encode_metrics(batch, &mut out);
    out
}

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// Whose spans, and which.
type Received = (Option<TenantId>, Vec<SpanData>);

/// Keeps what it gets, or refuses it.
#[derive(Clone, Default)]
struct Kept {
    spans: Arc<Mutex<Vec<Received>>>,
    points: Arc<Mutex<usize>>,
    refuse: Option<NotHeld>,
}

#[async_trait]
impl Holder for Kept {
    async fn hold(&self, batches: Vec<SpanBatchMut>, tenant: Option<TenantId>) -> Result<(), NotHeld> {
        if let Some(why) = &self.refuse {
            return Err(why.clone());
        }
        let spans = batches.iter().flat_map(SpanBatchMut::iter).map(|s| s.to_span_data()).collect();
        self.spans.lock().unwrap().push((tenant, spans));
        Ok(())
    }
}

#[async_trait]
impl MetricHolder for Kept {
    async fn hold(&self, batches: Vec<MetricBatch>, _: Option<TenantId>) -> Result<(), NotHeld> {
        *self.points.lock().unwrap() += batches.iter().map(MetricBatch::point_count).sum::<usize>();
        self.refuse.clone().map_or(Ok(()), Err)
    }
}

impl Kept {
    fn count(&self) -> usize {
        self.spans.lock().unwrap().iter().map(|(_, spans)| spans.len()).sum()
    }
}

fn spans(n: u64) -> SpanBatch {
    let spans = (1..=n).map(|id| {
        let ids = (TraceId::new(7).unwrap(), SpanId::new(id).unwrap());
        let mut span = SpanData::new(
            SpanContext::new(ids.0, ids.1, TraceFlags::SAMPLED),
            format!("span {id}"),
            Timestamp::from_unix_nanos(1),
            Timestamp::from_unix_nanos(2),
        );
        span.attributes.push(KeyValue::new("n", id as i64));
        span
    });
    SpanBatch::from_spans(Arc::new(Resource::service("client")), spans.collect::<Vec<_>>())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    trailers: HeaderMap,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn answer<B>(response: Response<B>) -> Answer
where
    B: http_body_util::BodyExt<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    Answer { status: head.status, headers: head.headers, body: body.to_bytes(), trailers }
}

async fn ask(
    receiver: &OtlpReceiver,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Answer {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(receiver.respond(request.body(Full::new(body.into())).unwrap()).await).await
}

async fn post(receiver: &OtlpReceiver, content_type: &str, body: impl Into<Bytes>) -> Answer {
    ask(receiver, "/v1/traces", &[("content-type", content_type)], body).await
}

fn receiver() -> (OtlpReceiver, Kept) {
    let kept = Kept::default();
    (OtlpReceiver::new(kept.clone(), ReceiverLimits::default()).metrics(kept.clone()), kept)
}

fn limited(change: impl FnOnce(&mut ReceiverLimits)) -> OtlpReceiver {
    let mut limits = ReceiverLimits::default();
    change(&mut limits);
    OtlpReceiver::new(Kept::default(), limits)
}

#[tokio::test]
async fn an_answer_has_the_type_of_its_request() {
    let (receiver, kept) = receiver();
    let plain = post(&receiver, PROTOBUF, encode_spans(&spans(3))).await;
    assert_eq!(
        (plain.status, plain.header("content-type"), &plain.body[..]),
        (StatusCode::OK, PROTOBUF, &b""[..])
    );
    let span =
        json!({"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "x"});
    let body =
        json!({"resourceSpans": [{"scopeSpans": [{"spans": [span, {"name": "no ids"}]}]}]}).to_string();
    let json_answer = post(&receiver, "application/JSON; charset=utf-8", body).await;
    assert_eq!((json_answer.status, json_answer.header("content-type")), (StatusCode::OK, JSON));
    let why = "a trace id is not 16 bytes, or all zeros";
    assert_eq!(json_answer.json(), json!({"partialSuccess": {"rejectedSpans": "1", "errorMessage": why}}));
    assert_eq!(kept.count(), 4);
    let empty = post(&receiver, JSON, "{}").await;
    assert_eq!((empty.status, empty.json()), (StatusCode::OK, json!({})));
    let counts = receiver.counts();
    assert_eq!((counts.accepted_requests, counts.spans, counts.rejected_spans), (3, 4, 1));
}

#[tokio::test]
async fn a_partial_success_says_how_many_and_why_in_protobuf() {
    use opentelemetry_proto::tonic::collector::trace::v1::*;
    use prost::Message as _;
    let (receiver, kept) = receiver();
    let mut request = ExportTraceServiceRequest::decode(&encode_spans(&spans(3))[..]).unwrap();
    request.resource_spans[0].scope_spans[0].spans[1].span_id = vec![0; 8];
    let answer = post(&receiver, PROTOBUF, request.encode_to_vec()).await;
    let partial = ExportTraceServiceResponse::decode(answer.body).unwrap().partial_success.unwrap();
    assert_eq!((partial.rejected_spans, kept.count()), (1, 2));
    assert!(partial.error_message.contains("span id"));
}

#[tokio::test]
async fn a_span_whose_sdk_does_not_send_the_sampled_flag_is_sampled() {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;
    let (receiver, kept) = receiver();
    let mut request = ExportTraceServiceRequest::decode(&encode_spans(&spans(2))[..]).unwrap();
    // As the SDK for Python does: "it is known that the parent is not remote", and nothing else.
    request.resource_spans[0].scope_spans[0].spans[0].flags = 0x100;
    post(&receiver, PROTOBUF, request.encode_to_vec()).await;
    let kept = kept.spans.lock().unwrap();
    assert!(kept[0].1.iter().all(|s| s.context.is_sampled()), "{kept:?}");
}

#[tokio::test]
async fn metrics_are_taken_where_somebody_holds_them() {
    let (receiver, kept) = receiver();
    let batch = shop::metrics();
    let headers = [("content-type", PROTOBUF), ("content-encoding", "gzip")];
    let answer = ask(&receiver, "/prefix/v1/metrics", &headers, gzip(&encode_metrics(&batch))).await;
    assert_eq!(answer.status, StatusCode::OK);
    // One histogram is bent on purpose.
    assert_eq!(*kept.points.lock().unwrap(), batch.point_count() - 1);
    assert_eq!(receiver.counts().rejected_points, 1);
    let without = OtlpReceiver::new(kept, ReceiverLimits::default());
    assert_eq!(ask(&without, "/v1/metrics", &headers, "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn bad_requests_are_told_why() {
    let (receiver, kept) = receiver();
    let bad = post(&receiver, PROTOBUF, &b"\x0a\xff"[..]).await;
    assert_eq!((bad.status, bad.header("content-type")), (StatusCode::BAD_REQUEST, PROTOBUF));
    let status = tonic_types::Status::from_bytes(&bad.body);
    assert_eq!(status.code, 3);
    assert!(status.message.contains("not a protobuf request"), "{}", status.message);
    let bad = post(&receiver, JSON, "{\"resourceSpans\": 7}").await;
    assert_eq!((bad.status, bad.json()["code"].clone()), (StatusCode::BAD_REQUEST, json!(3)));
    assert!(bad.json()["message"].as_str().unwrap().contains("resourceSpans is a number"));

    let other = post(&receiver, "text/plain", "").await;
    assert_eq!(other.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let headers = [("content-type", PROTOBUF), ("content-encoding", "br")];
    assert_eq!(ask(&receiver, "/v1/traces", &headers, "").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let headers = [("content-type", PROTOBUF), ("content-encoding", "gzip")];
    assert_eq!(ask(&receiver, "/v1/traces", &headers, "no gzip").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(ask(&receiver, "/v1/logs", &headers, "").await.status, StatusCode::NOT_FOUND);
    let get = Request::get("/v1/traces").body(Full::new(Bytes::new())).unwrap();
    let get = answer(receiver.respond(get).await).await;
    assert_eq!((get.status, get.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    assert_eq!((kept.count(), receiver.counts().bad_requests), (0, 7));
}

#[tokio::test]
async fn sizes_are_limited_before_and_after_decompression() {
    let receiver = limited(|l| l.max_body_bytes = 1000);
    let body = encode_spans(&spans(100));
    assert_eq!(post(&receiver, PROTOBUF, body.clone()).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let gz = [("content-type", PROTOBUF), ("content-encoding", "gzip")];
    assert_eq!(
        ask(&receiver, "/v1/traces", &gz, gzip(&spans(1).len().to_be_bytes())).await.status,
        StatusCode::BAD_REQUEST
    );
    let receiver = limited(|l| l.max_decoded_bytes = 10_000);
    let bomb = gzip(&vec![0; 64 << 20]);
    let refused = ask(&receiver, "/v1/traces", &gz, bomb).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    let receiver = limited(|l| l.max_records = 101);
    assert_eq!(post(&receiver, PROTOBUF, body.clone()).await.status, StatusCode::BAD_REQUEST);
    let receiver = limited(|l| l.max_records = 102);
    assert_eq!(post(&receiver, PROTOBUF, body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn under_load_a_client_is_told_when_to_come_back() {
    let too_many = |change: fn(&mut ReceiverLimits)| limited(change);
    for receiver in [too_many(|l| l.max_requests = 0), too_many(|l| l.max_bytes_in_flight = 10)] {
        let busy = post(&receiver, PROTOBUF, encode_spans(&spans(3))).await;
        assert_eq!((busy.status, busy.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"));
    }
    for why in [NotHeld::Full, NotHeld::Closed] {
        let kept = Kept { refuse: Some(why), ..Kept::default() };
        let limits = serde_json::from_value(json!({"retryAfterSeconds": 7})).unwrap();
        let receiver = OtlpReceiver::new(kept.clone(), limits);
        let full = post(
            &receiver,
            JSON,
            json!({"resourceSpans": [{"scopeSpans": [{"spans": [
            {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331"}]}]}]})
            .to_string(),
        )
        .await;
        assert_eq!((full.status, full.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "7"));
        assert_eq!(full.json()["details"][0]["retryDelay"], "7s");
        assert_eq!((receiver.counts().busy_requests, receiver.counts().spans), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let (receiver, _) = receiver();
    let (_sender, never) = tokio::sync::mpsc::channel::<()>(1);
    struct Never(tokio::sync::mpsc::Receiver<()>);
    impl http_body::Body for Never {
        type Data = Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            self.0.poll_recv(cx).map(|_| None)
        }
    }
    let request = Request::post("/v1/traces").header("content-type", PROTOBUF).body(Never(never)).unwrap();
    assert_eq!(receiver.respond(request).await.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn the_header_names_the_tenant() {
    let kept = Kept::default();
    let config: OtlpReceiverConfig = serde_json::from_value(json!({"tenantHeader": "X-Tenant"})).unwrap();
    let receiver = config.receiver(kept.clone()).unwrap();
    for (value, status) in [("acme", 200), ("no name", 400), ("", 400)] {
        let headers = [("content-type", PROTOBUF), ("x-tenant", value)];
        let answer = ask(&receiver, "/v1/traces", &headers, encode_spans(&spans(1))).await;
        assert_eq!(answer.status.as_u16(), status, "{value}");
    }
    post(&receiver, PROTOBUF, encode_spans(&spans(1))).await;
    let twice = [("content-type", PROTOBUF), ("x-tenant", "a"), ("x-tenant", "b")];
    assert_eq!(ask(&receiver, "/v1/traces", &twice, "").await.status, StatusCode::BAD_REQUEST);
    let tenants: Vec<_> = kept.spans.lock().unwrap().iter().map(|(t, _)| t.clone()).collect();
    assert_eq!(tenants, [Some(TenantId::new("acme").unwrap()), None]);
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    let read = |json: Json| serde_json::from_value::<OtlpReceiverConfig>(json);
    let config = read(json!({"limits": {"max_requests": 0}})).unwrap();
    assert!(matches!(config.receiver(Kept::default()), Err(InvalidReceiver::Limits(_))));
    let config = read(json!({"tenant_header": "no header"})).unwrap();
    assert!(matches!(config.receiver(Kept::default()), Err(InvalidReceiver::Header { .. })));
    assert!(read(json!({"port": 4317})).is_err());
}

/// Of `google.rpc.Status`, as far as it is looked at here.
mod tonic_types {
    use prost::Message;

    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Status {
        #[prost(uint32, tag = "1")]
        pub(crate) code: u32,
        #[prost(string, tag = "2")]
        pub(crate) message: String,
        #[prost(message, repeated, tag = "3")]
        pub(crate) details: Vec<Any>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(crate) struct Any {
        #[prost(string, tag = "1")]
        pub(crate) type_url: String,
        #[prost(bytes, tag = "2")]
        pub(crate) value: Vec<u8>,
    }

    impl Status {
        pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
            Self::decode(bytes).unwrap()
        }
    }
}

#[path = "otlp_receiver/grpc.rs"]
mod grpc;

#[tokio::test]
async fn both_ports_answer_both_and_what_a_pipeline_acknowledged_arrives() {
    use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
    use prost::Message as _;
    use trace_core::signal::SpanExporter as _;
    use trace_exporters::otlp::{Compression, OtlpConfig, OtlpSpanExporter};
    let out = CaptureExporter::new();
    let pipeline = Pipeline::builder().export_spans("out", out.clone()).start().unwrap();
    let config = OtlpReceiverConfig::new("127.0.0.1:0", "127.0.0.1:0");
    let receiver = config.receiver(pipeline.ingest(OverflowPolicy::Drop)).unwrap();
    let listener = trace_exporters::otlp_receiver::OtlpListener::start(&config, receiver).await.unwrap();
    let ports = [listener.grpc_addr().unwrap(), listener.http_addr().unwrap()];
    for port in ports {
        let url = format!("http://{port}");
        for compression in [Compression::None, Compression::Gzip] {
            let exporter = OtlpSpanExporter::new(&OtlpConfig::new(&url).compression(compression)).unwrap();
            exporter.export(&spans(10)).await.unwrap();
        }
        let request = opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest::decode(
            &encode_spans(&spans(10))[..],
        )
        .unwrap();
        TraceServiceClient::connect(url).await.unwrap().export(request).await.unwrap();
    }
    assert_eq!(listener.receiver().counts().spans, 60);
    listener.shutdown().await;
    assert!(tokio::net::TcpStream::connect(ports[0]).await.is_err(), "nobody listens any more");
    let report = tokio::task::spawn_blocking(move || pipeline.shutdown(Duration::from_secs(10)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(report.ledger.delivered, 60);
    assert_eq!(out.spans().len(), 60);
}

#[tokio::test]
async fn it_mounts_in_axum() {
    use tower::ServiceExt as _;
    let (receiver, kept) = receiver();
    let app: axum::Router = axum::Router::new().route_service("/v1/traces", receiver);
    let request = Request::post("/v1/traces")
        .header("content-type", PROTOBUF)
        .body(axum::body::Body::from(encode_spans(&spans(2))))
        .unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), StatusCode::OK);
    assert_eq!(kept.count(), 2);
}
