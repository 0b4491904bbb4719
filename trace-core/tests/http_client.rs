//! What the layer of a client and its helper promise.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod http_support;

use std::future::{Future, pending, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use http_support::*;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use trace_core::http::{ClientLayer, ResendCount, client_requests};
use trace_core::metric::MeterRegistry;
use trace_core::model::{MetricData, Resource, SpanContext, SpanKind, Status, Timestamp};
use trace_core::propagate::current_headers;
use trace_core::propagate::{Baggage, Extracted, Extractor, Injector, Propagator};

/// Sends a request through the layer to a service that answers as told, and returns the headers that it saw.
async fn send(layer: &ClientLayer, request: Request<()>, answer: Response<Script>) -> HeaderMap {
    let (seen, mut headers) = tokio::sync::mpsc::unbounded_channel();
    let answer = std::sync::Mutex::new(Some(answer));
    let service = service_fn(move |request: Request<()>| {
        seen.send(request.headers().clone()).unwrap();
        ready(Ok::<_, Never>(answer.lock().unwrap().take().unwrap()))
    });
    let response =
        ServiceBuilder::new().layer(layer.clone()).service(service).oneshot(request).await.unwrap();
    let _ = response.into_body().collect().await;
    headers.recv().await.unwrap()
}

#[tokio::test]
async fn a_request_has_a_client_span_under_the_active_one_and_carries_its_context() {
    let rig = Rig::new();
    let layer = client_requests(rig.recorder()).route_with(|_| Some("/items/{id}"));
    let request = Request::get("http://user:pw@stock.test:8080/items/7?token=s3cret")
        .header("content-length", "0")
        .header("baggage", "kept=1")
        .body(())
        .unwrap();
    let headers = {
        let outer = rig.recorder().span("handler").start();
        let mut sending = pin!(send(&layer, request, status(200)));
        let polled = outer.in_scope(|| sending.as_mut().poll(&mut Context::from_waker(Waker::noop())));
        let std::task::Poll::Ready(headers) = polled else { panic!("nothing waits") };
        headers
    };
    let spans = rig.spans();
    let (outer, client) = (&spans[0], &spans[1]);
    assert_eq!((client.name.as_ref(), client.kind), ("GET /items/{id}", SpanKind::Client));
    assert_eq!(client.parent_span_id, Some(outer.context.span_id));
    let expected = format!("00-{}-{}-03", client.context.trace_id, client.context.span_id);
    assert_eq!(headers["traceparent"], expected);
    assert_eq!(headers["baggage"], "kept=1");
    let found: Vec<_> = client.attributes.iter().map(|kv| format!("{}={}", kv.key, kv.value)).collect();
    assert_eq!(
        found,
        [
            "http.request.method=GET",
            "url.full=http://REDACTED:REDACTED@stock.test:8080/items/7?token=REDACTED",
            "url.template=/items/{id}",
            "server.address=stock.test",
            "server.port=8080",
            "http.response.status_code=200",
            "http.response.body.size=0",
            "network.protocol.version=1.1",
            "http.request.body.size=0",
        ]
    );
}

#[tokio::test]
async fn to_a_client_every_status_from_400_on_is_an_error() {
    for (code, is_error) in [(200, false), (302, false), (404, true), (503, true)] {
        let rig = Rig::new();
        send(&client_requests(rig.recorder()), get("https://a.test/"), status(code)).await;
        let span = rig.one_span();
        assert_eq!(span.status == Status::Error("".into()), is_error, "{code}");
        assert_eq!(attribute(&span, "error.type"), is_error.then(|| code.to_string().into()).as_ref());
        assert_eq!(attribute(&span, "server.port"), Some(&443.into()));
    }
}

#[tokio::test]
async fn each_try_says_how_often_the_request_was_sent_before() {
    let rig = Rig::new();
    let layer = client_requests(rig.recorder());
    let mut request = get("http://a.test/");
    for _ in 0..3 {
        send(&layer, request.clone(), status(503)).await;
        ResendCount::next(request.extensions_mut());
    }
    let counts: Vec<_> =
        rig.spans().iter().map(|s| attribute(s, "http.request.resend_count").cloned()).collect();
    assert_eq!(counts, [None, Some(1.into()), Some(2.into())]);
}

#[tokio::test]
async fn a_client_that_fails_is_an_error_and_one_that_is_dropped_is_cancelled() {
    let rig = Rig::new();
    let layer = client_requests(rig.recorder());
    let failing = service_fn(|_: Request<()>| ready(Err::<Response<Script>, _>(DiskGone)));
    assert!(
        ServiceBuilder::new().layer(&layer).service(failing).oneshot(get("http://a.test/")).await.is_err()
    );
    {
        let hanging = service_fn(|_: Request<()>| pending::<Result<Response<Script>, Never>>());
        let mut call =
            pin!(ServiceBuilder::new().layer(&layer).service(hanging).oneshot(get("http://a.test/")));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let spans = rig.spans();
    assert!(matches!(&spans[0].status, Status::Error(m) if m.ends_with("DiskGone")));
    assert_eq!(attribute(&spans[1], "mplp.status"), Some(&"cancelled".into()));
    assert_eq!(spans[1].status, Status::Unset);
}

#[tokio::test]
async fn an_answer_whose_body_is_not_wanted_is_no_failure() {
    let rig = Rig::new();
    let service = service_fn(|_: Request<()>| {
        ready(Ok::<_, Never>(Response::new(Script::new([Step::Data("a"), Step::Data("b")]))))
    });
    let service = ServiceBuilder::new().layer(client_requests(rig.recorder())).service(service);
    drop(service.oneshot(get("http://a.test/")).await.unwrap());
    let span = rig.one_span();
    assert_eq!((attribute(&span, "mplp.status"), attribute(&span, "error.type")), (None, None));
}

#[tokio::test]
async fn a_span_lasts_until_the_answer_has_been_read() {
    let rig = Rig::new();
    let service = service_fn(|_: Request<()>| {
        ready(Ok::<_, Never>(Response::new(Script::new([Step::Data("abc"), Step::Data("de")]))))
    });
    let service = ServiceBuilder::new().layer(client_requests(rig.recorder())).service(service);
    let response = service.oneshot(get("http://a.test/")).await.unwrap();
    rig.clock.advance(Duration::from_secs(2));
    let _ = response.into_body().collect().await;
    let span = rig.one_span();
    assert_eq!(span.end.since(span.start), Duration::from_secs(2));
    assert_eq!(attribute(&span, "http.response.body.size"), Some(&5.into()));
}

#[tokio::test]
async fn requests_are_measured_by_server_and_status() {
    let (rig, registry) = (Rig::new(), MeterRegistry::new(Arc::new(Resource::service("shop"))));
    let layer = client_requests(rig.recorder()).collect_metrics(&registry, false).unwrap();
    send(&layer, get("https://a.test/1"), status(200)).await;
    send(&layer, get("https://a.test/2"), status(200)).await;
    send(&layer, get("http://b.test:81/"), status(404)).await;
    let batch = registry.collect(Timestamp::now());
    let metrics = &batch.scopes[0].metrics;
    assert_eq!(metrics.len(), 1, "{metrics:?}");
    assert_eq!((metrics[0].name.as_ref(), metrics[0].unit.as_ref()), ("http.client.request.duration", "s"));
    let MetricData::Histogram { points, .. } = &metrics[0].data else { panic!("{metrics:?}") };
    let labels = |i: usize| {
        let all = points[i].attributes.iter().map(|kv| format!("{}={}", kv.key, kv.value));
        (points[i].count, all.collect::<Vec<_>>().join(" "))
    };
    let a = "http.request.method=GET http.response.status_code=200 network.protocol.version=1.1 \
             server.address=a.test server.port=443 url.scheme=https";
    let b = "error.type=404 http.request.method=GET http.response.status_code=404 \
             network.protocol.version=1.1 server.address=b.test server.port=81 url.scheme=http";
    assert_eq!((labels(0), labels(1)), ((2, a.into()), (1, b.into())));
}

/// A format of somebody else.
struct Custom;

impl Propagator for Custom {
    fn extract(&self, _: &dyn Extractor) -> Extracted {
        Extracted::default()
    }

    fn inject(&self, context: Option<&SpanContext>, baggage: &Baggage, carrier: &mut dyn Injector) {
        carrier.set("x-trace", context.unwrap().trace_id.to_string());
        carrier.set("x-tenant", baggage.get("tenant").unwrap_or("").to_owned());
    }

    fn fields(&self) -> Vec<&str> {
        vec!["x-trace", "x-tenant"]
    }
}

#[tokio::test]
async fn any_propagator_writes_the_headers_and_baggage_goes_out_only_if_it_is_given() {
    let rig = Rig::new();
    let layer = client_requests(rig.recorder()).propagator(Custom);
    let mut request = get("http://a.test/");
    assert_eq!(send(&layer, request.clone(), status(200)).await["x-tenant"], "");
    let mut baggage = Baggage::EMPTY;
    baggage.insert("tenant", "acme").unwrap();
    request.extensions_mut().insert(baggage.clone());
    let headers = send(&layer, request.clone(), status(200)).await;
    assert_eq!(headers["x-tenant"], "acme");
    assert_eq!(headers["x-trace"], rig.spans()[1].context.trace_id.to_string());
    assert!(!headers.contains_key("traceparent"));
    let headers = send(&client_requests(rig.recorder()), request, status(200)).await;
    assert_eq!(headers["baggage"], "tenant=acme");
}

#[tokio::test]
async fn excluded_requests_go_out_untouched() {
    let rig = Rig::new();
    let layer = client_requests(rig.recorder()).exclude_when(|p| p.uri.host() == Some("secret.test"));
    assert!(send(&layer, get("http://secret.test/"), status(200)).await.is_empty());
    assert_eq!(rig.spans(), []);
}

#[tokio::test]
async fn clients_that_are_no_tower_services_are_watched_by_the_call() {
    let rig = Rig::new();
    let calls = client_requests(rig.recorder());
    let mut headers = HeaderMap::new();
    headers.insert("accept", "text/plain".parse().unwrap());

    let call = calls.call(&Method::GET, "https://a.test/x?key=s3cret", &mut headers);
    assert_eq!(headers["accept"], "text/plain");
    let sent = headers["traceparent"].to_str().unwrap().to_owned();
    let inner = async {
        tokio::task::yield_now().await;
        Ok::<_, Never>((StatusCode::NOT_FOUND, current_headers()))
    };
    let (_, seen) = call.run(inner, |answer| answer.0).await.unwrap();
    assert_eq!(seen["traceparent"], sent);

    let call = calls.call(&Method::POST, "https://a.test/", &mut headers);
    assert!(call.run_blocking(|| Err::<(), _>(DiskGone), |()| StatusCode::OK).is_err());
    drop(calls.call(&Method::PUT, "this is no URL", &mut headers));

    let spans = rig.spans();
    assert!(sent.contains(&spans[0].context.span_id.to_string()));
    assert_eq!(attribute(&spans[0], "url.full"), Some(&"https://a.test/x?key=REDACTED".into()));
    assert_eq!(attribute(&spans[0], "http.response.status_code"), Some(&404.into()));
    assert!(matches!(&spans[1].status, Status::Error(m) if m.ends_with("DiskGone")));
    assert_eq!(attribute(&spans[2], "mplp.status"), Some(&"cancelled".into()));
    assert!(current_headers().is_empty());
}
