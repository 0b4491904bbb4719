//! Something behaved unlike itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Severity, TenantId, TimeRange, Timestamp, TraceIds};

/// Identifies an anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AnomalyId(pub uuid::Uuid);

impl fmt::Display for AnomalyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What kind of misbehaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnomalyKind {
    /// Slower than normal.
    PerformanceDegradation,
    /// CPU, memory or another resource near its end.
    ResourceExhaustion,
    /// More failures than normal.
    ErrorSpike,
    /// Unlike anything seen, in no single direction.
    UnusualPattern,
    /// A security event.
    SecurityAnomaly,
}

impl AnomalyKind {
    /// `performance_degradation`, `error_spike` and so on.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PerformanceDegradation => "performance_degradation",
            Self::ResourceExhaustion => "resource_exhaustion",
            Self::ErrorSpike => "error_spike",
            Self::UnusualPattern => "unusual_pattern",
            Self::SecurityAnomaly => "security_anomaly",
        }
    }
}

/// Where an anomaly is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum AnomalyState {
    /// Going on.
    Open,
    /// Going on, and a person knows.
    Acknowledged,
    /// Over.
    Resolved {
        /// When it ended.
        at: Timestamp,
    },
}

impl AnomalyState {
    /// Whether it is over.
    pub const fn is_resolved(self) -> bool {
        matches!(self, Self::Resolved { .. })
    }
}

/// How one feature moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AffectedMetric {
    /// The feature, with its unit as suffix, such as `self_time_ms`.
    pub name: String,
    /// The normal value, if one is known.
    pub expected: Option<f64>,
    /// The edges of the normal band, if known: below, above.
    pub band: Option<(f64, f64)>,
    /// What was seen.
    pub observed: f64,
    /// `100 * (observed - expected) / |expected|`, if expected is known and not zero.
    pub deviation_percent: Option<f64>,
    /// The share of the score that this feature explains, 0 to 1.
    pub contribution: f64,
}

/// A period in which a series behaved unlike itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Anomaly {
    /// Identity; stays while the anomaly goes on.
    pub id: AnomalyId,
    /// The owner.
    pub tenant: TenantId,
    /// When it was opened.
    pub detected_at: Timestamp,
    /// From the first abnormal observation to the latest.
    #[serde(serialize_with = "range", deserialize_with = "unrange")]
    pub window: TimeRange,
    /// The kind.
    pub kind: AnomalyKind,
    /// How bad.
    pub severity: Severity,
    /// The raw score of the detector; comparable only within it.
    pub score: f64,
    /// Calibrated, 0 to 1; see the detector's documentation for the false-alarm rate that a value stands for.
    pub confidence: f64,
    /// Which detector found it.
    pub detector: String,
    /// The series, such as `checkout/POST /orders`.
    pub series: String,
    /// Features that moved, the largest contribution first.
    pub affected: Vec<AffectedMetric>,
    /// The reason in a sentence with numbers.
    pub reason: String,
    /// A trace that shows it.
    pub exemplar: Option<TraceIds>,
    /// Where it is in its life.
    pub state: AnomalyState,
}

fn range<S: serde::Serializer>(r: &TimeRange, s: S) -> Result<S::Ok, S::Error> {
    (r.start, r.end).serialize(s)
}

fn unrange<'de, D: serde::Deserializer<'de>>(d: D) -> Result<TimeRange, D::Error> {
    let (start, end) = Deserialize::deserialize(d)?;
    Ok(TimeRange { start, end })
}
