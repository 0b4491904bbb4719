//! What the service is asked, as it comes in from JSON or a query string.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SendAlertError;
use crate::model::{Alert, AlertKind, Severity, Timestamp, TraceId, TraceIds};

/// Which performance data are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PerformanceQuery {
    /// One trace; all of them if absent or empty.
    pub trace_id: Option<String>,
    /// The period, in a form of [`crate::model::TimeRange::parse`]; `1h` by default. For one trace it bounds the
    /// anomalies only.
    pub time_range: String,
    /// Whether anomalies are wanted.
    pub include_anomalies: bool,
    /// Whether recommendations are wanted.
    pub include_recommendations: bool,
}

impl Default for PerformanceQuery {
    fn default() -> Self {
        Self {
            trace_id: None,
            time_range: "1h".to_owned(),
            include_anomalies: false,
            include_recommendations: false,
        }
    }
}

/// Which periods are to be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ComparisonQuery {
    /// The period, in a form of [`crate::model::TimeRange::parse`]; `1h` by default.
    pub time_range: String,
    /// The period that it is held against, in a form of [`crate::model::TimeRange::parse`]; if it is absent or empty,
    /// the one of the same length just before.
    pub baseline: Option<String>,
}

impl Default for ComparisonQuery {
    fn default() -> Self {
        Self { time_range: "1h".to_owned(), baseline: None }
    }
}

/// Which anomalies are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AnomalyQuery {
    /// A severity, a comma list, or a lower bound such as `>=medium`; all if empty.
    pub severity: String,
    /// The period, in a form of [`crate::model::TimeRange::parse`]; `24h` by default.
    pub time_range: String,
    /// Whether those that are over are wanted, too.
    pub include_resolved: bool,
}

impl Default for AnomalyQuery {
    fn default() -> Self {
        Self { severity: String::new(), time_range: "24h".to_owned(), include_resolved: false }
    }
}

/// An alert as an application sends it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlertRequest {
    /// What it is about, such as `workflow_execution_failed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How bad: see [`Severity`] for names and aliases.
    pub severity: String,
    /// The workflow concerned.
    #[serde(default)]
    pub workflow_id: Option<String>,
    /// The trace that shows it.
    #[serde(default)]
    pub trace_id: Option<String>,
    /// The error text.
    #[serde(default)]
    pub error: Option<String>,
    /// One sentence; made of type and error if absent.
    #[serde(default)]
    pub message: Option<String>,
    /// What identifies the cause. Part of the fingerprint by which duplicates are found.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// When it happened; now if absent.
    #[serde(default)]
    pub timestamp: Option<Timestamp>,
}

/// Longer names and label values are refused.
pub(super) const MAX_NAME: usize = 128;
/// More labels are refused.
const MAX_LABELS: usize = 64;
/// Longer texts are cut.
const MAX_TEXT: usize = 4096;

impl AlertRequest {
    /// A request with a type and a severity.
    pub fn new(kind: impl Into<String>, severity: Severity) -> Self {
        Self {
            kind: kind.into(),
            severity: severity.to_string(),
            workflow_id: None,
            trace_id: None,
            error: None,
            message: None,
            labels: BTreeMap::new(),
            timestamp: None,
        }
    }

    pub(super) fn into_alert(self, now: Timestamp) -> Result<Alert, SendAlertError> {
        let severity: Severity = self.severity.parse()?;
        if self.kind.is_empty() || self.kind.len() > MAX_NAME {
            return Err(SendAlertError::InvalidType(self.kind.chars().take(64).collect()));
        }
        let long = |s: &str| s.len() > MAX_NAME;
        if self.labels.len() > MAX_LABELS
            || self.labels.iter().any(|(k, v)| k.is_empty() || long(k) || long(v))
        {
            return Err(SendAlertError::InvalidLabels);
        }
        let trace =
            self.trace_id.as_deref().filter(|t| !t.is_empty()).map(str::parse::<TraceId>).transpose()?;
        let error = self.error.map(cut);
        let message = match (self.message, &error) {
            (Some(m), _) => cut(m),
            (None, Some(e)) => format!("{}: {e}", self.kind),
            (None, None) => self.kind.clone(),
        };
        let kind = AlertKind::from(self.kind.as_str());
        let mut alert = Alert::new(kind, severity, message, self.timestamp.unwrap_or(now));
        alert.labels = self.labels;
        alert.workflow_id = self.workflow_id.map(cut);
        alert.trace = trace.map(|trace_id| TraceIds { trace_id, span_id: None });
        alert.error = error;
        Ok(alert)
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
    }
    text
}
