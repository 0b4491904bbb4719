//! Who sends the telemetry.

use serde::Serialize;

use super::section::Section;

/// `opentelemetry.service`: becomes the resource of every span and metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceConfig {
    /// `service.name`. Else `OTEL_SERVICE_NAME`, else as `OTEL_RESOURCE_ATTRIBUTES` or `opentelemetry.resource` say, else
    /// `mplp-trace`.
    pub name: String,
    /// `service.version`.
    pub version: Option<String>,
    /// `service.namespace`.
    pub namespace: Option<String>,
    /// `deployment.environment.name`. Else `NODE_ENV`, else `production`.
    pub environment: String,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            name: "mplp-trace".to_owned(),
            version: None,
            namespace: None,
            environment: "production".to_owned(),
        }
    }
}

impl ServiceConfig {
    /// Whether the environment is `production`, in any case of letters.
    pub fn is_production(&self) -> bool {
        self.environment.eq_ignore_ascii_case("production")
    }

    pub(super) fn read(s: &Section<'_>, named: Option<String>) -> Self {
        let default = Self::default();
        Self {
            name: s.field("name").env("OTEL_SERVICE_NAME").text().or(named).unwrap_or(default.name),
            version: s.field("version").text(),
            namespace: s.field("namespace").text(),
            environment: s.field("environment").env("NODE_ENV").text().unwrap_or(default.environment),
        }
    }
}
