//! What `TraceRequests` promises, over services and bodies of our own.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod http_support;

use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, Version};
use http_body_util::BodyExt;
use http_support::*;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use trace_core::http::{RequestSpan, TraceRequests, trace_requests};
use trace_core::model::{SpanKind, Status, Value};
use trace_core::propagate::Baggage;
use trace_core::span;

async fn ask(layer: TraceRequests, request: Request<()>, response: Response<Script>) -> http::HeaderMap {
    let response = Arc::new(Mutex::new(Some(response)));
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(move |_| ready(Ok::<_, Never>(response.lock().unwrap().take().unwrap()))));
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    let _ = body.collect().await;
    parts.headers
}

#[tokio::test]
async fn a_request_joins_the_trace_of_its_headers() {
    let rig = Rig::new();
    let mut request = get("/items/7");
    request.headers_mut().insert("traceparent", HeaderValue::from_static(PARENT));
    request.headers_mut().insert("tracestate", HeaderValue::from_static("vendor=1"));
    let headers = ask(trace_requests(rig.recorder()), request, status(200)).await;
    let span = rig.one_span();
    assert_eq!(span.context.trace_id.to_string(), TRACE_ID);
    assert_eq!(span.parent_span_id.unwrap().to_string(), "00f067aa0ba902b7");
    assert!(span.parent_is_remote);
    assert_eq!(span.context.trace_state.as_str(), "vendor=1");
    assert_eq!(span.kind, SpanKind::Server);
    assert_eq!(headers["traceparent"], format!("00-{TRACE_ID}-{}-01", span.context.span_id));
}

#[tokio::test]
async fn headers_that_make_no_sense_begin_a_new_trace_and_harm_nothing() {
    let long = "0".repeat(100_000);
    let cases: [&[(&str, &[u8])]; 8] = [
        &[],
        &[("traceparent", b"00-xyz")],
        &[("traceparent", b"")],
        &[("traceparent", b"\xff\xfe")],
        &[("traceparent", long.as_bytes())],
        &[("traceparent", PARENT.as_bytes()), ("traceparent", PARENT.as_bytes())],
        &[("traceparent", b"00-00000000000000000000000000000000-00f067aa0ba902b7-01")],
        &[("traceparent", b"bad"), ("tracestate", b"\xff"), ("baggage", long.as_bytes())],
    ];
    for headers in cases {
        let rig = Rig::new();
        let mut request = get("/");
        for (name, value) in headers {
            request.headers_mut().append(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value).unwrap(),
            );
        }
        ask(trace_requests(rig.recorder()), request, status(200)).await;
        let span = rig.one_span();
        assert_eq!((span.parent_span_id, span.status), (None, Status::Unset));
        assert_ne!(span.context.trace_id.to_string(), TRACE_ID);
    }
}

#[tokio::test]
async fn a_request_without_headers_is_no_child_of_what_is_active_around_the_server() {
    let rig = Rig::new();
    let outer = rig.recorder().span("accept loop").start();
    let (layer, cx) = (trace_requests(rig.recorder()), &mut Context::from_waker(Waker::noop()));
    let mut answer = pin!(ask(layer, get("/"), status(200)));
    assert!(outer.in_scope(|| answer.as_mut().poll(cx)).is_ready());
    assert_eq!(rig.one_span().parent_span_id, None);
}

#[tokio::test]
async fn a_caller_that_does_not_sample_is_followed() {
    let rig = Rig::new();
    let mut request = get("/");
    let parent = format!("{}00", &PARENT[..53]);
    request.headers_mut().insert("traceparent", parent.parse().unwrap());
    let headers = ask(trace_requests(rig.recorder()), request, status(200)).await;
    assert_eq!(rig.spans(), []);
    let answer = headers["traceparent"].to_str().unwrap();
    assert!(answer.starts_with(&PARENT[..35]) && answer.ends_with("-00"), "{answer}");
}

#[tokio::test]
async fn a_span_has_the_attributes_of_the_semantic_conventions() {
    let rig = Rig::new();
    let request = Request::post("/items/7?token=secret")
        .version(Version::HTTP_11)
        .header("host", "shop.test:8080")
        .header("user-agent", "curl/8")
        .body(())
        .unwrap();
    let layer = trace_requests(rig.recorder()).route_with(|_| Some("/items/{id}"));
    ask(layer.clone(), request.clone(), status(201)).await;
    let span = rig.one_span();
    assert_eq!(span.name, "POST /items/{id}");
    let found: Vec<_> = span.attributes.iter().map(|kv| format!("{}={}", kv.key, kv.value)).collect();
    assert_eq!(
        found,
        [
            "http.request.method=POST",
            "http.route=/items/{id}",
            "url.path=/items/7",
            "url.scheme=http",
            "server.address=shop.test",
            "server.port=8080",
            "network.protocol.version=1.1",
            "user_agent.original=curl/8",
            "http.response.status_code=201",
            "http.response.body.size=0",
        ]
    );
    ask(layer.record_query(true), request, status(201)).await;
    assert_eq!(attribute(&rig.spans()[1], "url.query"), Some(&Value::from("token=REDACTED")));
}

#[tokio::test]
async fn a_method_that_a_client_made_up_is_other() {
    let rig = Rig::new();
    let mut request = get("/x");
    *request.method_mut() = Method::from_bytes(b"BREW").unwrap();
    ask(trace_requests(rig.recorder()), request, status(200)).await;
    let span = rig.one_span();
    assert_eq!(span.name, "HTTP");
    assert_eq!(attribute(&span, "http.request.method"), Some(&"_OTHER".into()));
    assert_eq!(attribute(&span, "http.request.method_original"), Some(&"BREW".into()));
}

#[tokio::test]
async fn texts_of_clients_are_cut() {
    let rig = Rig::new();
    let mut request = get(&format!("/{}", "p".repeat(20_000)));
    request.headers_mut().insert("user-agent", "a".repeat(20_000).parse().unwrap());
    request.headers_mut().insert("host", "h".repeat(20_000).parse().unwrap());
    ask(trace_requests(rig.recorder()), request, status(200)).await;
    let span = rig.one_span();
    let bytes: usize = span.attributes.iter().map(|kv| kv.value.to_string().len()).sum();
    assert!(bytes < 3_000, "{bytes}");
    assert_eq!(attribute(&span, "server.address"), None);
}

#[tokio::test]
async fn only_a_status_of_500_or_more_is_an_error() {
    for (code, expected) in [
        (200, Status::Unset),
        (302, Status::Unset),
        (404, Status::Unset),
        (499, Status::Unset),
        (500, Status::Error("".into())),
        (503, Status::Error("".into())),
    ] {
        let rig = Rig::new();
        ask(trace_requests(rig.recorder()), get("/"), status(code)).await;
        let span = rig.one_span();
        let is_error = expected != Status::Unset;
        assert_eq!(span.status, expected, "{code}");
        assert_eq!(attribute(&span, "http.response.status_code"), Some(&Value::from(code)));
        assert_eq!(attribute(&span, "error.type"), is_error.then(|| code.to_string().into()).as_ref());
        assert_eq!(attribute(&span, "mplp.status"), None);
    }
}

#[tokio::test]
async fn spans_of_the_handler_and_of_the_body_are_children() {
    let rig = Rig::new();
    let recorder = rig.recorder();
    let service =
        ServiceBuilder::new().layer(trace_requests(rig.recorder())).service(service_fn(move |_| {
            let recorder = recorder.clone();
            drop(span!(recorder: &recorder, "in call"));
            async move {
                drop(span!(recorder: &recorder, "first poll"));
                tokio::task::yield_now().await;
                drop(span!(recorder: &recorder, "second poll"));
                let body = http_body_util::Full::new(bytes::Bytes::from_static(b"x"));
                Ok::<_, Never>(Response::new(body.map_frame(move |f| {
                    drop(span!(recorder: &recorder, "in body"));
                    f
                })))
            }
        }));
    let response = service.oneshot(get("/")).await.unwrap();
    assert_eq!(trace_core::record::current_context(), None);
    let _ = response.into_body().collect().await;
    let spans = rig.spans();
    let server = spans.iter().find(|s| s.name == "GET").unwrap();
    for name in ["in call", "first poll", "second poll", "in body"] {
        let child = spans.iter().find(|s| s.name == name).unwrap();
        assert_eq!(child.parent_span_id, Some(server.context.span_id), "{name}");
    }
}

#[tokio::test]
async fn a_span_ends_with_the_response_body() {
    let rig = Rig::new();
    let service =
        ServiceBuilder::new().layer(trace_requests(rig.recorder())).service(service_fn(|_| async {
            Ok::<_, Never>(Response::new(Script::new([Step::Data("a"), Step::Pending, Step::Data("b")])))
        }));
    let response = service.oneshot(get("/")).await.unwrap();
    rig.clock.advance(Duration::from_secs(1));
    let mut body = response.into_body();
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
        rig.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(rig.spans(), []);
    assert!(body.frame().await.is_none());
    rig.clock.advance(Duration::from_secs(1));
    let span = rig.one_span();
    assert_eq!(span.end.since(span.start), Duration::from_secs(3));
    assert_eq!(attribute(&span, "mplp.status"), None);
}

#[tokio::test]
async fn a_body_that_fails_is_an_error() {
    let rig = Rig::new();
    let mut response = status(200);
    *response.body_mut() = Script::new([Step::Data("a"), Step::Fail]);
    ask(trace_requests(rig.recorder()), get("/"), response).await;
    let span = rig.one_span();
    assert!(matches!(&span.status, Status::Error(m) if m.ends_with("DiskGone")), "{:?}", span.status);
    assert!(attribute(&span, "error.type").is_some());
    assert_eq!(attribute(&span, "http.response.status_code"), Some(&200.into()));
}

#[tokio::test]
async fn a_service_that_fails_is_an_error() {
    let rig = Rig::new();
    let service = trace_requests(rig.recorder());
    let service = ServiceBuilder::new()
        .layer(service)
        .service(service_fn(|_| async { Err::<Response<Script>, _>(DiskGone) }));
    assert!(service.oneshot(get("/")).await.is_err());
    assert!(matches!(rig.one_span().status, Status::Error(m) if m.ends_with("DiskGone")));
}

/// Polls once, and drops the future only after the panic has been caught, as runtimes and `CatchPanic` do.
fn poll_and_catch(future: impl Future) {
    let mut future = Box::pin(future);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }));
    assert!(panic.is_err(), "the panic must go on");
    drop(future);
}

#[test]
fn a_handler_that_panics_ends_the_span_as_an_error_and_the_panic_goes_on() {
    async fn handle(_: Request<()>) -> Result<Response<Script>, Never> {
        panic!("the handler panics")
    }
    let rig = Rig::new();
    let layer = trace_requests(rig.recorder());
    poll_and_catch(ServiceBuilder::new().layer(&layer).service(service_fn(handle)).oneshot(get("/")));
    poll_and_catch(async {
        // Panics before there is a future.
        let service = service_fn(|r: Request<()>| if r.uri() == "/" { panic!("early") } else { handle(r) });
        ServiceBuilder::new().layer(&layer).service(service).oneshot(get("/")).await
    });
    poll_and_catch(async {
        let service =
            service_fn(|_| ready(Ok::<_, Never>(Response::new(Script::new([Step::Data("a"), Step::Panic])))));
        let response = ServiceBuilder::new().layer(&layer).service(service).oneshot(get("/")).await;
        let _ = response.unwrap().into_body().collect().await;
    });
    let spans = rig.spans();
    assert_eq!(spans.len(), 3);
    for span in spans {
        assert_eq!(span.status, Status::Error("panicked".into()));
        assert_eq!(attribute(&span, "error.type"), Some(&"panic".into()));
        assert_eq!(attribute(&span, "mplp.status"), None);
    }
    assert_eq!(trace_core::record::current_context(), None);
}

#[test]
fn a_request_that_is_dropped_ends_as_cancelled() {
    let rig = Rig::new();
    let layer = trace_requests(rig.recorder());
    let cx = &mut Context::from_waker(Waker::noop());
    {
        let service = service_fn(|_| pending::<Result<Response<Script>, Never>>());
        let mut future = pin!(ServiceBuilder::new().layer(&layer).service(service).oneshot(get("/")));
        assert!(future.as_mut().poll(cx).is_pending());
    }
    let span = rig.one_span();
    assert_eq!(attribute(&span, "mplp.status"), Some(&"cancelled".into()));
    assert_eq!((span.status, attribute(&rig.one_span(), "http.response.status_code")), (Status::Unset, None));
}

#[tokio::test]
async fn a_body_that_is_dropped_before_its_end_is_cancelled() {
    let rig = Rig::new();
    let service =
        service_fn(|_| ready(Ok::<_, Never>(Response::new(Script::new([Step::Data("a"), Step::Data("b")])))));
    let service = ServiceBuilder::new().layer(trace_requests(rig.recorder())).service(service);
    let mut body = service.oneshot(get("/")).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    let span = rig.one_span();
    assert_eq!(attribute(&span, "mplp.status"), Some(&"cancelled".into()));
    assert_eq!(attribute(&span, "http.response.status_code"), Some(&200.into()));
}

#[tokio::test]
async fn a_body_that_a_server_need_not_read_to_its_end_is_not_cancelled() {
    let with_length = |length: &str, steps: Vec<Step>| {
        Response::builder().header("content-length", length).body(Script::new(steps)).unwrap()
    };
    let mut not_modified = status(304);
    *not_modified.body_mut() = Script::new([Step::Data("never sent")]);
    let cases = [
        (Method::GET, 1, with_length("2", vec![Step::Data("ab"), Step::Pending])),
        (Method::GET, 0, with_length("0", vec![Step::Pending])),
        (Method::HEAD, 0, with_length("2", vec![Step::Data("ab")])),
        (Method::GET, 0, not_modified),
        (Method::GET, 0, status(200)),
    ];
    for (method, frames, response) in cases {
        let rig = Rig::new();
        let response = Mutex::new(Some(response));
        let service = service_fn(|_| ready(Ok::<_, Never>(response.lock().unwrap().take().unwrap())));
        let service = ServiceBuilder::new().layer(trace_requests(rig.recorder())).service(service);
        let mut request = get("/");
        *request.method_mut() = method;
        let mut body = service.oneshot(request).await.unwrap().into_body();
        for _ in 0..frames {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
        assert_eq!(attribute(&rig.one_span(), "mplp.status"), None);
    }
}

#[tokio::test]
async fn excluded_paths_pass_untouched() {
    let rig = Rig::new();
    let headers = ask(trace_requests(rig.recorder()), get("/health/live"), status(500)).await;
    assert!(headers.is_empty());
    let layer = trace_requests(rig.recorder()).exclude_paths(["/internal/*"]);
    ask(layer.clone(), get("/internal/x"), status(200)).await;
    assert_eq!(rig.spans(), []);
    ask(layer, get("/health"), status(200)).await;
    assert_eq!(attribute(&rig.one_span(), "url.path"), Some(&"/health".into()));
}

#[tokio::test]
async fn the_answer_carries_the_trace_only_if_it_may() {
    let rig = Rig::new();
    let headers = ask(trace_requests(rig.recorder()).inject_response(false), get("/"), status(200)).await;
    assert!(headers.is_empty());
    assert_eq!(rig.spans().len(), 1);
}

#[tokio::test]
async fn a_handler_finds_its_span_and_the_baggage() {
    let rig = Rig::new();
    let kept = Arc::new(Mutex::new(None));
    let keep = kept.clone();
    let service = service_fn(move |request: Request<()>| {
        let span = request.extensions().get::<RequestSpan>().unwrap().clone();
        let baggage = request.extensions().get::<Baggage>().unwrap();
        assert_eq!(baggage.get("tenant"), Some("acme"));
        assert_eq!(span.context(), trace_core::record::current_context().as_ref());
        span.set_attribute("items", 3);
        span.add_event("picked", []);
        span.record_error(&DiskGone);
        *keep.lock().unwrap() = Some(span);
        ready(Ok::<_, Never>(status(500)))
    });
    let service = ServiceBuilder::new().layer(trace_requests(rig.recorder())).service(service);
    let mut request = get("/");
    request.headers_mut().insert("baggage", HeaderValue::from_static("tenant=acme"));
    let _ = service.oneshot(request).await;
    let late = kept.lock().unwrap().take().unwrap();
    late.set_attribute("late", true);
    let span = rig.one_span();
    assert_eq!((late.trace_id(), late.span_id()), (Some(span.context.trace_id), Some(span.context.span_id)));
    assert_eq!(attribute(&span, "items"), Some(&3.into()));
    assert_eq!(attribute(&span, "late"), None);
    let events: Vec<_> = span.events.iter().map(|e| e.name.as_ref()).collect();
    assert_eq!(events, ["picked", "exception"]);
    // The handler's description stays, though the status says error too.
    assert_eq!(span.status, Status::Error("the disk is gone".into()));
}

#[tokio::test]
async fn a_request_that_passes_two_layers_has_one_span() {
    let rig = Rig::new();
    let layer = trace_requests(rig.recorder());
    let service = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(layer)
        .service(service_fn(|_: Request<()>| ready(Ok::<_, Never>(status(200)))));
    let _ = service.oneshot(get("/")).await;
    rig.one_span();
}

#[tokio::test]
async fn requests_are_served_after_the_shutdown_of_the_pipeline() {
    let rig = Rig::new();
    let layer = trace_requests(rig.recorder());
    rig.pipeline.shutdown(Duration::from_secs(10)).unwrap();
    let headers = ask(layer, get("/"), status(200)).await;
    assert!(headers.is_empty());
}
