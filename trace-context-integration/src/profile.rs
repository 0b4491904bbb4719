//! What to assume where a context says nothing: explicit value, then the profile of its type, then built-in.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use trace_core::model::{PerformanceTargets, Priority, TenantId};

use crate::baseline::PerformanceBaseline;
use crate::context::{
    AlertThresholds, ContextInfo, ContextRef, ContextType, FieldSources, MonitoringLevel, MonitoringRule,
    ProfileSource,
};

/// Wishes about monitoring, each of which may be absent: what `constraints.monitoring` of a context holds, and
/// what is registered for a context type. In JSON the names are in snake case, and unknown ones are refused.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextProfile {
    /// How the agents work together. Ignored in a profile registered for a type.
    pub context_type: Option<ContextType>,
    /// How urgent the work is.
    pub priority: Option<Priority>,
    /// What operations are expected to take.
    pub performance_baseline: Option<PerformanceBaseline>,
    /// How much is recorded.
    pub monitoring_level: Option<MonitoringLevel>,
    /// Conditions that raise alerts.
    pub monitoring_rules: Option<Vec<MonitoringRule>>,
    /// Limits that raise alerts; replaces all limits of the next source.
    pub alert_thresholds: Option<AlertThresholds>,
    /// What operations should achieve.
    #[serde(deserialize_with = "targets")]
    pub performance_targets: Option<PerformanceTargets>,
}

/// The targets in the snake case of protocol objects; the model's own form is that of the HTTP API.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TargetsJson {
    max_latency_p95_ms: Option<f64>,
    min_throughput_ops_per_sec: Option<f64>,
    max_error_rate_percent: Option<f64>,
}

fn targets<'de, D: Deserializer<'de>>(d: D) -> Result<Option<PerformanceTargets>, D::Error> {
    Ok(Option::<TargetsJson>::deserialize(d)?.map(|t| PerformanceTargets {
        max_latency_p95_ms: t.max_latency_p95_ms,
        min_throughput_ops_per_sec: t.min_throughput_ops_per_sec,
        max_error_rate_percent: t.max_error_rate_percent,
    }))
}

/// What operations should achieve where nobody said so: 2000 ms and 1 %. The documents also name 100 operations a
/// second; that is a property of a service, not of a single operation, and is left out.
pub const BUILT_IN_TARGETS: PerformanceTargets = PerformanceTargets {
    max_latency_p95_ms: Some(2_000.0),
    min_throughput_ops_per_sec: None,
    max_error_rate_percent: Some(1.0),
};

/// Finds the value of every field, and remembers where it came from.
#[derive(Clone, Debug, Default)]
pub struct ProfileResolver {
    by_type: BTreeMap<ContextType, ContextProfile>,
}

impl ProfileResolver {
    /// A resolver without registered profiles.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers the profile of a type, in place of an earlier one.
    pub fn register(&mut self, context_type: ContextType, profile: ContextProfile) {
        self.by_type.insert(context_type, profile);
    }

    /// What is known of a context that says this about itself.
    pub fn resolve(&self, tenant: &TenantId, context: &ContextRef, explicit: &ContextProfile) -> ContextInfo {
        let context_type = explicit.context_type.clone().unwrap_or_default();
        let nothing = ContextProfile::default();
        let of_type = self.by_type.get(&context_type).unwrap_or(&nothing);
        let mut sources = FieldSources::default();
        if explicit.context_type.is_some() {
            sources.context_type = ProfileSource::Explicit;
        }
        fn pick<T: Clone>(
            source: &mut ProfileSource,
            explicit: &Option<T>,
            of_type: &Option<T>,
        ) -> Option<T> {
            *source = match (explicit, of_type) {
                (Some(_), _) => ProfileSource::Explicit,
                (None, Some(_)) => ProfileSource::ContextTypeProfile,
                (None, None) => ProfileSource::BuiltIn,
            };
            explicit.as_ref().or(of_type.as_ref()).cloned()
        }
        macro_rules! pick {
            ($field:ident) => {
                pick(&mut sources.$field, &explicit.$field, &of_type.$field)
            };
        }
        ContextInfo {
            priority: pick!(priority).unwrap_or_default(),
            performance_baseline: pick!(performance_baseline),
            monitoring_level: pick!(monitoring_level).unwrap_or_default(),
            monitoring_rules: pick!(monitoring_rules).unwrap_or_default(),
            alert_thresholds: pick!(alert_thresholds).unwrap_or_else(AlertThresholds::built_in),
            performance_targets: pick!(performance_targets).unwrap_or(BUILT_IN_TARGETS),
            context: context.clone(),
            tenant: tenant.clone(),
            context_type,
            sources,
        }
    }

    /// What is assumed of a context that nothing is known about.
    pub fn built_in(&self, tenant: &TenantId, context: &ContextRef) -> ContextInfo {
        self.resolve(tenant, context, &ContextProfile::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Limit;

    #[test]
    fn each_field_has_its_own_source() {
        let mut resolver = ProfileResolver::new();
        let of_type = ContextProfile {
            priority: Some(Priority::High),
            monitoring_level: Some(MonitoringLevel::Detailed),
            ..ContextProfile::default()
        };
        resolver.register(ContextType::Pipeline, of_type);
        let explicit: ContextProfile = serde_json::from_str(
            r#"{"context_type": "pipeline", "priority": "emergency",
                "performance_targets": {"max_latency_p95_ms": 50}}"#,
        )
        .unwrap();
        let context = ContextRef::External("c".into());
        let info = resolver.resolve(&TenantId::default(), &context, &explicit);
        assert_eq!((info.priority, info.sources.priority), (Priority::Critical, ProfileSource::Explicit));
        assert_eq!(info.monitoring_level, MonitoringLevel::Detailed);
        assert_eq!(info.sources.monitoring_level, ProfileSource::ContextTypeProfile);
        assert_eq!(info.alert_thresholds.duration_ms, Some(Limit::above(5_000.0, 10_000.0)));
        assert_eq!(info.sources.alert_thresholds, ProfileSource::BuiltIn);
        assert_eq!(info.performance_targets.max_latency_p95_ms, Some(50.0));
        assert_eq!(info.performance_targets.max_error_rate_percent, None, "targets are not mixed");
        assert_eq!(info.performance_baseline, None);
    }

    #[test]
    fn nothing_known_means_built_in_everywhere() {
        let info = ProfileResolver::new().built_in(&TenantId::default(), &ContextRef::External("c".into()));
        assert_eq!(info.sources, FieldSources::default());
        assert_eq!(info.context_type, ContextType::Unspecified);
        assert_eq!(info.performance_targets, BUILT_IN_TARGETS);
    }

    #[test]
    fn a_misspelt_wish_is_refused_by_name() {
        let err = serde_json::from_str::<ContextProfile>(r#"{"priorty": "low"}"#).unwrap_err().to_string();
        assert!(err.contains("priorty") && err.contains("priority"), "{err}");
        let err = serde_json::from_str::<ContextProfile>(
            r#"{"monitoring_rules": [{"name": "hot", "condition": "cpu >"}]}"#,
        );
        assert!(err.unwrap_err().to_string().contains("expected a number at byte 5"));
    }
}
