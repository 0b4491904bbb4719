//! What of the integration is on.

use serde::{Deserialize, Serialize};

/// The four switches; all on by default. Each, when off, takes away what it names and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct IntegrationSwitches {
    /// Contexts are looked up. Off: the provider is not asked, and every context gets the built-in values.
    #[serde(alias = "context_aware_monitoring")]
    pub context_aware_monitoring: bool,
    /// Baselines are kept for each type of context. Off: one baseline for each operation.
    #[serde(alias = "performance_by_context")]
    pub performance_by_context: bool,
    /// Rules, thresholds and targets raise alerts. Off: they are still part of the analysis; a failed operation
    /// still raises its alert.
    #[serde(alias = "context_based_alerting")]
    pub context_based_alerting: bool,
    /// Metrics and alerts carry the context's id. Off: they carry its type only.
    #[serde(alias = "context_metrics_correlation")]
    pub context_metrics_correlation: bool,
}

impl Default for IntegrationSwitches {
    fn default() -> Self {
        Self {
            context_aware_monitoring: true,
            performance_by_context: true,
            context_based_alerting: true,
            context_metrics_correlation: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_and_others_refused() {
        let s: IntegrationSwitches =
            serde_json::from_str(r#"{"performanceByContext": false, "context_based_alerting": false}"#)
                .unwrap();
        assert!(s.context_aware_monitoring && !s.performance_by_context && !s.context_based_alerting);
        assert!(serde_json::from_str::<IntegrationSwitches>(r#"{"contextAlerting": true}"#).is_err());
    }
}
