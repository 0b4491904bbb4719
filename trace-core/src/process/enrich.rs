//! Adds fixed attributes to every span.

use std::borrow::Cow;

use crate::batch::SpanBatchMut;
use crate::model::{KeyValue, Value};
use crate::signal::SpanProcessor;

/// Adds fixed attributes to every span. What describes the process rather than the span belongs into the resource,
/// which is stored and sent once: see [`ResourceProcessor`](super::ResourceProcessor).
#[derive(Clone, Debug, Default)]
#[must_use = "a processor does nothing until it is added to a pipeline"]
pub struct EnrichProcessor {
    /// With whether a value of the span is replaced.
    attributes: Vec<(KeyValue, bool)>,
}

impl EnrichProcessor {
    /// Adds nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every span gets this value, also one that has another.
    pub fn set(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.attributes.push((KeyValue::new(key, value), true));
        self
    }

    /// Every span that does not have the key gets this value.
    pub fn set_if_absent(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.attributes.push((KeyValue::new(key, value), false));
        self
    }
}

impl SpanProcessor for EnrichProcessor {
    fn process(&self, batch: &mut SpanBatchMut) {
        for (attribute, replace) in &self.attributes {
            batch.set_attribute_on_all(attribute.clone(), *replace);
        }
    }
}
