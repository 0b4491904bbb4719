//! `/health` and its two smaller forms.

use std::sync::Arc;

use mplp_trace::TraceModule;
use mplp_trace::core::model::{Check, CheckStatus, ComponentHealth};
use mplp_trace::core::service::HealthCheck;

use crate::support::App;

#[tokio::test]
async fn every_part_of_the_system_tells_how_it_is() {
    let app = App::new();
    let answer = app.get("/health").await;
    let body = answer.json();
    assert_eq!(answer.status, 200);
    // There is no channel: alerting works, but nobody would hear of anything.
    assert_eq!(
        (&body["status"], &body["components"]["alerting"]["status"]),
        (&"degraded".into(), &"degraded".into())
    );
    for part in ["tracing", "metrics", "anomaly_detection", "storage"] {
        assert_eq!(body["components"][part]["status"], "healthy", "{part}: {body}");
    }
    assert!(
        body["timestamp"].is_string() && body["score"].is_u64() && body["deadLetters"].is_array(),
        "{body}"
    );
}

#[tokio::test]
async fn what_is_turned_off_is_healthy() {
    let app = App::with(|c| {
        c.alerting.enabled = false;
        c.anomaly_detection.enabled = false;
    });
    let body = app.get("/health").await.json();
    assert_eq!(body["status"], "healthy", "{body}");
    assert_eq!(body["components"]["alerting"]["checks"][0]["message"], "turned off by the configuration");
}

#[tokio::test]
async fn probes_answer_and_are_not_traced() {
    let app = App::new();
    assert_eq!(app.get("/health/live").await.json()["status"], "alive");
    let ready = app.get("/health/ready").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["ready"]), (200, &true.into()));
    app.settle();
    assert_eq!(app.module.ledger().received, 0);
}

#[tokio::test]
async fn an_optional_part_that_has_ended_only_degrades_the_whole() {
    let app = App::new();
    let _ = app.module.alerts().unwrap().shutdown(std::time::Duration::from_secs(1));
    let body = app.get("/health").await.json();
    assert_eq!(body["components"]["alerting"]["status"], "unhealthy", "{body}");
    assert_eq!(body["status"], "degraded");
    assert_eq!(app.get("/health/ready").await.status, 200);
}

struct Broken;

impl HealthCheck for Broken {
    fn component(&self) -> &str {
        "database"
    }

    fn check(&self) -> ComponentHealth {
        let check = Check { name: "ping".into(), status: CheckStatus::Fail, message: "no answer".into() };
        ComponentHealth::from_checks(vec![check], 0, None)
    }
}

#[tokio::test]
async fn without_a_part_that_is_required_the_answer_is_503() {
    let module = TraceModule::builder().required_check(Arc::new(Broken)).build().unwrap();
    let app = App::over(module);
    for path in ["/health", "/health/ready"] {
        let answer = app.get(path).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (503, &"unhealthy".into()), "{path}");
    }
    assert_eq!(app.get("/health/live").await.status, 200);
}
