//! What happens to spans before they are sent.

use std::collections::BTreeMap;

use serde::Serialize;
use trace_core::model::{KeyValue, Resource, Value};

use super::redact::RedactConfig;
use super::section::Section;

/// `processing`, in the order in which it is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessingConfig {
    /// What the resource gets.
    pub resource: ResourceProcessingConfig,
    /// Attributes that every span gets which does not have them: text, numbers or booleans.
    pub enrich: BTreeMap<String, Value>,
    /// Attributes that every span gets, also one that has others.
    pub overwrite: BTreeMap<String, Value>,
    /// What is hidden; `None` is off.
    pub redact: Option<RedactConfig>,
}

/// `processing.resource`: for spans that other processes sent. That of this process is `opentelemetry.resource`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceProcessingConfig {
    /// Attributes that a resource gets which does not have them.
    pub enrich: BTreeMap<String, Value>,
    /// Attributes that every resource gets, also one that has others.
    pub overwrite: BTreeMap<String, Value>,
}

fn values(s: &Section<'_>, key: &'static str) -> BTreeMap<String, Value> {
    let entries = s.entries(key).into_iter();
    entries.filter_map(|(key, field)| Some((key.to_owned(), field.value()?))).collect()
}

impl ProcessingConfig {
    pub(super) fn read(s: &Section<'_>) -> Self {
        Self {
            resource: s.section("resource", |s| ResourceProcessingConfig {
                enrich: values(s, "enrich"),
                overwrite: values(s, "overwrite"),
            }),
            enrich: values(s, "enrich"),
            overwrite: values(s, "overwrite"),
            redact: s.section("redact", RedactConfig::read),
        }
    }
}

impl ResourceProcessingConfig {
    /// What is filled in, and what replaces.
    pub fn resources(&self) -> (Resource, Resource) {
        let of = |map: &BTreeMap<String, Value>| {
            Resource::new(map.iter().map(|(k, v)| KeyValue::new(k.clone(), v.clone())))
        };
        (of(&self.enrich), of(&self.overwrite))
    }
}
