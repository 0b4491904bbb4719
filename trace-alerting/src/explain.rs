//! Why somebody was told or not, in words.

use std::fmt::Write;

use trace_core::model::{AlertRecord, AlertState, DeliveryOutcome};

/// Says what became of an alert: a sentence for the whole, and one for each destination.
pub fn explain(record: &AlertRecord) -> String {
    let alert = &record.alert;
    let state = match record.state {
        AlertState::Active => "is firing",
        AlertState::Acknowledged => "is firing, and a person knows",
        AlertState::Resolved => "is over",
        AlertState::Suppressed => "was not told to anybody",
    };
    let times = match record.occurrences {
        0 | 1 => String::new(),
        n => format!(", raised {n} times within the deduplication window"),
    };
    let mut text =
        format!("{} alert {} ({}) {state}{times}.", alert.severity, alert.kind, record.fingerprint);
    for delivery in &record.deliveries {
        let channel = &delivery.channel;
        // Writing to a String can not fail.
        let _ = match &delivery.outcome {
            DeliveryOutcome::Pending { attempts: 0, .. } => {
                write!(text, "\n{channel}: waits for its group or its turn.")
            }
            DeliveryOutcome::Pending { attempts, last_error } => {
                let why = last_error.as_deref().unwrap_or("no reason given");
                write!(
                    text,
                    "\n{channel}: {attempts} attempts failed and another will follow; the last error: {why}."
                )
            }
            DeliveryOutcome::Delivered { at, attempts } => {
                write!(text, "\n{channel}: told at {at}, attempt {attempts}.")
            }
            DeliveryOutcome::Failed { at, attempts, error } => {
                write!(text, "\n{channel}: given up at {at} after {attempts} attempts: {error}.")
            }
            DeliveryOutcome::Suppressed { reason } if channel == "*" => write!(text, "\nnot sent: {reason}."),
            DeliveryOutcome::Suppressed { reason } => write!(text, "\n{channel}: not told: {reason}."),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use trace_core::model::{Alert, AlertKind, Delivery, Severity, Timestamp};

    use super::*;

    #[test]
    fn the_text_says_who_was_told_and_who_was_not_and_why() {
        let alert = Alert::new(AlertKind::SlaViolation, Severity::High, "slow", Timestamp::default());
        let outcome = |channel: &str, outcome| Delivery { channel: channel.to_owned(), outcome };
        let record = AlertRecord {
            fingerprint: alert.fingerprint(),
            alert,
            state: AlertState::Active,
            occurrences: 10,
            last_raised_at: Timestamp::default(),
            deliveries: vec![
                outcome(
                    "slack",
                    DeliveryOutcome::Delivered { at: Timestamp::from_unix_secs(60), attempts: 2 },
                ),
                outcome(
                    "email",
                    DeliveryOutcome::Suppressed { reason: "the channel is off: no recipient".into() },
                ),
            ],
        };
        let text = explain(&record);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("high alert sla_violation ("), "{text}");
        assert!(lines[0].ends_with("is firing, raised 10 times within the deduplication window."));
        assert_eq!(lines[1], "slack: told at 1970-01-01T00:01:00Z, attempt 2.");
        assert_eq!(lines[2], "email: not told: the channel is off: no recipient.");
    }
}
