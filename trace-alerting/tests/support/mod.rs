//! Notifications to send, and peers to send them to.
#![allow(dead_code, reason = "every test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "only tests use it")]

pub(crate) mod slack_rules;
pub(crate) mod slack_server;

use std::collections::BTreeMap;
use std::io::Write;

use trace_core::model::{Alert, AlertId, AlertKind, AlertStatus, Severity, Timestamp, TraceId, TraceIds};
use trace_core::signal::Notification;

/// A firing alert with every field set and text that would harm a careless channel.
pub(crate) fn alert() -> Alert {
    let mut alert = Alert::new(
        AlertKind::AnomalyDetected,
        Severity::Critical,
        "p95 of checkout is 820 ms, normal is 110 ms <!channel> & \"more\"",
        "2026-11-22T10:00:00Z".parse().expect("a time"),
    )
    .label("service", "checkout")
    .label("operation", "POST /orders?a=1&b=<2>")
    .annotation("reason", "self_time_ms explains 91 % of the score");
    alert.id = AlertId("00000000-0000-4000-8000-000000000001".parse().expect("an id"));
    alert.workflow_id = Some("wf-17".into());
    alert.trace = TraceId::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736)
        .map(|trace_id| TraceIds { trace_id, span_id: None });
    alert.error = Some("timeout after 800 ms\nin step 3".into());
    alert.value = Some(820.0);
    alert.threshold = Some(300.5);
    alert
}

pub(crate) fn notification(alerts: Vec<Alert>) -> Notification {
    let firing = alerts.iter().any(|a| a.status == AlertStatus::Firing);
    Notification {
        idempotency_key: "5f0c9f0e-2a3b-4c5d-8e6f-7a8b9c0d1e2f".into(),
        group_key: "0/default/{service=\"checkout\"}".into(),
        group_labels: BTreeMap::from([("service".to_owned(), "checkout".to_owned())]),
        status: if firing { AlertStatus::Firing } else { AlertStatus::Resolved },
        severity: alerts.iter().map(|a| a.severity).max().unwrap_or(Severity::Info),
        alerts,
    }
}

/// The settings of a peer, or `None` with a line that says why the test does nothing.
///
/// # Panics
/// If they are absent and `CI_REQUIRE_PEERS` is `1`.
pub(crate) fn peer<const N: usize>(test: &str, names: [&str; N]) -> Option<[String; N]> {
    let values: Vec<String> = names.iter().filter_map(|name| std::env::var(name).ok()).collect();
    if let Ok(values) = values.try_into() {
        return Some(values);
    }
    let why = format!("{} must be set", names.join(", "));
    assert!(std::env::var("CI_REQUIRE_PEERS").as_deref() != Ok("1"), "{test} needs its peer: {why}");
    // Past the test harness, which hides what passing tests print.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
    None
}

/// The lines that a peer wrote for which `wanted` holds; a peer may write a moment after it answered.
pub(crate) async fn dumped(
    path: &str,
    wanted: impl Fn(&serde_json::Value) -> bool,
) -> Vec<serde_json::Value> {
    for _ in 0..100 {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        let found: Vec<serde_json::Value> = lines.filter(&wanted).collect();
        if !found.is_empty() {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Vec::new()
}

/// A text that no other run uses, to find one's own message among those of others.
pub(crate) fn unique() -> String {
    format!("run-{}-{}", std::process::id(), Timestamp::now().unix_nanos())
}
