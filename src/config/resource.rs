//! What describes the process besides the service.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use trace_core::env::EnvSettings;
use trace_core::resource::ResourceDetector;

use super::section::Section;

/// `opentelemetry.resource`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceConfig {
    /// Attributes of everything that is sent. Where `opentelemetry.service` has the same key, that wins. The file wins
    /// over `OTEL_RESOURCE_ATTRIBUTES`, key by key.
    pub attributes: BTreeMap<String, String>,
    /// What the process finds out about itself; everything by default.
    #[serde(serialize_with = "names")]
    pub detectors: Vec<ResourceDetector>,
}

fn names<S: Serializer>(detectors: &[ResourceDetector], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(detectors.iter().map(|d| d.name()))
}

impl Default for ResourceConfig {
    fn default() -> Self {
        Self { attributes: BTreeMap::new(), detectors: ResourceDetector::ALL.to_vec() }
    }
}

impl ResourceConfig {
    pub(super) fn read(s: &Section<'_>, env: &EnvSettings) -> Self {
        let of_env = env.resource_attributes.iter().map(|kv| (kv.key.to_string(), kv.value.to_string()));
        let mut attributes: BTreeMap<_, _> = of_env.collect();
        for (key, field) in s.entries("attributes") {
            attributes.extend(field.text().map(|value| (key.to_owned(), value)));
        }
        let detectors = s.list("detectors").map(|list| list.iter().filter_map(|d| d.parse()).collect());
        Self { attributes, detectors: detectors.unwrap_or_else(|| ResourceDetector::ALL.to_vec()) }
    }
}
