//! Limits of measured values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trace_core::model::Severity;

/// On which side of a limit the trouble is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Larger values are worse.
    #[default]
    Above,
    /// Smaller values are worse.
    Below,
}

/// How far a limit was crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BreachLevel {
    /// Over the warning bound.
    Warning,
    /// Over the critical bound.
    Critical,
}

impl BreachLevel {
    /// `warning` or `critical`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// Medium for a warning, critical for critical.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Warning => Severity::Medium,
            Self::Critical => Severity::Critical,
        }
    }
}

/// A crossed limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breach {
    /// How far.
    pub level: BreachLevel,
    /// The bound that was crossed.
    pub bound: f64,
}

/// A warning and a critical bound of one value; a bound itself is still fine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limit {
    /// From here on someone should look.
    pub warning: Option<f64>,
    /// From here on someone must look.
    pub critical: Option<f64>,
    /// On which side the trouble is.
    pub direction: Direction,
}

impl Limit {
    /// Trouble above these bounds.
    pub const fn above(warning: f64, critical: f64) -> Self {
        Self { warning: Some(warning), critical: Some(critical), direction: Direction::Above }
    }

    /// Trouble below these bounds.
    pub const fn below(warning: f64, critical: f64) -> Self {
        Self { warning: Some(warning), critical: Some(critical), direction: Direction::Below }
    }

    /// The worse of the bounds that the value crosses. NaN crosses none.
    pub fn breach(&self, value: f64) -> Option<Breach> {
        let crosses = |bound: f64| match self.direction {
            Direction::Above => value > bound,
            Direction::Below => value < bound,
        };
        let at =
            |level, bound: Option<f64>| bound.filter(|b| crosses(*b)).map(|bound| Breach { level, bound });
        at(BreachLevel::Critical, self.critical).or_else(|| at(BreachLevel::Warning, self.warning))
    }

    /// What is wrong with the limit, if anything.
    pub fn fault(&self) -> Option<&'static str> {
        if [self.warning, self.critical].into_iter().flatten().any(|b| !b.is_finite()) {
            return Some("a bound is not a finite number");
        }
        let (warning, critical) = self.warning.zip(self.critical)?;
        match self.direction {
            Direction::Above if warning > critical => Some("the warning bound lies above the critical one"),
            Direction::Below if warning < critical => Some("the warning bound lies below the critical one"),
            _ => None,
        }
    }
}

/// Limits of what an operation of a context may take. Absent means no limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertThresholds {
    /// The operation's duration, in milliseconds.
    pub duration_ms: Option<Limit>,
    /// Processor use, in percent (0 to 100).
    pub cpu_usage_percent: Option<Limit>,
    /// Memory, in megabytes.
    pub memory_usage_mb: Option<Limit>,
    /// Memory, in percent (0 to 100).
    pub memory_usage_percent: Option<Limit>,
    /// The share of failures within the baseline's window, in percent (0 to 100).
    pub error_rate_percent: Option<Limit>,
    /// Any other value that the operation reports, by name.
    pub custom: BTreeMap<String, Limit>,
}

impl AlertThresholds {
    /// What applies where nobody said anything. The documents disagree on some of them: duration 5 s or 10 s and
    /// memory 1024 or 2048 MB became warning and critical.
    pub fn built_in() -> Self {
        Self {
            duration_ms: Some(Limit::above(5_000.0, 10_000.0)),
            cpu_usage_percent: Some(Limit::above(80.0, 90.0)),
            memory_usage_mb: Some(Limit::above(1024.0, 2048.0)),
            memory_usage_percent: Some(Limit::above(80.0, 95.0)),
            error_rate_percent: Some(Limit::above(1.0, 5.0)),
            custom: BTreeMap::new(),
        }
    }

    /// All limits with the names of their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Limit)> {
        [
            ("duration_ms", self.duration_ms),
            ("cpu_usage_percent", self.cpu_usage_percent),
            ("memory_usage_mb", self.memory_usage_mb),
            ("memory_usage_percent", self.memory_usage_percent),
            ("error_rate_percent", self.error_rate_percent),
        ]
        .into_iter()
        .filter_map(|(name, limit)| Some((name, limit?)))
        .chain(self.custom.iter().map(|(name, limit)| (name.as_str(), *limit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_bound_wins_and_a_bound_itself_is_fine() {
        let cpu = Limit::above(80.0, 90.0);
        assert_eq!(cpu.breach(80.0), None);
        assert_eq!(cpu.breach(85.0), Some(Breach { level: BreachLevel::Warning, bound: 80.0 }));
        assert_eq!(cpu.breach(95.0), Some(Breach { level: BreachLevel::Critical, bound: 90.0 }));
        assert_eq!(cpu.breach(f64::NAN), None);
        let rate = Limit::below(100.0, 10.0);
        assert_eq!(rate.breach(5.0).unwrap().level, BreachLevel::Critical);
        assert_eq!(rate.breach(50.0).unwrap().level, BreachLevel::Warning);
        assert_eq!(rate.breach(100.0), None);
    }

    #[test]
    fn bounds_in_the_wrong_order_are_a_fault() {
        assert!(Limit::above(90.0, 80.0).fault().is_some());
        assert!(Limit::below(10.0, 100.0).fault().is_some());
        assert!(Limit::above(f64::NAN, 1.0).fault().is_some());
        assert!(AlertThresholds::built_in().iter().all(|(_, l)| l.fault().is_none()));
        assert_eq!(AlertThresholds::built_in().iter().count(), 5);
    }
}
