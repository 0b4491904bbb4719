//! The layers in an axum application, and behind its real server.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod http_support;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http_support::{PARENT, Rig, TRACE_ID, attribute};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tower::ServiceExt;
use trace_core::http::{MonitoringLayer, RequestSpan, collect_metrics, detect_anomalies, trace_requests};
use trace_core::metric::MeterRegistry;
use trace_core::model::{Resource, SpanData, Timestamp};

fn monitoring(rig: &Rig) -> MonitoringLayer {
    MonitoringLayer::builder(rig.recorder())
        .route_with(|parts| parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str))
        .build()
        .unwrap()
}

async fn ask(app: &Router, method: &str, path: &str) -> StatusCode {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    status
}

#[tokio::test]
async fn spans_are_named_by_the_route_template() {
    let rig = Rig::new();
    let orders = Router::new().route("/{id}", post(|| async { "made" }));
    let app = Router::new()
        .route("/items/{id}", get(|| async { "an item" }))
        .nest("/orders", orders)
        .layer(monitoring(&rig));
    assert_eq!(ask(&app, "GET", "/items/7").await, StatusCode::OK);
    assert_eq!(ask(&app, "HEAD", "/items/7").await, StatusCode::OK);
    assert_eq!(ask(&app, "POST", "/orders/8").await, StatusCode::OK);
    assert_eq!(ask(&app, "PUT", "/orders/8").await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(ask(&app, "GET", "/wp-admin.php").await, StatusCode::NOT_FOUND);
    let spans = rig.spans();
    let names: Vec<_> = spans.iter().map(|s| s.name.as_ref()).collect();
    assert_eq!(
        names,
        ["GET /items/{id}", "HEAD /items/{id}", "POST /orders/{id}", "PUT /orders/{id}", "GET"]
    );
    assert_eq!(attribute(&spans[2], "url.path"), Some(&"/orders/8".into()));
    assert!(spans.iter().all(|s| attribute(s, "mplp.status").is_none()));
}

#[tokio::test]
async fn the_layers_work_apart_too() {
    let rig = Rig::new();
    let registry = MeterRegistry::new(Arc::new(Resource::service("shop")));
    let (told, mut seen) = tokio::sync::mpsc::unbounded_channel();
    fn route(parts: &axum::http::request::Parts) -> Option<&str> {
        parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str)
    }
    let app = Router::new()
        .route("/items/{id}", get(|| async { StatusCode::IM_A_TEAPOT }))
        .layer(
            detect_anomalies(Arc::new(move |r: &_| told.send(Clone::clone(r)).unwrap()))
                .unwrap()
                .route_with(route),
        )
        .layer(collect_metrics(&registry).unwrap().route_with(route))
        .layer(trace_requests(rig.recorder()).route_with(route));
    ask(&app, "GET", "/items/1").await;
    let observation: trace_core::http::RequestObservation = seen.recv().await.unwrap();
    assert_eq!((observation.route.as_deref(), observation.status), (Some("/items/{id}"), Some(418)));
    let span = rig.one_span();
    assert_eq!(observation.trace.map(|t| t.trace_id), Some(span.context.trace_id));
    assert_eq!(registry.collect(Timestamp::now()).point_count(), 3);
}

async fn start(app: Router) -> TcpStream {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    TcpStream::connect(address).await.unwrap()
}

async fn first_span(rig: &Rig) -> SpanData {
    let found = async {
        loop {
            if let Some(span) = rig.spans().pop() {
                return span;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found).await.unwrap()
}

#[tokio::test]
async fn a_request_over_the_wire_joins_its_trace_and_is_not_taken_for_cancelled() {
    let rig = Rig::new();
    let handler =
        |Extension(span): Extension<RequestSpan>| async move { span.trace_id().unwrap().to_string() };
    let mut client = start(Router::new().route("/who", get(handler)).layer(monitoring(&rig))).await;
    let request =
        format!("GET /who HTTP/1.1\r\nhost: localhost\r\ntraceparent: {PARENT}\r\nconnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(TRACE_ID), "{answer}");
    let span = first_span(&rig).await;
    assert!(answer.contains(&format!("traceparent: 00-{TRACE_ID}-{}-01", span.context.span_id)), "{answer}");
    assert_eq!(span.name, "GET /who");
    assert_eq!(attribute(&span, "mplp.status"), None);
    assert_eq!(attribute(&span, "server.address"), Some(&"localhost".into()));
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_request() {
    let rig = Rig::new();
    let begun = Arc::new(Notify::new());
    let notify = begun.clone();
    let handler = move || async move {
        notify.notify_one();
        std::future::pending::<()>().await;
    };
    let mut client = start(Router::new().route("/slow", get(handler)).layer(monitoring(&rig))).await;
    client.write_all(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    begun.notified().await;
    drop(client);
    let span = first_span(&rig).await;
    assert_eq!(span.name, "GET /slow");
    assert_eq!(attribute(&span, "mplp.status"), Some(&"cancelled".into()));
}
