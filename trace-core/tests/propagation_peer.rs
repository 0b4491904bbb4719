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
    B3Propagator, Baggage, JaegerPropagator, Propagator, W3cPropagator, current_baggage, enter_baggage,
    inject_current_by,
};
use trace_core::record::{Recorder, current_context, enter_context};
use trace_core::sample::{AlwaysOff, AlwaysOn, ParentBased};
use trace_core::testing::CaptureExporter;

/// A format, its name among the peers, and whether it carries baggage.
type Format = (&'static str, Arc<dyn Propagator>, bool);

fn formats() -> [Format; 4] {
    [
        ("w3c", Arc::new(W3cPropagator), true),
        ("b3", Arc::new(B3Propagator::SINGLE), false),
        ("b3multi", Arc::new(B3Propagator::MULTI), false),
        ("jaeger", Arc::new(JaegerPropagator), true),
    ]
}

/// The members that travel, with characters that every format has to encode.
fn members(carried: bool) -> BTreeMap<String, String> {
    let all = [("mplp.plan_id", "plan 7"), ("note", "é, =+;%25\"\\")];
    all.into_iter().filter(|_| carried).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
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
                let _baggage = enter_baggage(baggage_of(&members(true)));
                let mut headers = HeaderMap::new();
                inject_current_by(&*format, &mut headers);
                headers
            };
            let found = ask(format!("http://{peer}/extract/{name}").parse().unwrap(), headers).await;
            assert_eq!(found["traceId"], context.trace_id.to_string(), "{case}: {found}");
            assert_eq!(found["spanId"], context.span_id.to_string(), "{case}: {found}");
            assert_eq!(found["sampled"], state != "dropped", "{case}: {found}");
            assert_eq!(found["baggage"], json!(members(carries)), "{case}: {found}");
            assert_eq!(found["child"]["traceId"], context.trace_id.to_string(), "{case}: {found}");
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
        let layer = trace_requests(pipeline.recorder().clone()).propagator(format);
        let app = Router::new().route("/", get(describe)).layer(layer);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async { axum::serve(listener, app).await });
        for sampled in [true, false] {
            let case = format!("{peer} {name} sampled: {sampled}");
            let mut url: Url = format!("http://{peer}/call/{name}").parse().unwrap();
            url.query_pairs_mut()
                .append_pair("url", &ours)
                .append_pair("sampled", if sampled { "1" } else { "0" })
                .append_pair("baggage", &json!(members(true)).to_string());
            let call = ask(url, HeaderMap::new()).await;
            assert_eq!((&call["status"], &call["sampled"]), (&json!(200), &json!(sampled)), "{case}: {call}");
            let answer: Value = serde_json::from_str(call["answer"].as_str().unwrap()).unwrap();
            assert_eq!(answer["traceId"], call["traceId"], "{case}: {call}");
            assert_eq!(answer["sampled"], sampled, "{case}: {call}");
            assert_eq!(answer["baggage"], json!(expected), "{case}: {call}");
            pipeline.flush(std::time::Duration::from_secs(10)).unwrap();
            let spans = exporter.spans();
            let child = spans
                .iter()
                .find(|s| Some(s.context.trace_id.to_string().as_str()) == call["traceId"].as_str());
            assert_eq!(child.is_some(), sampled, "{case}: {spans:?}");
            if let Some(child) = child {
                assert_eq!(json!(child.parent_span_id.map(|id| id.to_string())), call["spanId"], "{case}");
                assert!(child.parent_is_remote, "{case}");
            }
        }
        server.abort();
    }
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
}

#[tokio::test]
async fn traces_cross_to_the_sdk_for_node_and_back() {
    let test = "traces_cross_to_the_sdk_for_node_and_back";
    let Some(peer) = peer(test, "MPLP_PEER_PROPAGATION_NODE") else { return };
    the_peer_joins_our_traces(&peer).await;
    we_join_the_traces_of_the_peer(&peer, false).await;
}
