//! How alerting is doing.

use std::time::Duration;

use trace_core::model::{Check, CheckStatus, ComponentHealth, Timestamp};

use crate::{AlertStats, DeadLetter};

/// A dead letter degrades the health this long.
const DEAD_LETTER_ALARM: Duration = Duration::from_secs(3600);

/// Degraded without a recipient, with a channel that is off or whose last attempt failed, with a queue over nine
/// tenths full, and for an hour after a dead letter. Unhealthy when it has ended.
pub(crate) fn health<'a>(
    stats: &AlertStats,
    off: &[(String, String)],
    dead: impl ExactSizeIterator<Item = &'a DeadLetter>,
    queue_capacity: usize,
    running: bool,
    now: Timestamp,
) -> ComponentHealth {
    let check = |name: &str, status, message: String| Check { name: name.to_owned(), status, message };
    let mut checks = Vec::new();
    if !running {
        checks.push(check("running", CheckStatus::Fail, "alerting has ended".to_owned()));
    }
    checks.push(match stats.channels.len() {
        0 => check("recipients", CheckStatus::Warn, "no recipient: no channel is on".to_owned()),
        1 => check("recipients", CheckStatus::Pass, "1 channel is on".to_owned()),
        n => check("recipients", CheckStatus::Pass, format!("{n} channels are on")),
    });
    for (name, reason) in off {
        checks.push(check(name, CheckStatus::Warn, format!("the channel is off: {reason}")));
    }
    for channel in &stats.channels {
        checks.push(match &channel.last_error {
            Some(error) => {
                check(&channel.name, CheckStatus::Warn, format!("the last attempt failed: {error}"))
            }
            None => check(
                &channel.name,
                CheckStatus::Pass,
                format!("{} delivered, {} pending", channel.delivered, channel.pending),
            ),
        });
    }
    let full = stats.queued.saturating_mul(10) >= (queue_capacity as u64).saturating_mul(9);
    let queue = if full { CheckStatus::Warn } else { CheckStatus::Pass };
    checks.push(check("queue", queue, format!("{} of {queue_capacity} places taken", stats.queued)));
    let last = dead.last();
    let dead_status = match last {
        Some(letter) if now.since(letter.at) < DEAD_LETTER_ALARM => CheckStatus::Warn,
        _ => CheckStatus::Pass,
    };
    let dead_message = match last {
        Some(letter) => {
            format!("{} given up; the last for {}: {}", stats.failed, letter.channel, letter.error)
        }
        None => "none".to_owned(),
    };
    checks.push(check("dead_letters", dead_status, dead_message));
    let last_error = last.map(|letter| letter.error.clone());
    ComponentHealth::from_checks(checks, stats.failed + stats.overflowed, last_error)
}
