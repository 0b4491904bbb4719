//! Rules that raise an alert.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trace_core::model::Severity;

use super::Condition;

/// Raises an alert when its condition holds, at most once for each trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitoringRule {
    /// What the rule is called; unique within a context.
    pub name: String,
    /// When it fires.
    pub condition: Condition,
    /// How bad that is.
    #[serde(default = "medium")]
    pub severity: Severity,
    /// Labels of the alert; part of its identity.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Further text on the alert.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

fn medium() -> Severity {
    Severity::Medium
}

impl MonitoringRule {
    /// A rule of medium severity without labels and annotations.
    pub fn new(name: impl Into<String>, condition: Condition) -> Self {
        Self {
            name: name.into(),
            condition,
            severity: medium(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        }
    }
}
