//! Slack messages against golden files and against Slack's rules.
#![cfg(feature = "slack")]
#![allow(clippy::unwrap_used, reason = "a helper outside of a test function fails the test")]

mod support;

use proptest::prelude::*;
use support::{alert, notification, slack_rules::violation};
use trace_alerting::channel::slack::payload;
use trace_core::model::{Alert, AlertStatus, Severity};
use trace_core::signal::Notification;

/// Compares with a file under `tests/golden`; `UPDATE_GOLDEN=1` writes it.
#[track_caller]
fn golden(name: &str, n: &Notification, channel: Option<&str>) {
    let path = format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let actual = serde_json::to_string_pretty(&payload(n, channel)).unwrap() + "\n";
    if std::env::var("UPDATE_GOLDEN").as_deref() == Ok("1") {
        std::fs::write(&path, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(actual, expected, "{path} differs; UPDATE_GOLDEN=1 writes it anew");
    assert_eq!(violation(actual.as_bytes()), None);
}

#[test]
fn a_firing_alert_with_every_field() {
    golden("slack_firing", &notification(vec![alert()]), Some("#monitoring"));
}

#[test]
fn a_resolved_alert_is_green() {
    let over = Alert { status: AlertStatus::Resolved, message: "back to normal".into(), ..alert() };
    golden("slack_resolved", &notification(vec![over]), None);
}

#[test]
fn a_large_group_is_cut_and_counted() {
    let many = (0..37).map(|n| {
        let severity = if n == 0 { Severity::High } else { Severity::Low };
        Alert { severity, message: format!("number {n}"), ..alert() }.label("instance", n.to_string())
    });
    golden("slack_group", &notification(many.collect()), None);
}

#[test]
fn the_rules_used_here_refuse_what_slack_refuses() {
    let long = "x".repeat(3001);
    for (body, code) in [
        ("{".to_owned(), "invalid_payload"),
        ("{}".to_owned(), "no_text"),
        (r#"{"text":"<!channel>"}"#.to_owned(), "invalid_payload"),
        (r#"{"text":"a"}"#.to_owned(), "invalid_blocks"),
        (
            format!(
                r#"{{"text":"a","attachments":[{{"blocks":[{{"type":"section","text":{{"text":"{long}"}}}}]}}]}}"#
            ),
            "invalid_blocks",
        ),
    ] {
        assert_eq!(violation(body.as_bytes()), Some(code), "{body}");
    }
}

fn wild() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,200}",
        "[<>&!@#*_~`|\\n\\t ]{0,300}",
        Just(String::new()),
        Just("<".repeat(16_000)),
        Just("😀".repeat(9_000)),
        Just("\u{0}\u{1b}[31m".to_owned()),
    ]
}

proptest! {
    #[test]
    fn whatever_an_alert_says_slack_takes_the_message(
        texts in prop::collection::vec((wild(), wild(), wild(), wild()), 0..30),
        labels in prop::collection::btree_map(wild(), wild(), 0..15),
    ) {
        let alerts: Vec<Alert> = texts
            .into_iter()
            .map(|(message, error, reason, workflow)| {
                let mut alert = Alert { message, error: Some(error), workflow_id: Some(workflow), ..alert() };
                alert.annotations.insert("reason".into(), reason);
                alert.labels.extend(labels.clone());
                alert
            })
            .collect();
        let mut n = notification(alerts);
        n.group_labels = labels;
        let body = payload(&n, None).to_string();
        prop_assert_eq!(violation(body.as_bytes()), None);
    }
}
