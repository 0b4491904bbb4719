//! Reads MPLP v1 Context objects.

use serde::Deserialize;

use super::{ContextRecord, ProviderError};
use crate::context::{ContextId, ContextRef};
use crate::profile::ContextProfile;

/// The largest Context object that is read, in bytes.
pub const MAX_CONTEXT_JSON: usize = 1 << 20;

/// The fields that concern us; the schema has more, which are skipped.
#[derive(Deserialize)]
struct ContextV1 {
    context_id: String,
    title: String,
    status: String,
    root: Root,
    #[serde(default)]
    constraints: Constraints,
}

#[derive(Deserialize)]
struct Root {
    domain: String,
    #[serde(default)]
    environment: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Constraints {
    monitoring: Option<ContextProfile>,
}

impl ContextRecord {
    /// Reads an MPLP v1 Context object. `constraints.monitoring`, which the protocol leaves open, is read as a
    /// [`ContextProfile`].
    ///
    /// # Errors
    /// [`ProviderError::Decode`] if the text is over [`MAX_CONTEXT_JSON`] or no such object.
    pub fn from_v1_json(json: &[u8]) -> Result<Self, ProviderError> {
        if json.len() > MAX_CONTEXT_JSON {
            let message = format!("{} bytes, at most {MAX_CONTEXT_JSON} are read", json.len());
            return Err(ProviderError::Decode(message));
        }
        let v1: ContextV1 = serde_json::from_slice(json).map_err(|e| ProviderError::Decode(e.to_string()))?;
        let id: ContextId =
            v1.context_id.parse().map_err(|e| ProviderError::Decode(format!("context_id: {e}")))?;
        Ok(Self {
            context: ContextRef::Mplp(id),
            title: v1.title,
            status: v1.status,
            domain: v1.root.domain,
            environment: v1.root.environment,
            monitoring: v1.constraints.monitoring.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use trace_core::model::Severity;

    use super::*;
    use crate::context::{ContextType, Limit};

    /// MPLP v1.0.0, examples/context.minimal.json.
    const MINIMAL: &str = r#"{
        "$comment": "MPLP v1.0.0",
        "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0", "created_at": "2025-01-01T00:00:00.000Z"},
        "context_id": "550e8400-e29b-41d4-a716-446655440000",
        "root": {"domain": "domain_value", "environment": "environment_value"},
        "title": "title_value",
        "status": "draft"
    }"#;

    #[test]
    fn the_minimal_example_of_the_protocol_is_read() {
        let c = ContextRecord::from_v1_json(MINIMAL.as_bytes()).unwrap();
        assert_eq!(c.context.to_string(), "550e8400-e29b-41d4-a716-446655440000");
        assert_eq!(
            (c.title.as_str(), c.status.as_str(), c.domain.as_str()),
            ("title_value", "draft", "domain_value")
        );
        assert_eq!(c.monitoring, ContextProfile::default());
    }

    #[test]
    fn wishes_about_monitoring_are_read_from_the_constraints() {
        let json = MINIMAL.replacen(
            r#""status""#,
            r#""constraints": {"budget": 3, "monitoring": {
                "context_type": "collaborative", "priority": "high", "monitoring_level": "detailed",
                "performance_baseline": {"duration_ms": {"p50": 80, "p95": 120, "p99": 200}, "sample_size": 50},
                "monitoring_rules": [{"name": "hot", "severity": "high",
                    "condition": "cpu_usage_percent > 90 OR memory_usage_percent > 95"}],
                "alert_thresholds": {"duration_ms": {"warning": 100, "critical": 200}},
                "performance_targets": {"max_latency_p95_ms": 150}}},
              "status""#,
            1,
        );
        let m = ContextRecord::from_v1_json(json.as_bytes()).unwrap().monitoring;
        assert_eq!(m.context_type, Some(ContextType::Collaborative));
        assert_eq!(m.monitoring_rules.unwrap()[0].severity, Severity::High);
        assert_eq!(m.alert_thresholds.unwrap().duration_ms, Some(Limit::above(100.0, 200.0)));
        assert_eq!(m.performance_baseline.unwrap().duration_ms.p95, 120.0);
    }

    #[test]
    fn what_is_no_context_is_refused_with_a_reason() {
        let message = |json: &str| ContextRecord::from_v1_json(json.as_bytes()).unwrap_err().to_string();
        assert!(message("{}").contains("missing field `context_id`"));
        assert!(message(&MINIMAL.replace("550e8400", "550E8400")).contains("version 4 UUID in lower case"));
        assert!(message("[").starts_with("context is unreadable: EOF"));
        assert!(message(&" ".repeat(MAX_CONTEXT_JSON + 1)).contains("at most 1048576 are read"));
    }
}
