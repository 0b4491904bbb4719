//! gRPC, with tonic as the client.

use super::*;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message as _;
use tonic::codec::CompressionEncoding;
use trace_exporters::otlp_receiver::OtlpListener;

async fn listen(receiver: OtlpReceiver) -> (OtlpListener, String) {
    let listener = OtlpListener::start(&OtlpReceiverConfig::new("127.0.0.1:0", ""), receiver).await.unwrap();
    let url = format!("http://{}", listener.grpc_addr().unwrap());
    (listener, url)
}

fn request(n: u64) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(&encode_spans(&spans(n))[..]).unwrap()
}

#[tokio::test]
async fn tonic_exports_spans_and_metrics_plain_and_packed() {
    let (receiver, kept) = receiver();
    let (listener, url) = listen(receiver).await;
    let mut client = TraceServiceClient::connect(url.clone()).await.unwrap();
    let response = client.export(request(3)).await.unwrap().into_inner();
    assert!(response.partial_success.is_none());
    let mut client = client.send_compressed(CompressionEncoding::Gzip);
    client.export(request(5000)).await.unwrap();
    let mut bad = request(2);
    bad.resource_spans[0].scope_spans[0].spans[0].trace_id.clear();
    let partial = client.export(bad).await.unwrap().into_inner().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert_eq!(kept.count(), 5004);
    let expected: Vec<_> = spans(3).iter().map(|s| s.to_span_data()).collect();
    assert_eq!(kept.spans.lock().unwrap()[0].1, expected);
    let mut client = MetricsServiceClient::connect(url).await.unwrap();
    let metrics = ExportMetricsServiceRequest::decode(&encode_metrics(&shop::metrics())[..]).unwrap();
    client.export(metrics).await.unwrap();
    assert_eq!(*kept.points.lock().unwrap(), shop::metrics().point_count() - 1, "one is bent on purpose");
    listener.shutdown().await;
}

#[tokio::test]
async fn failures_have_the_codes_that_clients_act_upon() {
    let full = Kept { refuse: Some(NotHeld::Full), ..Kept::default() };
    let (_listener, url) = listen(OtlpReceiver::new(full, ReceiverLimits::default())).await;
    let mut client = TraceServiceClient::connect(url.clone()).await.unwrap();
    let status = client.export(request(1)).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    let details = tonic_types::Status::from_bytes(status.details());
    assert_eq!((details.code, details.message.as_str()), (14, status.message()));
    assert_eq!(details.details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
    // RetryInfo{retry_delay: Duration{seconds: 1}}
    assert_eq!(details.details[0].value, [0x0a, 2, 0x08, 1]);
    let mut metrics = MetricsServiceClient::connect(url).await.unwrap();
    let status = metrics.export(ExportMetricsServiceRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unimplemented);

    let (_listener, url) = listen(limited(|l| l.max_decoded_bytes = 2000)).await;
    for compressed in [false, true] {
        let mut client = TraceServiceClient::connect(url.clone()).await.unwrap();
        if compressed {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        let status = client.export(request(1000)).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status:?}");
        assert!(tonic_types::Status::from_bytes(status.details()).details.is_empty(), "not to be repeated");
    }
}

#[tokio::test]
async fn what_is_not_one_message_is_refused() {
    let (receiver, _) = receiver();
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let grpc = |body: &'static [u8]| {
        let receiver = receiver.clone();
        async move { ask(&receiver, path, &[("content-type", "application/grpc+proto")], body).await }
    };
    for bad in [
        &b""[..],
        &[0, 0, 0, 0],
        &[0, 0, 0, 0, 1],
        &[0, 0, 0, 0, 0, 0],
        &[1, 0, 0, 0, 0],
        &[0, 0, 0, 0, 2, 10, 255],
    ] {
        let answer = grpc(bad).await;
        assert_eq!((answer.status, answer.header("grpc-status")), (StatusCode::OK, "3"), "{bad:?}");
    }
    let good = grpc(&[0, 0, 0, 0, 0]).await;
    assert_eq!((&good.body[..], good.header("content-type")), (&[0, 0, 0, 0, 0][..], "application/grpc"));
    assert_eq!(good.trailers["grpc-status"], "0");
}
