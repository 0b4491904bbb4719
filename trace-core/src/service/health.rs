//! The parts of the system that can be asked how they are.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::analyze::RedWindows;
use crate::model::{Check, CheckStatus, ComponentHealth, HealthLevel, HealthStatus, Timestamp};
use crate::store::{AnomalyLog, MemoryStore};

/// A part of the system that can be asked how it is.
pub trait HealthCheck: Send + Sync {
    /// The name of the part, such as `storage`.
    fn component(&self) -> &str;

    /// How it is. Answers from what it knows, without waiting. A panic counts as unhealthy.
    fn check(&self) -> ComponentHealth;
}

impl<T: HealthCheck + ?Sized> HealthCheck for Arc<T> {
    fn component(&self) -> &str {
        (**self).component()
    }
    fn check(&self) -> ComponentHealth {
        (**self).check()
    }
}

/// All parts that are asked.
#[derive(Clone, Default)]
pub struct HealthChecks {
    parts: Vec<(Arc<dyn HealthCheck>, bool)>,
}

impl std::fmt::Debug for HealthChecks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.parts.iter().map(|(p, _)| p.component())).finish()
    }
}

impl HealthChecks {
    /// Adds a part without which the system does not do its job.
    pub fn add_required(&mut self, part: Arc<dyn HealthCheck>) {
        self.parts.push((part, true));
    }

    /// Adds a part that can only degrade the whole.
    pub fn add_optional(&mut self, part: Arc<dyn HealthCheck>) {
        self.parts.push((part, false));
    }

    /// Asks all. Of two parts with the same name the worse one is shown.
    pub fn status(&self, now: Timestamp) -> HealthStatus {
        let mut status = HealthStatus {
            overall: HealthLevel::Healthy,
            score: 100,
            checked_at: now,
            components: Default::default(),
        };
        for (part, required) in &self.parts {
            let health = ask(part.as_ref());
            let most = if *required { HealthLevel::Unhealthy } else { HealthLevel::Degraded };
            status.overall = status.overall.max(health.status.min(most));
            let known =
                status.components.entry(part.component().to_owned()).or_insert_with(|| health.clone());
            if health.status > known.status {
                *known = health;
            }
        }
        let points: f64 = status.components.values().map(|c| points(c.status)).sum();
        if !status.components.is_empty() {
            status.score = (100.0 * points / status.components.len() as f64).round() as u8;
        }
        status
    }
}

fn points(level: HealthLevel) -> f64 {
    match level {
        HealthLevel::Healthy => 1.0,
        HealthLevel::Degraded => 0.5,
        HealthLevel::Unhealthy => 0.0,
    }
}

fn ask(part: &dyn HealthCheck) -> ComponentHealth {
    catch_unwind(AssertUnwindSafe(|| part.check())).unwrap_or_else(|_| {
        let message = "the health check itself panicked".to_owned();
        let check =
            Check { name: "health_check".to_owned(), status: CheckStatus::Fail, message: message.clone() };
        ComponentHealth::from_checks(vec![check], 0, Some(message))
    })
}

impl HealthCheck for MemoryStore {
    fn component(&self) -> &str {
        "storage"
    }

    /// Evictions are how a ring works, so they are told but do not count against it.
    fn check(&self) -> ComponentHealth {
        let s = self.stats();
        let message = format!(
            "{} traces of {} tenants in {} of {} bytes; {} older spans let go",
            s.traces,
            s.tenants,
            s.bytes,
            self.max_bytes(),
            s.evicted_spans
        );
        let check = Check { name: "memory".to_owned(), status: CheckStatus::Pass, message };
        ComponentHealth::from_checks(vec![check], 0, None)
    }
}

impl HealthCheck for RedWindows {
    fn component(&self) -> &str {
        "windows"
    }

    /// Warns of spans of tenants for which there was no place, and of series let go for want of bytes. Late and
    /// overflowing spans are told; they are counted all the same.
    fn check(&self) -> ComponentHealth {
        let s = self.stats();
        let held = Check {
            name: "memory".to_owned(),
            status: if s.evicted_series > 0 { CheckStatus::Warn } else { CheckStatus::Pass },
            message: format!(
                "{} series of {} tenants in {} of {} bytes; {} series let go",
                s.series,
                s.tenants,
                s.bytes,
                self.max_bytes(),
                s.evicted_series
            ),
        };
        let spans = Check {
            name: "spans".to_owned(),
            status: if s.refused > 0 { CheckStatus::Warn } else { CheckStatus::Pass },
            message: format!(
                "{} of tenants without a place, {} of operations without one, {} late",
                s.refused, s.overflowed, s.late
            ),
        };
        ComponentHealth::from_checks(vec![held, spans], s.refused, None)
    }
}

impl HealthCheck for AnomalyLog {
    fn component(&self) -> &str {
        "anomaly_log"
    }

    fn check(&self) -> ComponentHealth {
        let message = format!("{} anomalies not resolved", self.open_count());
        let check = Check { name: "log".to_owned(), status: CheckStatus::Pass, message };
        ComponentHealth::from_checks(vec![check], self.evicted(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Part(&'static str, Option<CheckStatus>);

    impl HealthCheck for Part {
        fn component(&self) -> &str {
            self.0
        }
        fn check(&self) -> ComponentHealth {
            let status = self.1.expect("this part panics");
            let check = Check { name: "c".into(), status, message: "m".into() };
            ComponentHealth::from_checks(vec![check], 0, None)
        }
    }

    fn overall(required: &[CheckStatus], optional: &[CheckStatus]) -> (HealthLevel, u8) {
        let mut checks = HealthChecks::default();
        let mut names = ["a", "b", "c", "d"].into_iter();
        let mut part = |s: &CheckStatus| Arc::new(Part(names.next().unwrap(), Some(*s)));
        required.iter().for_each(|s| checks.add_required(part(s)));
        optional.iter().for_each(|s| checks.add_optional(part(s)));
        let status = checks.status(Timestamp::default());
        (status.overall, status.score)
    }

    #[test]
    fn the_worst_required_part_counts_and_optional_ones_only_degrade() {
        use CheckStatus::{Fail, Pass, Warn};
        assert_eq!(overall(&[], &[]), (HealthLevel::Healthy, 100));
        assert_eq!(overall(&[Pass, Warn], &[]), (HealthLevel::Degraded, 75));
        assert_eq!(overall(&[Pass], &[Fail]), (HealthLevel::Degraded, 50));
        assert_eq!(overall(&[Fail, Pass, Pass], &[]), (HealthLevel::Unhealthy, 67));
    }

    #[test]
    fn a_panicking_check_is_unhealthy_and_harms_no_other() {
        let mut checks = HealthChecks::default();
        checks.add_required(Arc::new(Part("bad", None)));
        checks.add_required(Arc::new(Part("good", Some(CheckStatus::Pass))));
        checks.add_optional(Arc::new(MemoryStore::default()));
        let status = checks.status(Timestamp::default());
        assert_eq!(status.components["bad"].status, HealthLevel::Unhealthy);
        assert_eq!(status.components["good"].status, HealthLevel::Healthy);
        assert_eq!(status.components["storage"].status, HealthLevel::Healthy);
    }
}
