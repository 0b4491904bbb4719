//! What `CollectMetrics`, `DetectAnomalies` and `MonitoringLayer` promise.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod http_support;

use std::future::{pending, ready};
use std::pin::pin;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use http_support::*;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use trace_core::analyze::{RedConfig, RedQuery, RedWindows};
use trace_core::http::*;
use trace_core::metric::MeterRegistry;
use trace_core::model::{
    AttributeSet, MetricData, Number, NumberPoint, Resource, SpanId, TimeRange, Timestamp, TraceId,
};
use trace_core::record::current_context;

fn registry() -> MeterRegistry {
    MeterRegistry::new(Arc::new(Resource::service("shop")))
}

/// Sends requests of these paths through a layer and reads the answers to their ends. The path is the status.
async fn serve<L, B>(layer: &L, paths: &[&str])
where
    L: Layer<Answer>,
    L::Service: Service<Request<()>, Response = Response<B>>,
    <L::Service as Service<Request<()>>>::Error: std::fmt::Debug,
    B: http_body::Body,
{
    for path in paths {
        let response = layer.layer(Answer).oneshot(get(path)).await.unwrap();
        let _ = response.into_body().collect().await;
    }
}

/// Answers `/NNN` with the status NNN, and everything else with 200 and five bytes.
#[derive(Clone)]
struct Answer;

impl Service<Request<()>> for Answer {
    type Response = Response<Script>;
    type Error = Never;
    type Future = std::future::Ready<Result<Response<Script>, Never>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> std::task::Poll<Result<(), Never>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let code = request.uri().path()[1..].parse().unwrap_or(200);
        let mut response = status(code);
        *response.body_mut() = Script::new([Step::Data("12345")]);
        ready(Ok(response))
    }
}

fn labels(set: &AttributeSet) -> String {
    set.iter().map(|kv| format!("{}={}", kv.key, kv.value)).collect::<Vec<_>>().join(" ")
}

/// Every series as `name labels value`; of histograms the count.
fn series(registry: &MeterRegistry) -> Vec<String> {
    let batch = registry.collect(Timestamp::now());
    let mut out = Vec::new();
    for metric in batch.scopes.iter().flat_map(|s| &s.metrics) {
        match &metric.data {
            MetricData::Sum { points, .. } | MetricData::Gauge { points } => out.extend(
                points.iter().map(|p| format!("{} {} {}", metric.name, labels(&p.attributes), number(p))),
            ),
            MetricData::Histogram { points, .. } => out.extend(
                points.iter().map(|p| format!("{} {} {}", metric.name, labels(&p.attributes), p.count)),
            ),
            other => panic!("{other:?}"),
        }
    }
    out.sort();
    out
}

fn number(point: &NumberPoint) -> String {
    match point.value {
        Number::I64(v) => v.to_string(),
        Number::F64(v) => v.to_string(),
    }
}

#[tokio::test]
async fn requests_are_counted_and_timed_by_method_route_and_status() {
    let (registry, rig) = (registry(), Rig::new());
    let layer = collect_metrics(&registry)
        .unwrap()
        .names(MetricNames::Mplp)
        .clock(rig.recorder().clock().clone())
        .route_with(|p| (p.uri.path() != "/404").then_some("/items/{id}"));
    serve(&layer, &["/items/1", "/items/2", "/500", "/404", "/metrics"]).await;
    assert_eq!(
        series(&registry),
        [
            "mplp_http_request_duration handler=/items/{id} method=GET status=200 2",
            "mplp_http_request_duration handler=/items/{id} method=GET status=500 1",
            "mplp_http_request_duration handler=unmatched method=GET status=404 1",
            "mplp_http_requests handler=/items/{id} method=GET status=200 2",
            "mplp_http_requests handler=/items/{id} method=GET status=500 1",
            "mplp_http_requests handler=unmatched method=GET status=404 1",
        ]
    );
    let batch = registry.collect(Timestamp::now());
    let units: Vec<_> = batch.scopes[0].metrics.iter().map(|m| (m.name.as_ref(), m.unit.as_ref())).collect();
    assert_eq!(units, [("mplp_http_requests", "{request}"), ("mplp_http_request_duration", "s")]);
}

#[tokio::test]
async fn metrics_have_the_names_of_the_semantic_conventions() {
    let registry = registry();
    let layer = collect_metrics(&registry)
        .unwrap()
        .names(MetricNames::OpenTelemetry)
        .detailed(true)
        .route_with(|p| (p.uri.path() != "/404").then_some("/items/{id}"));
    serve(&layer, &["/items/1", "/500", "/404"]).await;
    let of = |name: &str, labels: &str| format!("{name} {labels} 1");
    let get = "http.request.method=GET http.response.status_code";
    let ok = format!("{get}=200 http.route=/items/{{id}} network.protocol.version=1.1 url.scheme=http");
    let bad = format!(
        "error.type=500 {get}=500 http.route=/items/{{id}} network.protocol.version=1.1 url.scheme=http"
    );
    let none = format!("{get}=404 network.protocol.version=1.1 url.scheme=http");
    let found = series(&registry);
    assert_eq!(found[0], "http.server.active_requests http.request.method=GET url.scheme=http 0");
    for labels in [ok, bad, none] {
        for name in ["http.server.request.duration", "http.server.response.body.size"] {
            assert!(found.contains(&of(name, &labels)), "{name} {labels} in {found:#?}");
        }
    }
    assert_eq!(found.len(), 7, "{found:#?}");
    let batch = registry.collect(Timestamp::now());
    let duration = batch.scopes[0].metrics.iter().find(|m| m.name.ends_with("duration")).unwrap();
    let MetricData::Histogram { points, .. } = &duration.data else { panic!("{duration:?}") };
    assert_eq!(duration.unit, "s");
    assert_eq!(points[0].bounds.as_ref(), &trace_core::metric::DEFAULT_BOUNDS[..]);
}

#[tokio::test]
async fn more_outcomes_than_an_operation_remembers_are_all_counted() {
    let registry = registry();
    let layer = collect_metrics(&registry).unwrap().names(MetricNames::Mplp);
    let paths: Vec<String> = (200..260).map(|code| format!("/{code}")).collect();
    for _ in 0..2 {
        serve(&layer, &paths.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    let counted = series(&registry)
        .iter()
        .filter(|s| s.starts_with("mplp_http_requests "))
        .cloned()
        .collect::<Vec<_>>();
    assert_eq!(counted.len(), 60);
    assert!(counted.iter().all(|s| s.ends_with(" 2")), "{counted:#?}");
}

#[tokio::test]
async fn paths_and_methods_of_strangers_make_no_series() {
    let registry = registry();
    let layer = collect_metrics(&registry).unwrap().names(MetricNames::Mplp);
    for i in 0..50 {
        let mut request = get(&format!("/admin/{i}.php"));
        *request.method_mut() = format!("M{i}").parse().unwrap();
        let _ = layer.layer(Answer).oneshot(request).await.unwrap().into_body().collect().await;
    }
    let expected = "mplp_http_requests handler=unmatched method=_OTHER status=200 50";
    assert_eq!(series(&registry)[1..], [expected]);
}

#[tokio::test]
async fn a_duration_lasts_until_the_body_has_ended() {
    let (registry, rig) = (registry(), Rig::new());
    let layer = collect_metrics(&registry).unwrap().clock(rig.recorder().clock().clone());
    let response = layer.layer(Answer).oneshot(get("/")).await.unwrap();
    rig.clock.advance(Duration::from_secs(2));
    assert_eq!(series(&registry), [""; 0]);
    let _ = response.into_body().collect().await;
    let batch = registry.collect(Timestamp::now());
    let duration = batch.scopes[0].metrics.iter().find(|m| m.name == "mplp_http_request_duration").unwrap();
    let MetricData::Histogram { points, .. } = &duration.data else { panic!("{duration:?}") };
    assert_eq!(points[0].sum, 2.0);
}

#[test]
fn a_request_without_a_response_counts_as_499_or_500() {
    let registry = registry();
    let layer = collect_metrics(&registry).unwrap().detailed(true);
    let cx = &mut Context::from_waker(Waker::noop());
    {
        let service = service_fn(|_| pending::<Result<Response<Script>, Never>>());
        let mut future = pin!(layer.layer(service).oneshot(get("/")));
        assert!(std::future::Future::poll(future.as_mut(), cx).is_pending());
        assert!(
            series(&registry).contains(&"mplp_http_requests_in_flight handler=unmatched method=GET 1".into())
        );
    }
    let service = service_fn(|_| ready(Err::<Response<Script>, _>(DiskGone)));
    let mut future = pin!(layer.layer(service).oneshot(get("/")));
    assert!(std::future::Future::poll(future.as_mut(), cx).is_ready());
    let found = series(&registry);
    for expected in [
        "mplp_http_requests handler=unmatched method=GET status=499 1",
        "mplp_http_requests handler=unmatched method=GET status=500 1",
        "mplp_http_requests_in_flight handler=unmatched method=GET 0",
    ] {
        assert!(found.iter().any(|s| s == expected), "{expected} in {found:?}");
    }
}

#[tokio::test]
async fn measurements_have_the_span_as_their_exemplar() {
    fn source() -> Option<(TraceId, SpanId)> {
        current_context().filter(|c| c.is_sampled()).map(|c| (c.trace_id, c.span_id))
    }
    for apart in [false, true] {
        let (registry, rig) = (registry(), Rig::new());
        registry.set_exemplar_source(source);
        if apart {
            let metrics = collect_metrics(&registry).unwrap();
            let service =
                ServiceBuilder::new().layer(trace_requests(rig.recorder())).layer(metrics).service(Answer);
            let _ = service.oneshot(get("/")).await.unwrap().into_body().collect().await;
        } else {
            let layer = MonitoringLayer::builder(rig.recorder()).collect_metrics(&registry).build().unwrap();
            serve(&layer, &["/"]).await;
        }
        let span = rig.one_span();
        let batch = registry.collect(Timestamp::now());
        let named = |name| batch.scopes[0].metrics.iter().find(|m| m.name == name).unwrap();
        let duration = named("mplp_http_request_duration");
        let MetricData::Histogram { points, .. } = &duration.data else { panic!("{duration:?}") };
        assert_eq!(points[0].exemplars[0].span_id, Some(span.context.span_id), "apart: {apart}");
        let requests = named("mplp_http_requests");
        let MetricData::Sum { points, .. } = &requests.data else { panic!("{requests:?}") };
        assert_eq!(points[0].exemplars[0].span_id, Some(span.context.span_id), "apart: {apart}");
    }
}

fn observer() -> (Arc<dyn RequestObserver>, Receiver<RequestObservation>) {
    let (sender, receiver) = channel();
    let sender = Mutex::new(sender);
    (Arc::new(move |r: &RequestObservation| sender.lock().unwrap().send(r.clone()).unwrap()), receiver)
}

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_observer_is_told_duration_outcome_and_trace() {
    let rig = Rig::new();
    let (observer, told) = observer();
    let layer = MonitoringLayer::builder(rig.recorder())
        .route_with(|_| Some("/r"))
        .detect_anomalies(observer)
        .build()
        .unwrap();
    let response = layer.layer(Answer).oneshot(get("/503")).await.unwrap();
    rig.clock.advance(Duration::from_millis(1500));
    let _ = response.into_body().collect().await;
    let seen = told.recv_timeout(PATIENCE).unwrap();
    let span = rig.one_span();
    assert_eq!((seen.route.as_deref(), seen.method, seen.status), (Some("/r"), "GET", Some(503)));
    assert_eq!((seen.outcome, seen.is_error), (Outcome::Completed, true));
    assert_eq!((seen.duration, seen.end), (Duration::from_millis(1500), span.end));
    let trace = seen.trace.unwrap();
    assert_eq!((trace.trace_id, trace.span_id), (span.context.trace_id, Some(span.context.span_id)));
}

#[tokio::test]
async fn an_observer_is_told_of_no_trace_that_is_not_recorded() {
    let rig = Rig::new();
    let (observer, told) = observer();
    let layer = MonitoringLayer::builder(rig.recorder()).detect_anomalies(observer).build().unwrap();
    let request = Request::get("/").header("traceparent", format!("{}00", &PARENT[..53])).body(()).unwrap();
    let _ = layer.layer(Answer).oneshot(request).await.unwrap().into_body().collect().await;
    let seen = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!((seen.trace, seen.status), (None, Some(200)));
}

#[tokio::test]
async fn an_observer_that_panics_is_counted_and_no_request_notices() {
    let (sender, told) = channel();
    let sender = Mutex::new(sender);
    let layer = detect_anomalies(Arc::new(move |r: &RequestObservation| {
        sender.lock().unwrap_or_else(|e| e.into_inner()).send(r.status).unwrap();
        assert_eq!(r.status, Some(201), "panics on everything else");
    }))
    .unwrap();
    serve(&layer, &["/200", "/404", "/201", "/200"]).await;
    let seen: Vec<_> = (0..4).map(|_| told.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(seen, [Some(200), Some(404), Some(201), Some(200)]);
    let expected = ObserverStats { observed: 1, panicked: 3, dropped: 0 };
    for _ in 0..1_000_000 {
        // The last call has begun; it is counted when it returns.
        if layer.stats() == expected {
            return;
        }
        std::thread::yield_now();
    }
    assert_eq!(layer.stats(), expected);
}

#[tokio::test]
async fn an_observer_that_hangs_delays_no_request_and_what_it_misses_is_counted() {
    let (release, held) = channel::<()>();
    let held = Mutex::new(held);
    // Hangs until the test has ended.
    let hanging = Arc::new(move |_: &RequestObservation| {
        let _ = held.lock().unwrap().recv();
    });
    let rig = Rig::new();
    let windows = windows();
    let layer = MonitoringLayer::builder(rig.recorder())
        .detect_anomalies(hanging)
        .analyze_performance(windows.clone())
        .build()
        .unwrap();
    for _ in 0..40_000 {
        serve(&layer, &["/"]).await;
    }
    // What the observer hangs on, and what waits: a queue of 16,384 each.
    let stats = layer.observer_stats();
    assert!(stats.dropped >= 40_000 - 2 * 16_384, "{stats:?}");
    // The other observer is not held up.
    assert_eq!(rows(&windows, 1).len(), 1);
    drop(release);
}

fn windows() -> Arc<RedWindows> {
    let clock = Arc::new(|| Timestamp::from_unix_secs(1_001));
    Arc::new(RedWindows::new(RedConfig { clock, ..RedConfig::default() }))
}

/// Rows as `service operation count errors`, once there are as many calls as expected.
fn rows(windows: &RedWindows, calls: u64) -> Vec<String> {
    let range = TimeRange { start: Timestamp::from_unix_secs(900), end: Timestamp::from_unix_secs(1_100) };
    for _ in 0..1_000_000 {
        let rows = windows.rows(&RedQuery::all(range));
        if rows.iter().map(|r| r.summary.count).sum::<u64>() >= calls {
            return rows
                .iter()
                .map(|r| format!("{} {} {} {}", r.service, r.operation, r.summary.count, r.summary.errors))
                .collect();
        }
        std::thread::yield_now();
    }
    panic!("no {calls} calls in {:?}", windows.stats());
}

#[tokio::test]
async fn windows_have_every_route_of_the_service() {
    let (rig, windows) = (Rig::new(), windows());
    let layer = MonitoringLayer::builder(rig.recorder())
        .route_with(|p| (p.uri.path() != "/404").then_some("/r"))
        .analyze_performance(windows.clone())
        .build()
        .unwrap();
    serve(&layer, &["/200", "/500", "/404"]).await;
    let mut found = rows(&windows, 3);
    found.sort();
    assert_eq!(found, ["shop GET /r 2 1", "shop GET unmatched 1 0"]);
}

#[tokio::test]
async fn each_switch_changes_its_own_output_alone() {
    for (detailed, detect, analyze) in [
        (false, false, false),
        (true, false, false),
        (false, true, false),
        (false, false, true),
        (true, true, true),
    ] {
        let (rig, registry, windows) = (Rig::new(), registry(), windows());
        let (observer, told) = observer();
        let layer = MonitoringLayer::builder(rig.recorder())
            .collect_metrics(&registry)
            .detect_anomalies(observer)
            .analyze_performance(windows.clone())
            .metric_names(MetricNames::Mplp)
            .enable_detailed_metrics(detailed)
            .enable_anomaly_detection(detect)
            .enable_performance_analysis(analyze)
            .build()
            .unwrap();
        serve(&layer, &["/200"]).await;
        let names: Vec<_> = registry.collect(Timestamp::now()).scopes[0]
            .metrics
            .iter()
            .map(|m| m.name.trim_start_matches("mplp_http_").to_owned())
            .collect();
        let basic = ["requests", "request_duration"];
        match detailed {
            true => assert_eq!(names, [&basic[..], &["requests_in_flight", "response_size"]].concat()),
            false => assert_eq!(names, basic),
        }
        if analyze {
            assert_eq!(rows(&windows, 1), ["shop GET unmatched 1 0"]);
        } else {
            assert_eq!(windows.stats().series, 0);
        }
        match detect {
            true => assert_eq!(told.recv_timeout(PATIENCE).unwrap().status, Some(200)),
            false => assert!(told.recv().is_err(), "the observer is not even kept"),
        }
        assert_eq!(layer.detect_anomalies().is_some(), detect || analyze);
        let span = rig.one_span();
        let keys: Vec<_> = span.attributes.iter().map(|kv| kv.key.as_ref()).collect();
        assert_eq!(
            keys,
            [
                "http.request.method",
                "url.path",
                "url.scheme",
                "network.protocol.version",
                "http.response.status_code",
                "http.response.body.size"
            ]
        );
    }
}

#[tokio::test]
async fn sizes_are_those_of_the_header_and_of_the_bytes_sent() {
    let registry = registry();
    let layer = collect_metrics(&registry).unwrap().detailed(true);
    let request = Request::post("/").header("content-length", "300").body(()).unwrap();
    let _ = layer.layer(Answer).oneshot(request).await.unwrap().into_body().collect().await;
    let batch = registry.collect(Timestamp::now());
    let sum = |name: &str| {
        let metric = batch.scopes[0].metrics.iter().find(|m| m.name == name).unwrap();
        let MetricData::Histogram { points, .. } = &metric.data else { panic!("{metric:?}") };
        (metric.unit.clone(), points[0].sum)
    };
    assert_eq!(sum("mplp_http_request_size"), ("By".into(), 300.0));
    assert_eq!(sum("mplp_http_response_size"), ("By".into(), 5.0));
}

#[test]
fn a_registry_that_has_another_instrument_of_the_name_keeps_both_and_says_so() {
    let (registry, rig) = (registry(), Rig::new());
    let scope = trace_core::model::Scope::from_static("trace-core.http", env!("CARGO_PKG_VERSION"));
    registry.meter(scope).gauge("mplp_http_requests").build().unwrap();
    MonitoringLayer::builder(rig.recorder()).collect_metrics(&registry).build().unwrap();
    let warnings = registry.warnings();
    assert!(warnings.iter().any(|w| w.to_string().contains("mplp_http_requests")), "{warnings:?}");
}
