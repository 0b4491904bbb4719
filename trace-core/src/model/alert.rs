//! Something a person should know, and what became of telling them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{AnomalyId, Severity, TenantId, Timestamp, TraceIds};

/// Identifies an accepted alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertId(pub uuid::Uuid);

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for AlertId {
    type Err = uuid::Error;
    fn from_str(s: &str) -> Result<Self, uuid::Error> {
        s.parse().map(Self)
    }
}

/// Alerts with the same fingerprint are the same alert. FNV-1a over tenant, kind and labels, as in Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        u64::from_str_radix(&String::deserialize(d)?, 16).map(Self).map_err(de::Error::custom)
    }
}

/// What an alert is about. Text on the wire, in snake case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AlertKind {
    /// A workflow ended in failure.
    WorkflowExecutionFailed,
    /// A value crossed a limit.
    ThresholdExceeded,
    /// A detector opened an anomaly.
    AnomalyDetected,
    /// A performance target was missed.
    SlaViolation,
    /// An operation left its baseline.
    BaselineDeviation,
    /// Anything else.
    Custom(String),
}

impl AlertKind {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::WorkflowExecutionFailed => "workflow_execution_failed",
            Self::ThresholdExceeded => "threshold_exceeded",
            Self::AnomalyDetected => "anomaly_detected",
            Self::SlaViolation => "sla_violation",
            Self::BaselineDeviation => "baseline_deviation",
            Self::Custom(s) => s,
        }
    }
}

impl From<&str> for AlertKind {
    fn from(s: &str) -> Self {
        match s {
            "workflow_execution_failed" => Self::WorkflowExecutionFailed,
            "threshold_exceeded" => Self::ThresholdExceeded,
            "anomaly_detected" => Self::AnomalyDetected,
            "sla_violation" => Self::SlaViolation,
            "baseline_deviation" => Self::BaselineDeviation,
            other => Self::Custom(other.to_owned()),
        }
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for AlertKind {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AlertKind {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Ok(Self::from(Cow::<'de, str>::deserialize(d)?.as_ref()))
    }
}

/// Whether the cause is still there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    /// It is.
    #[default]
    Firing,
    /// It is over.
    Resolved,
}

/// One thing a person should know. Build with [`Alert::new`] and set the public fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Identity of this occurrence.
    pub id: AlertId,
    /// The owner.
    pub tenant: TenantId,
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: AlertKind,
    /// How bad.
    pub severity: Severity,
    /// Whether the cause is still there.
    pub status: AlertStatus,
    /// One sentence for a person.
    pub message: String,
    /// What identifies the cause, such as `service` and `operation`. Part of the fingerprint.
    pub labels: BTreeMap<String, String>,
    /// Further text, such as the reason or a runbook. Not part of the fingerprint.
    pub annotations: BTreeMap<String, String>,
    /// The workflow concerned, if one is.
    pub workflow_id: Option<String>,
    /// A trace that shows it.
    pub trace: Option<TraceIds>,
    /// The anomaly behind it.
    pub anomaly: Option<AnomalyId>,
    /// The error text, if an error caused it.
    pub error: Option<String>,
    /// The value that crossed the threshold.
    pub value: Option<f64>,
    /// The threshold.
    pub threshold: Option<f64>,
    /// When the cause began.
    pub raised_at: Timestamp,
}

impl Alert {
    /// A firing alert of the default tenant with a fresh id and no labels.
    pub fn new(
        kind: AlertKind,
        severity: Severity,
        message: impl Into<String>,
        raised_at: Timestamp,
    ) -> Self {
        Self {
            id: AlertId(uuid::Uuid::new_v4()),
            tenant: TenantId::default(),
            kind,
            severity,
            status: AlertStatus::Firing,
            message: message.into(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            workflow_id: None,
            trace: None,
            anomaly: None,
            error: None,
            value: None,
            threshold: None,
            raised_at,
        }
    }

    /// The same alert with a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// The same alert with an annotation.
    #[must_use]
    pub fn annotation(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.annotations.insert(key.into(), value.into());
        self
    }

    /// What makes two alerts the same: tenant, kind, workflow and labels.
    pub fn fingerprint(&self) -> Fingerprint {
        const PRIME: u64 = 0x0100_0000_01b3;
        let mut h: u64 = 0xcbf2_9ce4_8422_2325;
        let mut add = |s: &str| {
            // 0xff never occurs in UTF-8, so "a","bc" and "ab","c" differ.
            for b in s.bytes().chain([0xff]) {
                h = (h ^ u64::from(b)).wrapping_mul(PRIME);
            }
        };
        add(self.tenant.as_str());
        add(self.kind.as_str());
        add(self.workflow_id.as_deref().unwrap_or(""));
        for (k, v) in &self.labels {
            add(k);
            add(v);
        }
        Fingerprint(h)
    }
}

/// What became of an alert as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Firing.
    Active,
    /// A person knows.
    Acknowledged,
    /// Over.
    Resolved,
    /// Held back by deduplication, a silence or an inhibition.
    Suppressed,
}

/// What became of one attempt to tell one destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum DeliveryOutcome {
    /// Waiting for its group, its turn or a retry.
    Pending {
        /// Attempts made so far.
        attempts: u32,
        /// Why the last attempt failed.
        last_error: Option<String>,
    },
    /// The destination took it.
    Delivered {
        /// When.
        at: Timestamp,
        /// Attempts made.
        attempts: u32,
    },
    /// Given up.
    Failed {
        /// When.
        at: Timestamp,
        /// Attempts made.
        attempts: u32,
        /// Why.
        error: String,
    },
    /// Not sent on purpose.
    Suppressed {
        /// Why: a duplicate within the window, a silence.
        reason: String,
    },
}

/// What one destination was told of an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The channel's name, such as `slack`.
    pub channel: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: DeliveryOutcome,
}

/// An alert with its history: what a query returns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertRecord {
    /// The alert as last raised.
    pub alert: Alert,
    /// Its identity for deduplication.
    pub fingerprint: Fingerprint,
    /// What became of it as a whole.
    pub state: AlertState,
    /// How often it was raised within the deduplication window.
    pub occurrences: u64,
    /// When it was last raised.
    pub last_raised_at: Timestamp,
    /// What each destination was told.
    pub deliveries: Vec<Delivery>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert() -> Alert {
        Alert::new(AlertKind::ThresholdExceeded, Severity::High, "m", Timestamp::default())
            .label("service", "a")
    }

    #[test]
    fn the_fingerprint_ignores_what_varies_between_occurrences() {
        let mut b = alert().annotation("reason", "x");
        b.message = "other".into();
        b.severity = Severity::Low;
        b.status = AlertStatus::Resolved;
        assert_eq!(alert().fingerprint(), b.fingerprint());
    }

    #[test]
    fn the_fingerprint_tells_labels_tenants_and_kinds_apart() {
        let mut tenant = alert();
        tenant.tenant = TenantId::new("t").unwrap();
        let mut kind = alert();
        kind.kind = AlertKind::SlaViolation;
        let all = [alert(), tenant, kind, alert().label("b", ""), alert().label("service", "b")];
        let set: std::collections::HashSet<_> = all.iter().map(Alert::fingerprint).collect();
        assert_eq!(set.len(), all.len());
    }

    #[test]
    fn an_alert_survives_json() {
        let a = alert();
        let json = serde_json::to_string(&a).unwrap();
        assert!(json.contains(r#""type":"threshold_exceeded""#), "{json}");
        assert_eq!(serde_json::from_str::<Alert>(&json).unwrap(), a);
    }
}
