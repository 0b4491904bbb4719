//! What a span must have to be found.

use crate::batch::{SpanRef, StatusCode};
use crate::model::{SpanKind, ValueRef};

/// What a span must have. The default lets every span pass; all conditions hold for one and the same span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpanFilter {
    /// The service that recorded it.
    pub service: Option<String>,
    /// Its name.
    pub operation: Option<String>,
    /// Its kind.
    pub kind: Option<SpanKind>,
    /// Its outcome.
    pub status: Option<StatusCode>,
    /// Its attributes, all of them.
    pub attributes: Vec<AttributeCondition>,
}

/// A condition on one attribute. The span's own attribute counts; if it has none of that name, the resource's.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeCondition {
    /// The name.
    pub key: String,
    /// What holds for the value.
    pub test: AttributeTest,
}

/// What holds for a value.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeTest {
    /// There is one.
    Exists,
    /// Its text, as [`ValueRef`] displays it, is this: so `500` finds the number and the text.
    Equals(String),
    /// It is a number, at least this.
    AtLeast(f64),
    /// It is a number, at most this.
    AtMost(f64),
}

impl AttributeCondition {
    /// The condition that an attribute has this text.
    pub fn equals(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), test: AttributeTest::Equals(text.into()) }
    }

    /// Whether the condition holds for a span.
    pub fn matches(&self, span: SpanRef<'_>) -> bool {
        let own = span.attribute(&self.key);
        let value = own.or_else(|| span.resource().attributes.get(self.key.as_str()).map(|v| v.as_ref()));
        value.is_some_and(|value| self.test.holds_for(value))
    }
}

impl AttributeTest {
    /// Whether it holds.
    pub fn holds_for(&self, value: ValueRef<'_>) -> bool {
        match self {
            Self::Exists => true,
            Self::Equals(text) => match value {
                ValueRef::String(v) => v == text,
                other => other.to_string() == *text,
            },
            Self::AtLeast(limit) => value.as_f64().is_some_and(|v| v >= *limit),
            Self::AtMost(limit) => value.as_f64().is_some_and(|v| v <= *limit),
        }
    }
}

impl SpanFilter {
    /// Whether every span passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a span passes.
    pub fn matches(&self, span: SpanRef<'_>) -> bool {
        self.kind.is_none_or(|k| span.kind() == k)
            && self.status.is_none_or(|s| span.status_code() == s)
            && self.operation.as_deref().is_none_or(|o| span.name() == o)
            && self.service.as_deref().is_none_or(|s| span.resource().service_name() == s)
            && self.attributes.iter().all(|a| a.matches(span))
    }
}
