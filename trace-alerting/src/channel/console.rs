//! One readable line per alert, to any `Write`.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use async_trait::async_trait;
use trace_core::model::{Alert, AlertStatus};
use trace_core::signal::{Delivered, Notification, Notifier, NotifyError};

use super::text::one_line;

type Output = Arc<Mutex<Box<dyn Write + Send>>>;

/// Writes lines such as `2026-11-22T10:00:00Z FIRING critical sla_violation service=checkout: p95 is 820 ms`.
pub struct ConsoleNotifier {
    name: String,
    output: Output,
}

impl ConsoleNotifier {
    /// To the standard output, under the name `console`.
    pub fn stdout() -> Self {
        Self::new(std::io::stdout())
    }

    /// To this output, under the name `console`.
    pub fn new(output: impl Write + Send + 'static) -> Self {
        Self { name: "console".to_owned(), output: Arc::new(Mutex::new(Box::new(output))) }
    }

    /// The same under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

#[async_trait]
impl Notifier for ConsoleNotifier {
    fn name(&self) -> &str {
        &self.name
    }

    async fn notify(&self, notification: &Notification) -> Result<Delivered, NotifyError> {
        let text = lines(notification);
        let output = Arc::clone(&self.output);
        // A full pipe blocks; it must not block the other channels.
        let written = tokio::task::spawn_blocking(move || {
            let mut output = match output.try_lock() {
                Ok(output) => output,
                Err(TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
                Err(TryLockError::WouldBlock) => return Err("an earlier line still blocks".to_owned()),
            };
            output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(|e| e.to_string())
        });
        match written.await {
            Ok(Ok(())) => Ok(Delivered::default()),
            Ok(Err(why)) => Err(NotifyError::transient(format!("console: can not write: {why}"))),
            Err(_) => Err(NotifyError::unknown("console: the output panicked")),
        }
    }
}

/// The notification as text, one line for each alert.
pub fn lines(notification: &Notification) -> String {
    let mut text = String::new();
    for alert in &notification.alerts {
        text.push_str(&line(alert));
        text.push('\n');
    }
    text
}

fn line(alert: &Alert) -> String {
    let status = match alert.status {
        AlertStatus::Firing => "FIRING",
        AlertStatus::Resolved => "RESOLVED",
    };
    let mut text = format!("{} {status} {} {}", alert.raised_at, alert.severity, alert.kind);
    // Writing to a String can not fail.
    for (key, value) in &alert.labels {
        let _ = write!(text, " {key}={value}");
    }
    let _ = write!(text, ": {}", alert.message);
    if let Some(workflow) = &alert.workflow_id {
        let _ = write!(text, " workflow={workflow}");
    }
    if let Some(trace) = &alert.trace {
        let _ = write!(text, " trace={}", trace.trace_id);
    }
    one_line(&text)
}

#[cfg(test)]
mod tests {
    use trace_core::model::{AlertKind, Severity, Timestamp, TraceId, TraceIds};

    use super::*;

    fn notification() -> Notification {
        let mut alert =
            Alert::new(AlertKind::SlaViolation, Severity::Critical, "slow\nFAKE", Timestamp::default())
                .label("service", "checkout");
        alert.trace = TraceId::new(1).map(|trace_id| TraceIds { trace_id, span_id: None });
        Notification {
            idempotency_key: "k".into(),
            group_key: "g".into(),
            group_labels: Default::default(),
            status: AlertStatus::Firing,
            severity: Severity::Critical,
            alerts: vec![alert],
        }
    }

    #[test]
    fn an_alert_is_one_line_whatever_it_says() {
        let expected = "1970-01-01T00:00:00Z FIRING critical sla_violation service=checkout: slow FAKE \
            trace=00000000000000000000000000000001\n";
        assert_eq!(lines(&notification()), expected);
    }

    struct Shared(Arc<Mutex<Vec<u8>>>);
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("disk full"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn lines_arrive_at_the_output_and_errors_are_retried() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let console = ConsoleNotifier::new(Shared(Arc::clone(&seen)));
        console.notify(&notification()).await.unwrap();
        assert_eq!(String::from_utf8(seen.lock().unwrap().clone()).unwrap(), lines(&notification()));
        let err = ConsoleNotifier::new(Broken).notify(&notification()).await.unwrap_err();
        assert_eq!(err, NotifyError::transient("console: can not write: disk full"));
    }
}
