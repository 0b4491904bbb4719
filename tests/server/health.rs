//! `/health` and its two smaller forms.

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
async fn an_unhealthy_system_answers_503() {
    let app = App::new();
    // Alerting that has ended is unhealthy, but optional: it only degrades.
    let _ = app.module.alerts().unwrap().shutdown(std::time::Duration::from_secs(1));
    let body = app.get("/health").await.json();
    assert_eq!(
        (&body["status"], &body["components"]["alerting"]["status"]),
        (&"degraded".into(), &"unhealthy".into())
    );
    assert_eq!(app.get("/health/ready").await.status, 200);
}
