//! What is known about one context.

use trace_core::model::{PerformanceTargets, Priority, TenantId};

use super::{AlertThresholds, ContextRef, ContextType, MonitoringLevel, MonitoringRule};
use crate::baseline::PerformanceBaseline;

/// Where a field of a [`ContextInfo`] comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProfileSource {
    /// The context itself says so.
    Explicit,
    /// The profile registered for its type says so.
    ContextTypeProfile,
    /// Nobody said so.
    #[default]
    BuiltIn,
}

/// The source of each field of a [`ContextInfo`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSources {
    /// Of the type.
    pub context_type: ProfileSource,
    /// Of the priority.
    pub priority: ProfileSource,
    /// Of the expected performance.
    pub performance_baseline: ProfileSource,
    /// Of the level.
    pub monitoring_level: ProfileSource,
    /// Of the rules.
    pub monitoring_rules: ProfileSource,
    /// Of the thresholds.
    pub alert_thresholds: ProfileSource,
    /// Of the targets.
    pub performance_targets: ProfileSource,
}

/// How a context wants to be monitored.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextInfo {
    /// The context.
    pub context: ContextRef,
    /// Its owner.
    pub tenant: TenantId,
    /// How its agents work together.
    pub context_type: ContextType,
    /// How urgent its work is.
    pub priority: Priority,
    /// What its operations are expected to take, if the context or its profile says so. What is *learned* belongs
    /// to an operation, not to a context: see [`BaselineStore`](crate::baseline::BaselineStore).
    pub performance_baseline: Option<PerformanceBaseline>,
    /// How much is recorded.
    pub monitoring_level: MonitoringLevel,
    /// Conditions that raise alerts.
    pub monitoring_rules: Vec<MonitoringRule>,
    /// Limits that raise alerts.
    pub alert_thresholds: AlertThresholds,
    /// What its operations should achieve.
    pub performance_targets: PerformanceTargets,
    /// Where each of these comes from.
    pub sources: FieldSources,
}
