//! A notification as a MIME message.

use std::fmt::Write;
use std::time::SystemTime;

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use trace_core::model::{Alert, AlertStatus, Severity};
use trace_core::signal::{Notification, NotifyError};

use super::html;
use crate::channel::text::{one_line, tag};

/// Alerts shown in one mail.
pub(super) const ALERTS: usize = 50;
/// Characters of a subject: more than any mail program shows.
const SUBJECT: usize = 160;

/// The mail and its Message-ID.
pub(super) fn message(
    n: &Notification,
    from: &Mailbox,
    to: &Mailbox,
    date: SystemTime,
) -> Result<(Message, String), NotifyError> {
    let domain = from.email.domain();
    let id = format!("<{}@{domain}>", token(&n.idempotency_key));
    let root = format!("<group-{:016x}@{domain}>", fnv(&n.group_key));
    let subject = subject(n);
    let mut builder = Message::builder()
        .from(from.clone())
        .to(to.clone())
        .subject(subject.clone())
        .date(date)
        .message_id(Some(id.clone()))
        .in_reply_to(root.clone())
        .references(root);
    let status = if n.status == AlertStatus::Firing { "firing" } else { "resolved" };
    let mut headers = vec![
        // RFC 3834: keeps vacation programs quiet.
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress", "All".to_owned()),
        ("X-Trace-Alert-Status", status.to_owned()),
        ("X-Trace-Alert-Group-Key", cut(&one_line(&n.group_key), 500)),
    ];
    if let Some(first) = n.alerts.first() {
        headers.push(("X-Trace-Alert-Fingerprint", first.fingerprint().to_string()));
    }
    if n.severity == Severity::Critical && n.status == AlertStatus::Firing {
        headers.push(("Importance", "high".to_owned()));
        headers.push(("X-Priority", "1".to_owned()));
    }
    for (name, value) in headers {
        builder = builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
    }
    let body = MultiPart::alternative_plain_html(text(n), html::page(n, &subject));
    match builder.multipart(body) {
        Ok(message) => Ok((message, id)),
        Err(e) => Err(NotifyError::permanent(format!("email: can not build the message: {e}"))),
    }
}

/// `[FIRING:2] critical sla_violation checkout: p95 is 820 ms`.
fn subject(n: &Notification) -> String {
    let mut subject = format!("[{}] {}", tag(n), n.severity);
    // Writing to a String can not fail.
    for value in n.group_labels.values() {
        let _ = write!(subject, " {value}");
    }
    if let Some(first) = n.alerts.first() {
        let _ = write!(subject, ": {}", first.message);
    }
    cut(&one_line(&subject), SUBJECT)
}

/// The plain half of the mail.
fn text(n: &Notification) -> String {
    let mut text = String::new();
    for alert in n.alerts.iter().take(ALERTS) {
        // Writing to a String can not fail.
        let _ = writeln!(text, "{}\n", alert.message);
        for (name, value) in facts(alert) {
            let _ = writeln!(text, "  {name}: {}", one_line(&value));
        }
        text.push('\n');
    }
    text.extend(more(n));
    text
}

/// What is known of an alert, besides its message.
pub(super) fn facts(alert: &Alert) -> Vec<(String, String)> {
    let status = if alert.status == AlertStatus::Firing { "firing" } else { "resolved" };
    let mut facts = vec![
        ("status".to_owned(), status.to_owned()),
        ("severity".to_owned(), alert.severity.to_string()),
        ("type".to_owned(), alert.kind.to_string()),
        ("since".to_owned(), alert.raised_at.to_string()),
    ];
    let mut add = |name: &str, value: Option<String>| {
        facts.extend(value.map(|v| (name.to_owned(), v)));
    };
    add("value", alert.value.map(|v| v.to_string()));
    add("threshold", alert.threshold.map(|v| v.to_string()));
    add("workflow", alert.workflow_id.clone());
    add("trace", alert.trace.map(|t| t.trace_id.to_string()));
    add("error", alert.error.clone());
    facts.extend(alert.labels.iter().chain(&alert.annotations).map(|(k, v)| (k.clone(), v.clone())));
    facts
}

pub(super) fn more(n: &Notification) -> Option<String> {
    let hidden = n.alerts.len().saturating_sub(ALERTS);
    (hidden > 0).then(|| format!("+{hidden} more alerts"))
}

fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit - 1).chain(['…']).collect(),
    }
}

/// The key as the left part of a message id: RFC 5322 atoms only, at most 64 characters.
fn token(key: &str) -> String {
    let atom =
        !key.is_empty() && key.len() <= 64 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if atom { key.to_owned() } else { format!("{:016x}", fnv(key)) }
}

/// FNV-1a, 64 bits: enough to tell groups apart, and stable over restarts.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use trace_core::model::{AlertKind, Timestamp};

    use super::*;

    fn notification(message: &str) -> Notification {
        let alert = Alert::new(AlertKind::SlaViolation, Severity::Critical, message, Timestamp::default())
            .label("service", "checkout");
        Notification {
            idempotency_key: "0b5e".into(),
            group_key: "0/default/{service=\"checkout\"}".into(),
            group_labels: alert.labels.clone(),
            status: AlertStatus::Firing,
            severity: Severity::Critical,
            alerts: vec![alert],
        }
    }

    fn raw(n: &Notification) -> String {
        let from = "MPLP <monitoring@mplp.dev>".parse().unwrap();
        let to = "ops@example.org".parse().unwrap();
        let (message, _) = message(n, &from, &to, SystemTime::UNIX_EPOCH).unwrap();
        String::from_utf8(message.formatted()).unwrap()
    }

    fn header<'a>(raw: &'a str, name: &str) -> Option<&'a str> {
        let head = raw.split_once("\r\n\r\n").unwrap().0;
        head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    #[test]
    fn the_headers_identify_thread_and_mark_the_message_as_automatic() {
        let raw = raw(&notification("slow"));
        assert_eq!(header(&raw, "Message-ID"), Some("<0b5e@mplp.dev>"));
        assert_eq!(header(&raw, "In-Reply-To"), header(&raw, "References"));
        assert!(header(&raw, "References").unwrap().starts_with("<group-"));
        assert_eq!(header(&raw, "Auto-Submitted"), Some("auto-generated"));
        assert_eq!(header(&raw, "Subject"), Some("[FIRING] critical checkout: slow"));
        assert_eq!(header(&raw, "Date"), Some("Thu, 01 Jan 1970 00:00:00 +0000"));
        assert_eq!(header(&raw, "Importance"), Some("high"));
        assert!(header(&raw, "Content-Type").unwrap().starts_with("multipart/alternative"));
    }

    #[test]
    fn text_comes_before_html_and_both_say_it() {
        let raw = raw(&notification("slow & <b>"));
        let plain = raw.find("text/plain").unwrap();
        let html = raw.find("text/html").unwrap();
        assert!(plain < html);
        assert!(raw[plain..html].contains("slow & <b>"));
        assert!(raw[html..].contains("slow &amp; &lt;b&gt;"));
    }

    #[test]
    fn line_breaks_in_an_alert_open_no_header() {
        let mut evil = notification("x\r\nBcc: evil@example.org\r\n\r\nbody");
        evil.group_key = "g\r\nX-Evil: 1".into();
        evil.idempotency_key = "k>\r\nX-Evil: 1".into();
        let raw = raw(&evil);
        assert_eq!(header(&raw, "Bcc"), None);
        assert_eq!(header(&raw, "X-Evil"), None);
        assert_eq!(
            header(&raw, "Subject"),
            Some("[FIRING] critical checkout: x  Bcc: evil@example.org    body")
        );
    }

    #[test]
    fn lines_stay_within_the_limit_and_bytes_within_ascii() {
        let raw = raw(&notification(&"überlang ".repeat(500)));
        assert!(raw.is_ascii());
        assert!(raw.split("\r\n").all(|line| line.len() <= 998));
        assert!(!raw.replace("\r\n", "").contains(['\r', '\n']));
    }
}
