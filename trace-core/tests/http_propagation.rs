//! Servers whose callers speak other formats than W3C, and the baggage of a request.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod http_support;

use http::{HeaderName, HeaderValue, Request};
use http_support::{Never, PARENT, Rig, TRACE_ID, get, status};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use trace_core::http::trace_requests;
use trace_core::model::SpanData;
use trace_core::pipeline::Pipeline;
use trace_core::propagate::{
    B3Propagator, CompositePropagator, InBaggage, Propagator, W3cPropagator, current_baggage,
    current_headers, inject_current_by,
};
use trace_core::record::Recorder;
use trace_core::sample::{AlwaysOff, AlwaysOn, ParentBased};
use trace_core::signal::Sampler;
use trace_core::testing::CaptureExporter;

fn request(headers: &[(&'static str, &'static str)]) -> Request<()> {
    let mut request = get("/");
    for (name, value) in headers {
        request.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    request
}

/// The server spans of one request in B3, under this sampler for roots.
async fn in_b3(sampler: impl Sampler + 'static, headers: &[(&'static str, &'static str)]) -> Vec<SpanData> {
    let exporter = CaptureExporter::new();
    let recorder = Recorder::builder().sampler(ParentBased::new(sampler));
    let pipeline =
        Pipeline::builder().recorder(recorder).export_spans("capture", exporter.clone()).start().unwrap();
    let layer = trace_requests(pipeline.recorder().clone()).propagator(B3Propagator::SINGLE);
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(|_: Request<()>| std::future::ready(Ok::<_, Never>(status(200)))));
    drop(service.oneshot(request(headers)).await.unwrap());
    pipeline.shutdown(std::time::Duration::from_secs(10)).unwrap();
    exporter.spans()
}

const ANY: &str = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1";
const YES: &str = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1";
const NO: &str = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0";

#[tokio::test]
async fn a_decision_of_the_caller_is_followed_and_one_left_to_us_is_ours() {
    for (state, on, off) in [(ANY, 1, 0), (YES, 1, 1), (NO, 0, 0), ("0", 0, 0), ("1", 1, 1), ("bad", 1, 0)] {
        assert_eq!(in_b3(AlwaysOn, &[("b3", state)]).await.len(), on, "{state} with AlwaysOn");
        assert_eq!(in_b3(AlwaysOff, &[("b3", state)]).await.len(), off, "{state} with AlwaysOff");
    }
}

#[tokio::test]
async fn the_span_joins_the_callers_trace_and_the_decision_is_passed_on() {
    let joined = in_b3(AlwaysOn, &[("b3", ANY)]).await.remove(0);
    assert_eq!(joined.context.trace_id.to_string(), &ANY[..32]);
    assert_eq!(joined.parent_span_id.unwrap().to_string(), &ANY[33..]);
    let mut out = Vec::new();
    B3Propagator::SINGLE.inject(Some(&joined.context), &Default::default(), &mut out);
    assert_eq!(out[0].1, format!("{}-{}-1", joined.context.trace_id, joined.context.span_id));
    assert_eq!(in_b3(AlwaysOff, &[("b3", "1")]).await[0].parent_span_id, None);
}

#[tokio::test]
async fn a_debug_mark_reaches_the_next_service_through_spans_of_every_kind() {
    let rig = Rig::new();
    let recorder = rig.recorder();
    let service = ServiceBuilder::new()
        .layer(trace_requests(rig.recorder()).propagator(B3Propagator::SINGLE))
        .service(service_fn(move |_: Request<()>| {
            let _macro = trace_core::span!(recorder: &recorder, "macro");
            let _inner = trace_core::span!(recorder: &recorder, "inner");
            let _built = recorder.span("built").enter();
            let mut called = Vec::new();
            inject_current_by(&B3Propagator::SINGLE, &mut called);
            assert!(called[0].1.starts_with(&ANY[..32]) && called[0].1.ends_with("-d"), "{called:?}");
            std::future::ready(Ok::<_, Never>(status(200)))
        }));
    let debugged = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d";
    drop(service.oneshot(request(&[("b3", debugged)])).await.unwrap());
    let spans = rig.spans();
    assert_eq!(spans.len(), 4);
    assert!(spans.iter().all(|s| s.context.flags.is_debug() && s.context.is_sampled()), "{spans:?}");
}

#[tokio::test]
async fn span_and_baggage_of_a_request_go_out_again_in_any_format_also_from_a_spawned_task() {
    let rig = Rig::new();
    let both = CompositePropagator::new().and(W3cPropagator).and(B3Propagator::MULTI);
    let service = ServiceBuilder::new().layer(trace_requests(rig.recorder())).service(service_fn(
        async |_: Request<()>| {
            tokio::task::yield_now().await;
            let mut called = Vec::new();
            inject_current_by(&both, &mut called);
            let spawned = async { current_baggage().to_header() }.in_current_baggage();
            assert_eq!(tokio::spawn(spawned).await.unwrap(), "k=v%20w");
            assert_eq!(current_headers()["baggage"], "k=v%20w");
            let mut response = status(200);
            response.extensions_mut().insert(called);
            Ok::<_, Never>(response)
        },
    ));
    let response =
        service.oneshot(request(&[("traceparent", PARENT), ("baggage", "k=v%20w")])).await.unwrap();
    let called = response.extensions().get::<Vec<(String, String)>>().unwrap().clone();
    drop::<http::Response<_>>(response);
    let span = rig.one_span().context.span_id;
    for format in [&W3cPropagator as &dyn Propagator, &B3Propagator::MULTI] {
        let sent = format.extract(&called).context.unwrap();
        assert_eq!((sent.trace_id.to_string().as_str(), sent.span_id), (TRACE_ID, span));
    }
    assert!(called.contains(&("baggage".to_owned(), "k=v%20w".to_owned())));
    assert!(current_baggage().is_empty());
}
