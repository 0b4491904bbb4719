//! Traces that cross to an OpenTelemetry SDK of another language and back, in each header format. Needs
//! `MPLP_PEER_PROPAGATION_PYTHON` and `MPLP_PEER_PROPAGATION_NODE` (host:port of the two peers in `xtask/peers`).

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use http::HeaderMap;
use reqwest::Url;
use serde_json::{Value, json};
use trace_core::http::trace_requests;
use trace_core::model::{SpanContext, TraceFlags};
use trace_core::pipeline::Pipeline;
use trace_core::propagate::{
    B3Propagator, Baggage, CompositePropagator, CorrelationPropagator, JaegerPropagator, OtTracePropagator,
    Propagator, W3cPropagator, XrayPropagator, current_baggage, enter_baggage, inject_current_by,
};
use trace_core::record::{Recorder, current_context, enter_context};
use trace_core::sample::{AlwaysOff, AlwaysOn, ParentBased};
use trace_core::testing::CaptureExporter;

/// What a format makes of baggage.
#[derive(Clone, Copy, PartialEq)]
enum Carries {
    Nothing,
    /// Values that headers can hold as they are.
    Ascii,
    Everything,
}

/// A format, its name among the peers, and what it carries of baggage.
type Format = (&'static str, Arc<dyn Propagator>, Carries);

fn formats() -> [Format; 6] {
    [
        ("w3c", Arc::new(W3cPropagator), Carries::Everything),
        ("b3", Arc::new(B3Propagator::SINGLE), Carries::Nothing),
        ("b3multi", Arc::new(B3Propagator::MULTI), Carries::Nothing),
        ("jaeger", Arc::new(JaegerPropagator), Carries::Everything),
        ("xray", Arc::new(XrayPropagator), Carries::Nothing),
        (OT_TRACE, Arc::new(OtTracePropagator), Carries::Ascii),
    ]
}

/// The headers of which hold the lower half of a trace id only.
const OT_TRACE: &str = "ottrace";

/// The trace id that the other side of a call finds.
fn crossed(format: &str, trace_id: &str) -> String {
    if format == OT_TRACE { format!("{:0>32}", &trace_id[16..]) } else { trace_id.to_owned() }
}

/// The members that travel, with characters that encodings have to mind.
fn members(carried: Carries) -> BTreeMap<String, String> {
    let all = [("mplp.plan_id", "plan 7"), ("note", "e, =+;%25\"\\"), ("written", "é, =+;%25\"\\")];
    let travels = |v: &str| match carried {
        Carries::Nothing => false,
        Carries::Ascii => v.is_ascii(),
        Carries::Everything => true,
    };
    all.into_iter().filter(|(_, v)| travels(v)).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn baggage_of(members: &BTreeMap<String, String>) -> Baggage {
    let mut baggage = Baggage::EMPTY;
    members.iter().for_each(|(key, value)| baggage.insert(key, value.as_str()).unwrap());
    baggage
}

/// The peer's address, unless it is absent and may be.
fn peer(test: &str, variable: &str) -> Option<String> {
    let found = std::env::var(variable).ok();
    if found.is_none() {
        assert!(std::env::var("CI_REQUIRE_PEERS").as_deref() != Ok("1"), "{test} needs {variable}");
        // Past the test harness, which hides what passing tests print.
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {variable} must be set");
    }
    found
}

async fn ask(url: Url, headers: HeaderMap) -> Value {
    let response = reqwest::Client::new().get(url.clone()).headers(headers).send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert!(status.is_success(), "{url}: {status} {text}");
    serde_json::from_str(&text).unwrap()
}

/// We call: the peer's SDK finds our span, our decision and our baggage, and its span is our span's child.
async fn the_peer_joins_our_traces(peer: &str) {
    for (name, format, carries) in formats() {
        for state in ["sampled", "dropped", "debug"] {
            let case = format!("{peer} {name} {state}");
            let recorder = match state {
                "dropped" => Recorder::builder().sampler(AlwaysOff),
                _ => Recorder::builder().sampler(AlwaysOn),
            };
            let pipeline = Pipeline::builder().recorder(recorder).start().unwrap();
            let span = pipeline.recorder().span("call").start();
            let mut context = span.context().unwrap().clone();
            if state == "debug" {
                context.flags = TraceFlags(context.flags.0 | TraceFlags::DEBUG.0);
            }
            let headers = {
                let _span = enter_context(context.clone());
                let _baggage = enter_baggage(baggage_of(&members(Carries::Everything)));
                let mut headers = HeaderMap::new();
                inject_current_by(&*format, &mut headers);
                headers
            };
            let found = ask(format!("http://{peer}/extract/{name}").parse().unwrap(), headers).await;
            let trace_id = crossed(name, &context.trace_id.to_string());
            assert_eq!(found["traceId"], trace_id, "{case}: {found}");
            assert_eq!(found["spanId"], context.span_id.to_string(), "{case}: {found}");
            assert_eq!(found["sampled"], state != "dropped", "{case}: {found}");
            assert_eq!(found["baggage"], json!(members(carries)), "{case}: {found}");
            assert_eq!(found["child"]["traceId"], trace_id, "{case}: {found}");
            assert_eq!(found["child"]["recording"], state != "dropped", "{case}: {found}");
            if state != "dropped" {
                assert_eq!(found["child"]["parentSpanId"], context.span_id.to_string(), "{case}: {found}");
            }
        }
    }
}

/// The peer calls: our server's span is its span's child and follows its decision, and its baggage is active here.
async fn we_join_the_traces_of_the_peer(peer: &str, writes_plus: bool) {
    for (name, format, carries) in formats() {
        let mut expected = members(carries);
        if writes_plus && name == "w3c" {
            // Its SDK writes blanks as in HTML forms, which W3C Baggage does not: `+` is a plus.
            expected.values_mut().for_each(|value| *value = value.replace(' ', "+"));
        }
        let exporter = CaptureExporter::new();
        let recorder = Recorder::builder().sampler(ParentBased::new(AlwaysOn));
        let pipeline =
            Pipeline::builder().recorder(recorder).export_spans("capture", exporter.clone()).start().unwrap();
        let (ours, server) = serve(&pipeline, format).await;
        for sampled in [true, false] {
            let case = format!("{peer} {name} sampled: {sampled}");
            let mut url: Url = format!("http://{peer}/call/{name}").parse().unwrap();
            url.query_pairs_mut()
                .append_pair("url", &ours)
                .append_pair("sampled", if sampled { "1" } else { "0" })
                .append_pair("baggage", &json!(members(Carries::Everything)).to_string());
            let call = ask(url, HeaderMap::new()).await;
            assert_eq!((&call["status"], &call["sampled"]), (&json!(200), &json!(sampled)), "{case}: {call}");
            let answer: Value = serde_json::from_str(call["answer"].as_str().unwrap()).unwrap();
            let trace_id = crossed(name, call["traceId"].as_str().unwrap());
            assert_eq!(answer["traceId"], trace_id, "{case}: {call}");
            assert_eq!(answer["sampled"], sampled, "{case}: {call}");
            assert_eq!(answer["baggage"], json!(expected), "{case}: {call}");
            pipeline.flush(std::time::Duration::from_secs(10)).unwrap();
            let spans = exporter.spans();
            let child = spans.iter().find(|s| s.context.trace_id.to_string() == trace_id);
            assert_eq!(child.is_some(), sampled, "{case}: {spans:?}");
            if let Some(child) = child {
                assert_eq!(json!(child.parent_span_id.map(|id| id.to_string())), call["spanId"], "{case}");
                assert!(child.parent_is_remote, "{case}");
            }
        }
        server.abort();
    }
}

/// Our server with this format: its address, and its task.
async fn serve(pipeline: &Pipeline, format: Arc<dyn Propagator>) -> (String, tokio::task::JoinHandle<()>) {
    let layer = trace_requests(pipeline.recorder().clone()).propagator(format);
    let app = Router::new().route("/", get(describe)).layer(layer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    (address, tokio::spawn(async { axum::serve(listener, app).await.unwrap() }))
}

/// No SDK knows correlation ids, so a plain server and a plain client of the other language show that the header goes
/// over the wire as it is, and comes back from there into our baggage, beside a trace that is joined by W3C.
async fn a_correlation_id_crosses_to_a_plain_program_and_back(peer: &str) {
    let both = || CompositePropagator::new().and(W3cPropagator).and(CorrelationPropagator::new());
    let pipeline = Pipeline::builder().start().unwrap();
    let span = pipeline.recorder().span("call").start();
    let headers = {
        let _span = enter_context(span.context().unwrap().clone());
        let mut baggage = Baggage::EMPTY;
        baggage.insert(CorrelationPropagator::BAGGAGE_KEY, "order-7/a=%25").unwrap();
        let _baggage = enter_baggage(baggage);
        let mut headers = HeaderMap::new();
        inject_current_by(&both(), &mut headers);
        headers
    };
    let seen = ask(format!("http://{peer}/plain").parse().unwrap(), headers).await;
    assert_eq!(seen["x-correlation-id"], "order-7/a=%25", "{peer}: {seen}");

    let (ours, server) = serve(&pipeline, Arc::new(both())).await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut url: Url = format!("http://{peer}/plain").parse().unwrap();
    let headers = json!({"X-Correlation-ID": "order-8/b=%25", "traceparent": parent});
    url.query_pairs_mut().append_pair("url", &ours).append_pair("headers", &headers.to_string());
    let call = ask(url, HeaderMap::new()).await;
    let answer: Value = serde_json::from_str(call["answer"].as_str().unwrap()).unwrap();
    assert_eq!(answer["baggage"], json!({"mplp.correlation_id": "order-8/b=%25"}), "{peer}: {call}");
    assert_eq!(answer["traceId"], parent[3..35], "{peer}: {call}");
    server.abort();
}

async fn describe() -> Json<Value> {
    let context: Option<SpanContext> = current_context();
    let baggage = current_baggage();
    let members: BTreeMap<_, _> =
        baggage.iter().map(|e| (e.key().to_owned(), e.value().to_owned())).collect();
    Json(json!({
        "traceId": context.as_ref().map(|c| c.trace_id.to_string()),
        "sampled": context.as_ref().map(SpanContext::is_sampled),
        "baggage": members,
    }))
}

#[tokio::test]
async fn traces_cross_to_the_sdk_for_python_and_back() {
    let test = "traces_cross_to_the_sdk_for_python_and_back";
    let Some(peer) = peer(test, "MPLP_PEER_PROPAGATION_PYTHON") else { return };
    the_peer_joins_our_traces(&peer).await;
    we_join_the_traces_of_the_peer(&peer, true).await;
    a_correlation_id_crosses_to_a_plain_program_and_back(&peer).await;
}

#[tokio::test]
async fn traces_cross_to_the_sdk_for_node_and_back() {
    let test = "traces_cross_to_the_sdk_for_node_and_back";
    let Some(peer) = peer(test, "MPLP_PEER_PROPAGATION_NODE") else { return };
    the_peer_joins_our_traces(&peer).await;
    we_join_the_traces_of_the_peer(&peer, false).await;
    a_correlation_id_crosses_to_a_plain_program_and_back(&peer).await;
}
