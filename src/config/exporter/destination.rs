//! One destination: what it is called, its settings, and how it is delivered to.

use std::ops::{Deref, DerefMut};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use trace_exporters::delivery::DeliveryConfig;

use super::typed::Fallback;
use crate::config::field::without_secrets;
use crate::config::metrics::OtlpMetricsConfig;
use crate::config::otlp::OtlpConfig;
use crate::config::section::Section;

/// One destination.
///
/// Kinds of exporters' own settings serialize as they were read, with secrets as `***`; made in code, as an empty section.
#[derive(Clone, Debug)]
pub struct Destination<T> {
    /// The key, such as `zipkin` or `zipkin/backup`: its name in the ledger, in metrics and in `failover.to`.
    pub name: String,
    /// The settings of its kind.
    pub config: T,
    /// How it is delivered to.
    pub delivery: DeliveryConfig,
    written: Value,
}

impl<T> Destination<T> {
    /// A destination with the usual delivery.
    pub fn new(name: impl Into<String>, config: T) -> Self {
        let written = Value::Object(Map::new());
        Self { name: name.into(), config, delivery: DeliveryConfig::default(), written }
    }

    /// Sets how it is delivered to.
    #[must_use]
    pub fn delivery(mut self, delivery: DeliveryConfig) -> Self {
        self.delivery = delivery;
        self
    }

    /// Reads `enabled`, `delivery` and, by `read`, the rest, for which there are variables. `None` if it is off or cannot be
    /// used.
    pub(in crate::config) fn read(
        s: &Section<'_>,
        name: &str,
        otherwise: bool,
        variables: &[Fallback],
        read: impl FnOnce(&Section<'_>) -> Option<T>,
    ) -> Option<Self> {
        let on = s.enabled_or(otherwise);
        let delivery = s.section("delivery", super::read_delivery);
        if !on {
            // What is off may be for another build, or be half written.
            s.leave_the_rest();
            return None;
        }
        let mut written: Vec<(String, Value)> = s.written().collect();
        for (key, variable) in variables.iter().filter(|(key, _)| !s.has(key)) {
            written.extend(s.variable(variable).map(|value| ((*key).to_owned(), Value::from(value))));
        }
        let written = masked(written.into_iter());
        let config = read(s)?;
        Some(Self { name: name.to_owned(), config, delivery: delivery?, written })
    }
}

impl<T: PartialEq> PartialEq for Destination<T> {
    /// However it was written.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.config == other.config && self.delivery == other.delivery
    }
}

impl<T> Deref for Destination<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.config
    }
}

impl<T> DerefMut for Destination<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.config
    }
}

impl From<OtlpConfig> for Destination<OtlpConfig> {
    fn from(config: OtlpConfig) -> Self {
        Self::new("otlp", config)
    }
}

impl From<OtlpMetricsConfig> for Destination<OtlpMetricsConfig> {
    fn from(config: OtlpMetricsConfig) -> Self {
        Self::new("otlp", config)
    }
}

/// As it is used, whatever of it the environment said.
#[derive(Serialize)]
struct Effective<'a, T> {
    #[serde(flatten)]
    config: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'a Value>,
}

macro_rules! effective {
    ($($config:ty)*) => {$(
        impl Serialize for Destination<$config> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Effective { config: &self.config, delivery: self.written.get("delivery") }.serialize(serializer)
            }
        }
    )*};
}

effective! { OtlpConfig OtlpMetricsConfig }

/// Destinations as parts of a section, by their names, as they were written.
pub(in crate::config) fn by_name<S: Serializer, T>(
    destinations: &[Destination<T>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(destinations.iter().map(|d| (&d.name, &d.written)))
}

/// The texts without what addresses carry of secrets, and none below `headers` and `password`.
fn masked(entries: impl Iterator<Item = (String, Value)>) -> Value {
    let hide = |key: &str, value: Value| match (key, value) {
        ("password", Value::Null) => Value::Null,
        ("password", _) => Value::from("***"),
        ("headers", Value::Object(map)) => {
            Value::Object(map.into_iter().map(|(name, _)| (name, Value::from("***"))).collect())
        }
        (_, Value::Object(map)) => masked(map.into_iter()),
        (_, Value::String(text)) => Value::from(without_secrets(&text)),
        (_, other) => other,
    };
    Value::Object(entries.map(|(key, value)| (key.clone(), hide(&key, value))).collect())
}
