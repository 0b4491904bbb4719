//! Exporters of the OpenTelemetry project behind our pipeline, and the project's SDK in front of it: what arrives at
//! an OTLP receiver is decoded with `opentelemetry-proto` and compared with what the other side sends.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "otlp")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message;
use support::Receiver;
use trace_core::batch::SpanBatch;
use trace_core::metric::MeterRegistry;
use trace_core::model::{self, Resource, Scope, Timestamp};
use trace_core::pipeline::Pipeline;
use trace_core::sdk::{
    OfficialMetricExporter, OfficialSpanExporter, PipelineMetricExporter, PipelineSpanProcessor,
};
use trace_core::signal::SpanExporter as _;
use trace_exporters::otlp::{OtlpConfig, OtlpMetricExporter, OtlpSpanExporter};

const LONG: Duration = Duration::from_secs(20);

/// Serves on a thread of its own, as another process would.
fn on_thread<T: Send + 'static>(start: impl Future<Output = T> + Send + 'static) -> T {
    let (tx, rx) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            tx.send(start.await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    rx.recv().unwrap()
}

fn receiver() -> Receiver {
    on_thread(Receiver::start([]))
}

fn requests<M: Message + Default>(receiver: &Receiver, path: &str) -> Vec<M> {
    let line = format!("POST {path} ");
    let of_path = receiver.received().into_iter().filter(|r| r.line.starts_with(&line)).collect::<Vec<_>>();
    of_path.iter().map(|r| M::decode(&*r.plain_body()).unwrap()).collect()
}

/// The one resource, and the spans with their library, by span id.
fn spans(requests: Vec<ExportTraceServiceRequest>) -> (String, Vec<(String, Span)>) {
    let mut resources = Vec::new();
    let mut spans = Vec::new();
    for resource in requests.into_iter().flat_map(|r| r.resource_spans) {
        let mut attributes = resource.resource.clone().unwrap().attributes;
        attributes.sort_by(|a, b| a.key.cmp(&b.key));
        resources.push(format!("{attributes:?} {}", resource.schema_url));
        for scope in resource.scope_spans {
            let library = format!("{:?} {}", scope.scope, scope.schema_url);
            spans.extend(scope.spans.into_iter().map(|s| (library.clone(), s)));
        }
    }
    resources.dedup();
    assert_eq!(resources.len(), 1);
    spans.sort_by(|a, b| a.1.span_id.cmp(&b.1.span_id));
    (resources.remove(0), spans)
}

fn official_http(receiver: &Receiver) -> opentelemetry_otlp::SpanExporter {
    opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", receiver.url()))
        .build()
        .unwrap()
}

/// Spans of the SDK with everything it can say.
fn tell(provider: &SdkTracerProvider) {
    let scope = opentelemetry::InstrumentationScope::builder("lib")
        .with_version("1.2")
        .with_schema_url("https://schema/scope")
        .with_attributes([KeyValue::new("team", "checkout")])
        .build();
    let tracer = provider.tracer_with_scope(scope);
    let remote = Context::new().with_remote_span_context(opentelemetry::trace::SpanContext::new(
        opentelemetry::TraceId::from_bytes([7; 16]),
        opentelemetry::SpanId::from_bytes([9; 8]),
        opentelemetry::TraceFlags::SAMPLED,
        true,
        "vendor=1,other=2".parse().unwrap(),
    ));
    let parent =
        tracer.span_builder("parent").with_kind(SpanKind::Server).start_with_context(&tracer, &remote);
    let cx = Context::new().with_span(parent);
    let mut child =
        tracer.span_builder("child ä").with_kind(SpanKind::Client).start_with_context(&tracer, &cx);
    child.set_attributes([
        KeyValue::new("b", true),
        KeyValue::new("i", -7),
        KeyValue::new("f", 1.5),
        KeyValue::new("s", "text"),
        KeyValue::new("i", 8),
        KeyValue::new("list", Value::Array(vec![1_i64, 2].into())),
        KeyValue::new("empty", Value::Array(Vec::<bool>::new().into())),
    ]);
    child.add_event("e", vec![KeyValue::new("k", "v")]);
    child.add_link(remote.span().span_context().clone(), vec![KeyValue::new("l", 1.0)]);
    child.set_status(Status::error("bad"));
    (0..200).for_each(|i| child.add_event(format!("e{i}"), Vec::new()));
    child.end();
    cx.span().set_status(Status::Ok);
    cx.span().end();
}

#[test]
fn spans_of_the_sdk_leave_our_otlp_exporter_as_they_leave_the_official_one() {
    let (ours, theirs) = (receiver(), receiver());
    let pipeline = Pipeline::builder()
        .export_spans("otlp", OtlpSpanExporter::new(&OtlpConfig::new(ours.url())).unwrap())
        .start()
        .unwrap();
    let pipeline = Arc::new(pipeline);
    let provider = SdkTracerProvider::builder()
        .with_resource(
            opentelemetry_sdk::Resource::builder_empty()
                .with_schema_url(
                    [KeyValue::new("service.name", "shop"), KeyValue::new("n", 1)],
                    "https://schema/r",
                )
                .build(),
        )
        .with_span_processor(PipelineSpanProcessor::new(pipeline.clone()))
        .with_simple_exporter(official_http(&theirs))
        .build();
    tell(&provider);
    provider.force_flush().unwrap();
    let (ours, theirs) = (spans(requests(&ours, "/v1/traces")), spans(requests(&theirs, "/v1/traces")));
    assert_eq!(theirs.1.len(), 2);
    assert_eq!(ours, theirs);
    pipeline.shutdown(LONG).unwrap();
}

/// Spans of ours with everything our model has, and plain ones.
fn batch() -> SpanBatch {
    let id = |n| model::SpanId::new(n).unwrap();
    let at = model::Timestamp::from_unix_nanos;
    let mut context = model::SpanContext::new(model::TraceId::from_random(7), id(1), model::TraceFlags(3));
    context.trace_state = model::TraceState::parse(["vendor=1,other=2"]).unwrap();
    let mut full = model::SpanData::new(context.clone(), "full", at(1_756_900_000_123_456_789), at(u64::MAX));
    full.parent_span_id = Some(id(2));
    full.parent_is_remote = true;
    full.kind = model::SpanKind::Consumer;
    full.attributes = vec![
        model::KeyValue::new("b", true),
        model::KeyValue::new("i", i64::MIN),
        model::KeyValue::new("f", -0.5),
        model::KeyValue::new("s", "ä\n😀"),
        model::KeyValue::new("list", vec!["a", "b"]),
        model::KeyValue::new("empty", Vec::<f64>::new()),
    ];
    full.events = vec![model::Event {
        name: "e".into(),
        time: at(5),
        attributes: full.attributes.clone(),
        dropped_attributes: 3,
    }];
    let linked = model::SpanContext { is_remote: true, span_id: id(8), ..context };
    full.links =
        vec![model::Link { context: linked, attributes: full.attributes.clone(), dropped_attributes: 4 }];
    full.status = model::Status::Error("bad".into());
    full.scope = Arc::new(Scope {
        name: "lib".into(),
        version: "1".into(),
        schema_url: "https://schema/scope".into(),
        attributes: model::AttributeSet::new([model::KeyValue::new("team", "checkout")]),
    });
    (full.dropped_attributes, full.dropped_events, full.dropped_links) = (5, 6, 7);
    let plain = (10..14).map(|n| {
        let context =
            model::SpanContext::new(model::TraceId::from_random(7), id(n), model::TraceFlags::SAMPLED);
        let mut plain = model::SpanData::new(context, "plain", at(n), at(n + 1));
        plain.status = model::Status::Ok;
        plain
    });
    let resource = Resource {
        schema_url: "https://schema/r".into(),
        ..Resource::new([model::KeyValue::new("service.name", "shop"), model::KeyValue::new("n", 1)])
    };
    SpanBatch::from_spans(Arc::new(resource), [full].into_iter().chain(plain))
}

#[test]
fn our_spans_leave_the_official_http_exporter_as_they_leave_ours() {
    let (ours, theirs) = (receiver(), receiver());
    let batch = batch();
    // The official one blocks the thread on which it is called.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = OtlpConfig::new(ours.url());
        OtlpSpanExporter::new(&config).unwrap().export(&batch).await.unwrap();
        let official = OfficialSpanExporter::new(official_http(&theirs));
        official.export(&batch).await.unwrap();
        official.shutdown().await.unwrap();
    });
    let (ours, theirs) = (spans(requests(&ours, "/v1/traces")), spans(requests(&theirs, "/v1/traces")));
    assert_eq!(ours.1.len(), batch.len());
    assert_eq!(ours, theirs);
}

/// Keeps what it gets.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

#[test]
fn the_official_grpc_exporter_is_built_and_runs_on_the_runtime_of_its_destination() {
    let collector = Collector::default();
    let service = TraceServiceServer::new(collector.clone());
    let address = on_thread(async {
        let incoming = tonic::transport::server::TcpIncoming::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = incoming.local_addr().unwrap();
        tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
        address
    });
    let build = move || {
        opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(format!("http://{address}"))
            .build()
    };
    // Also from inside of a runtime that the shutdown blocks.
    let application = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    application.block_on(async {
        let pipeline = Pipeline::builder()
            .recorder(trace_core::record::Recorder::builder().resource(Resource::service("shop")))
            .export_spans("grpc", OfficialSpanExporter::build_with(build))
            .start()
            .unwrap();
        (0..3).for_each(|_| pipeline.recorder().span("work").start().end());
        pipeline.flush(LONG).unwrap();
        (0..2).for_each(|_| pipeline.recorder().span("work").start().end());
        let report = pipeline.shutdown(LONG).unwrap();
        assert_eq!((report.ledger.received, report.ledger.destinations[0].delivered), (5, 5));
    });
    let (resource, spans) = spans(collector.0.lock().unwrap().clone());
    assert!(resource.contains("shop"), "{resource}");
    assert_eq!(spans.len(), 5);
}

#[test]
fn a_dead_receiver_behind_an_official_exporter_is_in_the_accounts() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let official = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("http://{closed}/v1/traces"))
        .with_timeout(Duration::from_millis(200))
        .build()
        .unwrap();
    let pipeline =
        Pipeline::builder().export_spans("dead", OfficialSpanExporter::new(official)).start().unwrap();
    pipeline.recorder().span("work").start().end();
    let ledger = pipeline.shutdown(LONG).unwrap_err().report.ledger;
    assert!(ledger.adds_up());
    assert_eq!(ledger.lost(), 1, "{ledger:?}");
    assert!(ledger.destinations[0].last_error.is_some());
}

/// Names, units and values, by series; times are the SDK's own.
fn metrics(requests: Vec<ExportMetricsServiceRequest>) -> Vec<String> {
    let mut lines = Vec::new();
    for scope in requests.into_iter().flat_map(|r| r.resource_metrics).flat_map(|r| r.scope_metrics) {
        for m in scope.metrics {
            let head = format!("{:?} {} {} {}", scope.scope, m.name, m.unit, m.description);
            let line = match m.data.unwrap() {
                Data::Sum(sum) => {
                    let points =
                        sum.data_points.iter().map(|p| (&p.attributes, &p.value)).collect::<Vec<_>>();
                    format!("{head} {} {} {points:?}", sum.aggregation_temporality, sum.is_monotonic)
                }
                Data::Gauge(gauge) => {
                    format!(
                        "{head} {:?}",
                        gauge.data_points.iter().map(|p| (&p.attributes, &p.value)).collect::<Vec<_>>()
                    )
                }
                Data::Histogram(h) => {
                    let mut points = h.data_points;
                    for p in &mut points {
                        (p.time_unix_nano, p.start_time_unix_nano) = (0, 0);
                        p.exemplars.clear();
                    }
                    format!("{head} {} {points:?}", h.aggregation_temporality)
                }
                other => format!("{head} {other:?}"),
            };
            lines.push(line);
        }
    }
    lines.sort();
    lines
}

#[test]
fn our_metrics_leave_the_official_exporter_as_they_leave_ours_but_for_times() {
    let (ours, theirs) = (receiver(), receiver());
    let registry = MeterRegistry::new(Arc::new(Resource::service("shop")));
    let meter = registry.meter(Scope::named("lib"));
    let one = model::KeyValue::new("k", "v");
    meter.counter("orders").unit("{order}").build().unwrap().add(3_u32, std::slice::from_ref(&one));
    meter.counter("bytes").unit("By").build().unwrap().add(2.5, &[]);
    meter.up_down_counter("open").build().unwrap().add(-4, &[]);
    meter.gauge("level").build().unwrap().record(7.25, &[]);
    let took = meter.histogram("took").unit("s").build().unwrap();
    [0.25, 0.5, 64.0].iter().for_each(|v| took.record(*v, std::slice::from_ref(&one)));
    let official = opentelemetry_otlp::MetricExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/metrics", theirs.url()))
        .build()
        .unwrap();
    let pipeline = Pipeline::builder()
        .collect_metrics(LONG, move || registry.collect(Timestamp::now()))
        .export_metrics("ours", OtlpMetricExporter::new(&OtlpConfig::new(ours.url())).unwrap())
        .export_metrics("official", OfficialMetricExporter::new(official))
        .start()
        .unwrap();
    pipeline.shutdown(LONG).unwrap();
    let (ours, theirs) = (metrics(requests(&ours, "/v1/metrics")), metrics(requests(&theirs, "/v1/metrics")));
    assert_eq!(ours.len(), 5);
    assert_eq!(ours, theirs);
}

#[test]
fn metrics_of_the_sdk_leave_our_exporter_as_they_leave_the_official_one() {
    use opentelemetry::metrics::MeterProvider as _;
    use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
    let (ours, theirs) = (receiver(), receiver());
    let otlp = OtlpMetricExporter::new(&OtlpConfig::new(ours.url())).unwrap();
    let pipeline = Arc::new(Pipeline::builder().export_metrics("otlp", otlp).start().unwrap());
    let official = opentelemetry_otlp::MetricExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/metrics", theirs.url()))
        .build()
        .unwrap();
    let never = Duration::from_secs(1 << 20);
    let provider = SdkMeterProvider::builder()
        .with_reader(
            PeriodicReader::builder(PipelineMetricExporter::new(pipeline.clone()))
                .with_interval(never)
                .build(),
        )
        .with_reader(PeriodicReader::builder(official).with_interval(never).build())
        .build();
    let meter = provider.meter("lib");
    meter.u64_counter("c").with_unit("By").with_description("d").build().add(5, &[KeyValue::new("k", "v")]);
    meter.f64_counter("cf").build().add(0.1, &[]);
    meter
        .i64_up_down_counter("u")
        .build()
        .add(-5, &[KeyValue::new("list", Value::Array(vec![1_i64].into()))]);
    meter.f64_gauge("g").build().record(-0.5, &[]);
    let h = meter.f64_histogram("h").with_boundaries(vec![1.0, 2.0]).build();
    [0.1, 1.0, 1.5, 9.75].iter().for_each(|v| h.record(*v, &[]));
    provider.force_flush().unwrap();
    pipeline.flush(LONG).unwrap();
    let (ours, theirs) = (metrics(requests(&ours, "/v1/metrics")), metrics(requests(&theirs, "/v1/metrics")));
    assert_eq!(theirs.len(), 5);
    assert_eq!(ours, theirs);
    provider.shutdown().unwrap();
    pipeline.shutdown(LONG).unwrap();
}

#[test]
fn the_official_stdout_exporters_run_behind_the_pipeline() {
    let registry = MeterRegistry::new(Arc::new(Resource::service("shop")));
    registry.meter(Scope::named("lib")).counter("orders").build().unwrap().add(3_u32, &[]);
    let pipeline = Pipeline::builder()
        .collect_metrics(LONG, move || registry.collect(Timestamp::now()))
        .export_spans("spans", OfficialSpanExporter::new(opentelemetry_stdout::SpanExporter::default()))
        .export_metrics(
            "metrics",
            OfficialMetricExporter::new(opentelemetry_stdout::MetricExporter::default()),
        )
        .start()
        .unwrap();
    pipeline.recorder().span("work").start().end();
    let report = pipeline.shutdown(LONG).unwrap();
    assert!(report.ledger.destinations.iter().all(|d| d.delivered == 1), "{report}");
}
