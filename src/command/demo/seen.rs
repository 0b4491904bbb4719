//! What was seen, and whether it is what the demo promises.

use std::time::Duration;

use mplp_trace::core::model::{
    AlertId, AlertRecord, AlertStatus, Anomaly, AnomalyId, DeliveryOutcome, Severity,
};
use mplp_trace::core::store::TraceSummary;

use super::narrator::{Narrator, Tone};
use super::scene::SLOW_AGENT;

/// Follows what happens and tells it.
pub(super) struct Seen {
    narrator: Narrator,
    /// The series that becomes slow.
    series: String,
    first_trace: Option<Duration>,
    injected: Option<Duration>,
    /// The anomaly of the injected slowdown.
    anomaly: Option<(AnomalyId, Duration)>,
    resolved: bool,
    alert: Option<AlertId>,
    delivered: Option<Duration>,
    /// The others, each with its gravest severity so far.
    others: Vec<(AnomalyId, Severity)>,
}

impl Seen {
    pub(super) fn new(narrator: Narrator, service: &str) -> Self {
        Self {
            narrator,
            series: format!("{service}/agent.{SLOW_AGENT}"),
            first_trace: None,
            injected: None,
            anomaly: None,
            resolved: false,
            alert: None,
            delivered: None,
            others: Vec::new(),
        }
    }

    pub(super) fn trace(&mut self, trace: &TraceSummary) {
        if self.first_trace.is_none() {
            self.first_trace = Some(self.narrator.elapsed());
            let how = format!(
                "{}, {} spans, {:.0} ms, trace {}",
                trace.root_name, trace.span_count, trace.duration_ms, trace.trace_id
            );
            self.narrator.tell(Tone::Good, "first trace", how);
        }
    }

    pub(super) fn slowdown(&mut self, begins: bool) {
        if begins {
            // A second slowdown is a new story.
            (self.injected, self.anomaly) =
                (Some(self.narrator.elapsed()), self.anomaly.filter(|_| !self.resolved));
            self.resolved = false;
            let how = format!("agent.{SLOW_AGENT} gets 8 times the work from now on; only the traffic knows");
            self.narrator.tell(Tone::Bad, "slowdown injected", how);
        } else {
            self.narrator.tell(
                Tone::Plain,
                "slowdown over",
                format_args!("agent.{SLOW_AGENT} works as before"),
            );
        }
    }

    pub(super) fn anomaly(&mut self, anomaly: &Anomaly) {
        if self.anomaly.is_some_and(|(id, _)| id == anomaly.id) {
            if anomaly.state.is_resolved() && !self.resolved {
                self.resolved = true;
                self.narrator.tell(Tone::Good, "anomaly resolved", &anomaly.series);
            }
            return;
        }
        let known = self.others.iter_mut().find(|(id, _)| *id == anomaly.id);
        let worse = known.as_ref().is_none_or(|(_, before)| anomaly.severity > *before);
        if anomaly.state.is_resolved() || !worse {
            return;
        }
        match (self.injected, known) {
            // One that was open before, of chance, and has become worse since counts too.
            (Some(injected), _) if self.anomaly.is_none() && anomaly.series == self.series => {
                self.others.retain(|(id, _)| *id != anomaly.id);
                let now = self.narrator.elapsed();
                self.anomaly = Some((anomaly.id, now));
                let after = now.saturating_sub(injected).as_secs_f64();
                let how = format!("{after:.1} s after the injection: {}", anomaly.reason);
                self.narrator.tell(Tone::Bad, "anomaly detected", how);
            }
            (_, Some((_, before))) => *before = anomaly.severity,
            (_, None) => {
                self.others.push((anomaly.id, anomaly.severity));
                self.narrator.tell(Tone::Plain, "another anomaly", &anomaly.reason);
            }
        }
    }

    pub(super) fn alert(&mut self, record: &AlertRecord) {
        let ours = self.anomaly.is_some_and(|(id, _)| record.alert.anomaly == Some(id));
        if !ours || self.alert == Some(record.alert.id) || record.alert.status != AlertStatus::Firing {
            return;
        }
        let mut told = Vec::new();
        for delivery in &record.deliveries {
            if let DeliveryOutcome::Delivered { attempts, .. } = delivery.outcome {
                told.push(format!("{} (attempt {attempts})", delivery.channel));
            }
        }
        if !told.is_empty() {
            self.alert = Some(record.alert.id);
            self.delivered.get_or_insert(self.narrator.elapsed());
            let how = format!("{} to {}", record.alert.severity, told.join(", "));
            self.narrator.tell(Tone::Good, "alert delivered", how);
        }
    }

    /// What of the promise was not seen; nothing is good.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let anomaly = self.anomaly.is_some();
        [
            (self.first_trace.is_none(), "no trace was seen"),
            (self.injected.is_none(), "the slowdown had not begun: choose a longer --for"),
            (self.injected.is_some() && !anomaly, "the slowdown was not detected"),
            (anomaly && self.delivered.is_none(), "no alert of the anomaly was delivered"),
        ]
        .into_iter()
        .filter_map(|(is, what)| is.then_some(what))
        .collect()
    }

    /// Anomalies besides the injected one.
    pub(super) fn others(&self) -> usize {
        self.others.len()
    }
}

#[cfg(test)]
mod tests {
    use mplp_trace::core::model::{AnomalyKind, AnomalyState, TenantId, TimeRange, Timestamp};

    use super::*;

    fn anomaly(id: u128, series: &str, severity: Severity) -> Anomaly {
        let at = Timestamp::from_unix_nanos(1);
        Anomaly {
            id: AnomalyId(uuid::Uuid::from_u128(id)),
            tenant: TenantId::default(),
            detected_at: at,
            window: TimeRange { start: at, end: at },
            kind: AnomalyKind::PerformanceDegradation,
            severity,
            score: 1.0,
            confidence: 0.9,
            detector: "isolation_forest".to_owned(),
            series: series.to_owned(),
            affected: Vec::new(),
            reason: "slow".to_owned(),
            exemplar: None,
            state: AnomalyState::Open,
        }
    }

    #[test]
    fn an_anomaly_that_was_open_by_chance_and_grows_graver_is_the_injected_one() {
        let mut seen = Seen::new(Narrator::new(), "demo");
        let (agent, other) = (format!("demo/agent.{SLOW_AGENT}"), "demo/other");
        seen.anomaly(&anomaly(1, &agent, Severity::Medium));
        seen.anomaly(&anomaly(2, other, Severity::Medium));
        seen.slowdown(true);
        seen.anomaly(&anomaly(1, &agent, Severity::Medium));
        assert!(seen.anomaly.is_none(), "nothing has become worse");
        seen.anomaly(&anomaly(2, other, Severity::High));
        assert!(seen.anomaly.is_none(), "another series");
        seen.anomaly(&anomaly(1, &agent, Severity::High));
        assert_eq!(seen.anomaly.map(|(id, _)| id.0.as_u128()), Some(1));
        assert_eq!(seen.others(), 1);
    }
}
