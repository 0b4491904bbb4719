//! The message: a pure function of the notification.

use std::fmt::Write;

use serde_json::{Value, json};
use trace_core::model::{Alert, AlertStatus, Severity};
use trace_core::signal::Notification;

use super::escape::{mrkdwn, plain};
use crate::channel::text::tag;

/// Characters of a header block (Block Kit reference).
const HEADER: usize = 150;
/// Characters of a section's text.
const SECTION: usize = 3_000;
/// Fields of a section.
const FIELDS: usize = 10;
/// Characters of a field here; Slack's limit is 2000.
const FIELD: usize = 300;
/// Characters of the fallback text that Slack advises.
const FALLBACK: usize = 4_000;
/// Alerts shown; more are counted. Keeps far from the 50 blocks of a message.
const ALERTS: usize = 10;
/// Characters of all blocks together; about 13 200 were seen to be refused (`msg_blocks_too_long`).
const TOTAL: usize = 12_000;

/// The JSON body for an incoming webhook: `text` as the fallback that notifications and screen readers use, and
/// blocks in an attachment, the only thing that has a colour bar. `channel` see
/// [`SlackConfig::channel`](super::SlackConfig::channel).
pub fn payload(notification: &Notification, channel: Option<&str>) -> Value {
    let title = title(notification);
    let mut blocks = vec![json!({
        "type": "header",
        "text": {"type": "plain_text", "text": plain(&title, HEADER), "emoji": false},
    })];
    let mut left = TOTAL - HEADER;
    let mut shown = 0;
    for alert in notification.alerts.iter().take(ALERTS) {
        let block = section(alert, left.min(SECTION));
        let size = text_size(&block);
        if shown > 0 && size > left {
            break;
        }
        left = left.saturating_sub(size);
        shown += 1;
        blocks.push(block);
    }
    blocks.push(context(notification, notification.alerts.len() - shown));
    let mut body = json!({
        "text": mrkdwn(&fallback(notification, &title), FALLBACK),
        "attachments": [{"color": color(notification), "blocks": blocks}],
        "unfurl_links": false,
    });
    if let Some(channel) = channel {
        body["channel"] = json!(channel);
    }
    body
}

fn title(n: &Notification) -> String {
    let mut title = format!("[{}] {}", tag(n), n.severity);
    match n.group_labels.is_empty() {
        // Writing to a String can not fail.
        true => {
            let _ = write!(title, " {}", n.alerts.first().map_or("", |a| a.kind.as_str()));
        }
        false => n.group_labels.values().for_each(|value| {
            let _ = write!(title, " {value}");
        }),
    }
    title
}

fn fallback(n: &Notification, title: &str) -> String {
    match n.alerts.first() {
        Some(first) => format!("{title}: {}", first.message),
        None => title.to_owned(),
    }
}

fn color(n: &Notification) -> &'static str {
    match (n.status, n.severity) {
        (AlertStatus::Resolved, _) => "#2eb886",
        (_, Severity::Critical) => "#a30200",
        (_, Severity::High) => "#e01e5a",
        (_, Severity::Medium) => "#ecb22e",
        (_, Severity::Low) => "#1d9bd1",
        (_, Severity::Info) => "#868686",
    }
}

fn section(alert: &Alert, limit: usize) -> Value {
    let status = if alert.status == AlertStatus::Resolved { "resolved" } else { "firing" };
    let prefix = format!("*{}* {status}: ", alert.severity);
    // Room for what is added to the message, and at least a little of the message.
    let room = limit.saturating_sub(prefix.len() + FIELDS * 20).clamp(50, SECTION - prefix.len());
    let mut text = prefix;
    text.push_str(&mrkdwn(&alert.message, room));
    for (name, extra) in [("error", alert.error.as_ref()), ("reason", alert.annotations.get("reason"))] {
        let room = limit.saturating_sub(text.encode_utf16().count() + name.len() + 6);
        if let Some(extra) = extra.filter(|_| room >= 50) {
            // Writing to a String can not fail.
            let _ = write!(text, "\n_{name}_: {}", mrkdwn(extra, room));
        }
    }
    let fields: Vec<Value> = facts(alert)
        .into_iter()
        .take(FIELDS)
        .map(|(name, value)| {
            json!({"type": "mrkdwn", "text": format!("*{}*\n{}", mrkdwn(&name, 80), mrkdwn(&value, FIELD - 100))})
        })
        .collect();
    let mut block = json!({"type": "section", "text": {"type": "mrkdwn", "text": text}});
    if !fields.is_empty() {
        block["fields"] = json!(fields);
    }
    block
}

fn facts(alert: &Alert) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = vec![("type".to_owned(), alert.kind.to_string())];
    if let Some(value) = alert.value {
        let limit = alert.threshold.map(|t| format!(" (threshold {t})")).unwrap_or_default();
        facts.push(("value".to_owned(), format!("{value}{limit}")));
    }
    if let Some(workflow) = &alert.workflow_id {
        facts.push(("workflow".to_owned(), workflow.clone()));
    }
    if let Some(trace) = &alert.trace {
        facts.push(("trace".to_owned(), trace.trace_id.to_string()));
    }
    // Slack refuses an empty text.
    facts.extend(
        alert.labels.iter().filter(|(_, v)| !v.trim().is_empty()).map(|(k, v)| (k.clone(), v.clone())),
    );
    facts
}

fn context(n: &Notification, hidden: usize) -> Value {
    let since = n.alerts.iter().map(|a| a.raised_at).min().unwrap_or_default();
    let mut text = format!("since {since}");
    if hidden > 0 {
        // Writing to a String can not fail.
        let _ = write!(text, " · +{hidden} more alerts");
    }
    json!({"type": "context", "elements": [{"type": "mrkdwn", "text": text}]})
}

fn text_size(block: &Value) -> usize {
    let own = block["text"]["text"].as_str().map_or(0, |t| t.encode_utf16().count());
    let fields = block["fields"].as_array().into_iter().flatten();
    own + fields.filter_map(|f| f["text"].as_str()).map(|t| t.encode_utf16().count()).sum::<usize>()
}
