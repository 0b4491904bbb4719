//! How a module ended.

use std::fmt;

use serde::Serialize;
use trace_alerting::AlertReport;
use trace_core::pipeline::DeliveryReport;

/// What became of every span and every notification. Displays as a few lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShutdownReport {
    /// The spans, and the metrics that were sent.
    pub spans: DeliveryReport,
    /// The alerts; `None` if alerting was off.
    pub alerts: Option<AlertReport>,
}

impl ShutdownReport {
    /// Spans, data points and notifications that did not reach everyone.
    pub fn lost(&self) -> u64 {
        let ledger = &self.spans.ledger;
        let waiting = ledger.pending + ledger.destinations.iter().map(|d| d.pending).sum::<u64>();
        ledger.lost() + waiting + self.alerts.as_ref().map_or(0, AlertReport::lost)
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spans.fmt(f)?;
        let Some(alerts) = &self.alerts else { return Ok(()) };
        write!(f, "\n{} alerts accepted", alerts.accepted)?;
        for c in &alerts.channels {
            write!(f, "\n  {:<16} {} delivered", c.name, c.delivered)?;
            for (n, word) in [(c.failed, "given up"), (c.pending, "not delivered")] {
                if n > 0 {
                    write!(f, ", {n} {word}")?;
                }
            }
            if let (Some(error), true) = (&c.last_error, c.failed + c.pending > 0) {
                write!(f, ": {error}")?;
            }
        }
        Ok(())
    }
}

/// The shutdown lost something, now or earlier. The report says what, where and why.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} spans, data points or notifications were lost, counted at each destination\n{report}", report.lost())]
pub struct ShutdownError {
    /// The whole account.
    pub report: Box<ShutdownReport>,
}
