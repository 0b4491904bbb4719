//! The Slack channel over HTTP, against a server that enforces Slack's rules.
#![cfg(feature = "slack")]
#![allow(clippy::unwrap_used, reason = "a helper outside of a test function fails the test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::{alert, notification, slack_server::SlackServer};
use trace_alerting::channel::slack::{SlackConfig, SlackNotifier};
use trace_alerting::{AlertConfig, AlertRouter, RetryConfig};
use trace_core::signal::{AlertSink, Notifier, NotifyError};

fn notifier(server: &SlackServer) -> SlackNotifier {
    let config =
        SlackConfig { min_interval: Duration::from_millis(1), ..SlackConfig::new(server.url.clone()) };
    SlackNotifier::new(&config).unwrap()
}

#[tokio::test]
async fn a_notification_is_posted_and_taken() {
    let server = SlackServer::start().await;
    notifier(&server).notify(&notification(vec![alert()])).await.unwrap();
    let requests = server.requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].head.starts_with("post /services/t0/b0/s3cret http/1.1"));
    assert!(requests[0].head.contains("user-agent: mplp-trace/"));
}

#[tokio::test]
async fn answers_are_told_apart_and_never_show_the_url() {
    let server = SlackServer::start().await;
    let slack = notifier(&server);
    let n = notification(vec![alert()]);
    server.then("429 Too Many Requests", "retry-after: 7\r\n", r#"{"ok":false}"#);
    server.then("404 Not Found", "", "no_service");
    server.then("302 Found", "location: /elsewhere\r\n", "");
    server.then("503 Service Unavailable", "", "");
    server.then("200 OK", "", "<html>sign in</html>");
    server.script.lock().unwrap().push_back(String::new());
    let mut errors = Vec::new();
    for _ in 0..6 {
        errors.push(slack.notify(&n).await.unwrap_err());
    }
    assert!(matches!(errors[0], NotifyError::Transient { retry_after: Some(w), .. } if w.as_secs() == 7));
    assert!(matches!(&errors[1], NotifyError::Permanent { message } if message.contains("no_service")));
    assert!(matches!(&errors[2], NotifyError::Permanent { message } if message.contains("redirect")));
    assert!(matches!(errors[3], NotifyError::Transient { .. }));
    assert!(matches!(errors[4], NotifyError::Permanent { .. }));
    assert!(matches!(errors[5], NotifyError::Unknown { .. }), "{:?}", errors[5]);
    assert_eq!(server.requests.lock().unwrap().len(), 6, "the redirect was not followed");
    for shown in errors.iter().map(|e| format!("{e} {e:?}")).chain([format!("{slack:?}")]) {
        assert!(!shown.contains("s3cret") && !shown.contains("services"), "{shown}");
    }
}

#[tokio::test]
async fn a_closed_port_is_a_passing_error_without_the_url() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let slack = SlackNotifier::new(&SlackConfig::new(format!("http://127.0.0.1:{port}/s3cret"))).unwrap();
    let error = slack.notify(&notification(vec![alert()])).await.unwrap_err();
    assert!(matches!(error, NotifyError::Transient { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("s3cret"));
}

#[tokio::test]
async fn through_the_router_a_limited_webhook_is_told_once() {
    let server = SlackServer::start().await;
    server.then("500 Internal Server Error", "", "rollup_error");
    server.then("429 Too Many Requests", "retry-after: 0\r\n", "");
    let retry = RetryConfig { initial: Duration::from_millis(1), ..RetryConfig::default() };
    let config = AlertConfig { retry, group_wait: Duration::ZERO, ..AlertConfig::default() };
    let router = AlertRouter::builder().channel(Arc::new(notifier(&server))).config(config).start().unwrap();
    for _ in 0..10 {
        router.raise(alert()).unwrap();
    }
    // The server lives on this thread's runtime, so the wait is on another thread.
    let end = tokio::task::spawn_blocking(move || router.shutdown(Duration::from_secs(20)));
    let report = end.await.unwrap().unwrap();
    assert_eq!((report.delivered, report.suppressed, report.channels[0].attempts), (1, 9, 3));
    assert_eq!(server.requests.lock().unwrap().len(), 3);
}
