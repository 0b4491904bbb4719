//! `/api/v1/live`.

use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use mplp_trace::core::model::{
    Anomaly, AnomalyId, AnomalyKind, AnomalyState, Severity, TenantId, TimeRange, Timestamp,
};
use serde_json::Value;
use tower::ServiceExt;

use crate::support::App;

/// Reads events until one has this name, and gives all of them.
async fn until(body: &mut Body, name: &str) -> Vec<(String, Value)> {
    let mut text = String::new();
    let reading = async {
        loop {
            let events = parse(&text);
            if events.iter().any(|(n, _)| n == name) {
                return events;
            }
            let frame = body.frame().await.expect("the stream goes on").unwrap();
            text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("the event comes")
}

fn parse(text: &str) -> Vec<(String, Value)> {
    let blocks = text.split("\n\n").filter(|b| !b.is_empty());
    let event = |block: &str| {
        let (name, data) = block.split_once('\n').unwrap();
        let data = data.strip_prefix("data: ").unwrap();
        (name.strip_prefix("event: ").unwrap().to_owned(), serde_json::from_str(data).unwrap())
    };
    blocks.map(event).collect()
}

async fn connect(app: &App) -> Body {
    let request = Request::get("/api/v1/live").body(Body::empty()).unwrap();
    let answer = app.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    answer.into_body()
}

#[tokio::test]
async fn a_subscriber_is_told_the_present_state_first() {
    let app = App::new();
    app.execute(r#"{"workflowId":"w","workflowType":"t"}"#).await;
    let failing = r#"{"workflowId":"w","workflowType":"t","resourceRequirements":{"cpuCores":1000}}"#;
    app.execute(failing).await;
    app.settle();
    assert!(app.module.alerts().unwrap().flush(Duration::from_secs(10)));

    let events = until(&mut connect(&app).await, "tick").await;
    let names: Vec<&str> = events.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, ["history", "alert", "trace", "trace", "tick"]);
    assert!(events[0].1["ticks"].is_array());
    assert_eq!(events[1].1["alert"]["type"], "workflow_execution_failed");
    assert_eq!(events[2].1["errorCount"], 0);
    let tick = &events[4].1;
    assert_eq!(tick["service"], "test");
    assert_eq!(tick["pipeline"]["recorded"], app.module.ledger().received);
    assert_eq!(tick["pipeline"]["destinations"][0]["name"], "memory");
    assert_eq!(tick["health"]["components"]["tracing"]["lastError"], Value::Null);
    let series: Vec<&str> =
        tick["operations"].as_array().unwrap().iter().map(|o| o["series"].as_str().unwrap()).collect();
    assert!(series.contains(&"test/agent.research"), "{series:?}");
    for key in ["count", "errors", "p50Ms", "p95Ms", "p99Ms"] {
        assert!(tick["requests"].get(key).is_some(), "{key}: {tick}");
    }
}

#[tokio::test]
async fn what_happens_later_is_told_as_it_happens() {
    let app = App::new();
    let mut stream = connect(&app).await;
    until(&mut stream, "tick").await;
    app.execute(r#"{"workflowId":"w","workflowType":"t"}"#).await;
    let events = until(&mut stream, "trace").await;
    let (_, trace) = events.iter().find(|(n, _)| n == "trace").unwrap();
    assert_eq!(
        (&trace["rootName"], &trace["spanCount"]),
        (&"POST /api/v1/workflows/execute".into(), &9.into())
    );
}

#[tokio::test]
async fn there_are_not_more_streams_than_the_limit() {
    let app = App::new();
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(connect(&app).await);
    }
    app.get("/api/v1/live").await.assert_error(503, "TOO_MANY_STREAMS");
    open.pop();
    open.push(connect(&app).await);
}

#[tokio::test]
async fn a_subscriber_that_does_not_read_is_cut_off() {
    let app = App::new();
    let mut slow = connect(&app).await;
    let log = app.module.service().anomaly_log();
    for n in 0..400 {
        log.upsert(anomaly(n));
        // The task that feeds the streams gets its turn.
        tokio::task::yield_now().await;
    }
    let reading = async { while slow.frame().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("the stream ends");
    let again = until(&mut connect(&app).await, "tick").await;
    assert_eq!(again.iter().filter(|(name, _)| name == "anomaly").count(), 50);
}

fn anomaly(n: u64) -> Anomaly {
    let at = Timestamp::now();
    Anomaly {
        id: AnomalyId(uuid::Uuid::new_v4()),
        tenant: TenantId::default(),
        detected_at: at,
        window: TimeRange { start: at - Duration::from_secs(1), end: at },
        kind: AnomalyKind::PerformanceDegradation,
        severity: Severity::Low,
        score: 1.0,
        confidence: 0.9,
        detector: "test".to_owned(),
        series: format!("test/{n}"),
        affected: Vec::new(),
        reason: "made up".to_owned(),
        exemplar: None,
        state: AnomalyState::Open,
    }
}
