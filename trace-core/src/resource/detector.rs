//! The detectors, by name.

use std::fmt;
use std::str::FromStr;

use super::{container, host, os, process};
use crate::model::{KeyValue, Resource};

/// One thing to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResourceDetector {
    /// `service.name` as `unknown_service:<program>`, and a fresh `service.instance.id`.
    Service,
    /// `telemetry.sdk.*` and the like: this library.
    TelemetrySdk,
    /// `process.*`: number and program.
    Process,
    /// `host.*`: name, machine id, architecture.
    Host,
    /// `os.*`: kind, name, version.
    Os,
    /// `container.id`, from the control groups of Linux.
    Container,
}

/// A text names no detector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no resource detector {0:?}: known are service, telemetry_sdk, process, host, os, container")]
pub struct ParseDetectorError(String);

impl ResourceDetector {
    /// All of them, in the order in which later ones may replace what earlier ones found.
    pub const ALL: [Self; 6] =
        [Self::TelemetrySdk, Self::Os, Self::Host, Self::Container, Self::Process, Self::Service];

    /// The name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::TelemetrySdk => "telemetry_sdk",
            Self::Process => "process",
            Self::Host => "host",
            Self::Os => "os",
            Self::Container => "container",
        }
    }

    /// What it finds now. Reads a few small files at most.
    pub fn detect(self) -> Resource {
        Resource::new(match self {
            Self::Service => vec![
                KeyValue::new("service.name", unknown_service(process::executable_name().as_deref())),
                KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
            ],
            Self::TelemetrySdk => vec![
                KeyValue::new("telemetry.sdk.name", "mplp-trace"),
                KeyValue::new("telemetry.sdk.language", "rust"),
                KeyValue::new("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
            ],
            Self::Process => process::detect(),
            Self::Host => host::detect(),
            Self::Os => os::detect(),
            Self::Container => container::detect(),
        })
    }
}

/// What these detectors find; a later one wins over an earlier one.
pub fn detect(detectors: &[ResourceDetector]) -> Resource {
    detectors.iter().fold(Resource::default(), |found, d| found.merge(&d.detect()))
}

/// As the resource conventions prescribe for a service without a name.
fn unknown_service(executable: Option<&str>) -> String {
    executable.map_or_else(|| "unknown_service".to_owned(), |name| format!("unknown_service:{name}"))
}

impl fmt::Display for ResourceDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ResourceDetector {
    type Err = ParseDetectorError;

    fn from_str(text: &str) -> Result<Self, ParseDetectorError> {
        let known = Self::ALL.into_iter().find(|d| text.eq_ignore_ascii_case(d.name()));
        known.ok_or_else(|| ParseDetectorError(text.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detector_is_known_by_its_name_and_finds_only_its_own() {
        for d in ResourceDetector::ALL {
            assert_eq!(d.name().parse(), Ok(d));
            let prefix = match d {
                ResourceDetector::TelemetrySdk => "telemetry.sdk.",
                other => other.name(),
            };
            let found = d.detect();
            assert!(found.attributes.iter().all(|kv| kv.key.starts_with(prefix)), "{found:?}");
        }
        assert!("hosts".parse::<ResourceDetector>().unwrap_err().to_string().contains("known are service"));
    }

    #[test]
    fn a_service_without_a_name_is_called_after_its_program() {
        assert_eq!(unknown_service(Some("shop")), "unknown_service:shop");
        assert_eq!(unknown_service(None), "unknown_service");
        let all = detect(&ResourceDetector::ALL);
        assert!(all.service_name().starts_with("unknown_service:"), "{}", all.service_name());
        assert!(all.attributes.get("process.pid").is_some());
    }
}
