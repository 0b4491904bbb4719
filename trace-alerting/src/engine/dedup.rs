//! Whether a raised alert is news.

use std::time::Duration;

use trace_core::model::{AlertStatus, Severity, Timestamp};

/// What is known of an alert when it is raised again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) status: AlertStatus,
    pub(super) severity: Severity,
    pub(super) acknowledged: bool,
    pub(super) window_start: Timestamp,
}

/// What a raised alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Not known: tell.
    New,
    /// Known and told within the window, or acknowledged: count.
    Duplicate,
    /// Worse than before: tell.
    Louder,
    /// Still there after the window: tell again.
    Renewed,
    /// It is over: tell those who know.
    Resolved,
    /// It is there again before all were told that it was over. `in_window`: it need not be told to those who
    /// still believe that it fires.
    Reopened {
        /// Whether the window is still open.
        in_window: bool,
    },
    /// Over, but not known to be firing: count.
    Stray,
}

pub(super) fn judge(
    known: Option<Known>,
    status: AlertStatus,
    severity: Severity,
    now: Timestamp,
    window: Duration,
) -> Judgement {
    use AlertStatus::{Firing, Resolved};
    let Some(known) = known else {
        return if status == Firing { Judgement::New } else { Judgement::Stray };
    };
    let in_window = now < known.window_start + window;
    match (known.status, status) {
        (Firing, Resolved) => Judgement::Resolved,
        (Resolved, Resolved) => Judgement::Stray,
        (Resolved, Firing) => Judgement::Reopened { in_window },
        (Firing, Firing) if severity > known.severity => Judgement::Louder,
        (Firing, Firing) if in_window || known.acknowledged => Judgement::Duplicate,
        (Firing, Firing) => Judgement::Renewed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(300);

    fn at(seconds: u64, known: Option<Known>, status: AlertStatus, severity: Severity) -> Judgement {
        judge(known, status, severity, Timestamp::from_unix_secs(1000 + seconds), WINDOW)
    }

    fn known(status: AlertStatus, acknowledged: bool) -> Option<Known> {
        Some(Known {
            status,
            severity: Severity::Medium,
            acknowledged,
            window_start: Timestamp::from_unix_secs(1000),
        })
    }

    #[test]
    fn the_window_ends_exactly_after_its_length() {
        let firing = known(AlertStatus::Firing, false);
        assert_eq!(at(299, firing, AlertStatus::Firing, Severity::Medium), Judgement::Duplicate);
        assert_eq!(at(300, firing, AlertStatus::Firing, Severity::Medium), Judgement::Renewed);
    }

    #[test]
    fn a_rise_and_a_resolve_pass_the_window_and_a_fall_does_not() {
        let firing = known(AlertStatus::Firing, false);
        assert_eq!(at(1, firing, AlertStatus::Firing, Severity::High), Judgement::Louder);
        assert_eq!(at(1, firing, AlertStatus::Firing, Severity::Low), Judgement::Duplicate);
        assert_eq!(at(1, firing, AlertStatus::Resolved, Severity::Info), Judgement::Resolved);
    }

    #[test]
    fn an_acknowledged_alert_speaks_again_only_when_it_grows_worse_or_ends() {
        let quiet = known(AlertStatus::Firing, true);
        assert_eq!(at(9999, quiet, AlertStatus::Firing, Severity::Medium), Judgement::Duplicate);
        assert_eq!(at(9999, quiet, AlertStatus::Firing, Severity::High), Judgement::Louder);
        assert_eq!(at(9999, quiet, AlertStatus::Resolved, Severity::High), Judgement::Resolved);
    }

    #[test]
    fn what_is_not_known_can_not_end() {
        assert_eq!(at(0, None, AlertStatus::Resolved, Severity::High), Judgement::Stray);
        let over = known(AlertStatus::Resolved, false);
        assert_eq!(at(0, over, AlertStatus::Resolved, Severity::High), Judgement::Stray);
        let reopened = at(9, over, AlertStatus::Firing, Severity::High);
        assert_eq!(reopened, Judgement::Reopened { in_window: true });
    }
}
