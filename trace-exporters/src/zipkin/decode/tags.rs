//! Tags, and what some of them say beyond being attributes.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use trace_core::model::{KeyValue, Link, SpanContext, Status, TraceFlags, TraceId, TraceState, Value};

use super::super::annotation::{self, Scalar};
use super::super::names;
use super::MAX_LIST;
use super::span::{hex, narrow};

/// Tags, sorted into attributes and the rest.
#[derive(Debug, Default)]
pub(super) struct Tags {
    pub(super) attributes: Vec<KeyValue>,
    pub(super) links: Vec<Link>,
    /// `otel.status_code`: whether it says error.
    failed: Option<bool>,
    error: Option<String>,
    pub(super) scope: String,
    pub(super) scope_version: String,
    pub(super) trace_state: String,
    pub(super) dropped_attributes: u32,
    pub(super) dropped_events: u32,
    pub(super) dropped_links: u32,
}

impl Tags {
    /// Without a status of OpenTelemetry's, a tag `error` makes a failure, unless it is `false`.
    pub(super) fn status(&self) -> Status {
        let message = || self.error.clone().filter(|m| self.failed.is_some() || m != "true");
        match (self.failed, self.error.as_deref()) {
            (Some(false), _) => Status::Ok,
            (None, None | Some("false")) => Status::Unset,
            _ => Status::Error(message().unwrap_or_default().into()),
        }
    }

    fn take(&mut self, key: String, value: String) {
        match (&*key, &*value) {
            (names::STATUS, "OK") => self.failed = Some(false),
            (names::STATUS, "ERROR") => self.failed = Some(true),
            (names::ERROR, _) => self.error = Some(value),
            (names::SCOPE, _) => self.scope = value,
            (names::SCOPE_VERSION, _) => self.scope_version = value,
            (names::LIBRARY, _) if self.scope.is_empty() || self.scope == value => self.scope = value,
            (names::LIBRARY_VERSION, _) if self.scope_version.is_empty() || self.scope_version == value => {
                self.scope_version = value;
            }
            (names::TRACE_STATE, _) => self.trace_state = value,
            (names::DROPPED_ATTRIBUTES, _) => {
                self.dropped_attributes = self.dropped_attributes.saturating_add(value.parse().unwrap_or(0));
            }
            (names::DROPPED_EVENTS, _) => self.dropped_events = value.parse().unwrap_or(0),
            (names::DROPPED_LINKS, _) => self.dropped_links = value.parse().unwrap_or(0),
            (key, text) if key.starts_with(names::LINK) && self.links.len() < MAX_LIST => match link(text) {
                Some(link) => self.links.push(link),
                None => self.attribute(key.to_owned(), value),
            },
            _ => self.attribute(key, value),
        }
    }

    fn attribute(&mut self, key: String, value: String) {
        if self.attributes.len() < MAX_LIST {
            self.attributes.push(KeyValue::new(key, value));
        } else {
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
        }
    }
}

/// `TRACE|SPAN|STATE|ATTRIBUTES|DROPPED`.
fn link(text: &str) -> Option<Link> {
    let (trace, rest) = text.split_once('|')?;
    let (span, rest) = rest.split_once('|')?;
    let (state, rest) = rest.split_once('|')?;
    // Attributes may hold the separator.
    let (attributes, dropped) = rest.rsplit_once('|')?;
    let mut context = SpanContext::new(TraceId::new(hex(trace, 32)?)?, narrow(span)?, TraceFlags::default());
    context.trace_state = TraceState::from_validated(state);
    let attributes = match attributes {
        "" => Vec::new(),
        object => annotation::attributes(object)?,
    };
    Some(Link { context, attributes, dropped_attributes: dropped.parse().ok()? })
}

/// A map of texts, in order. Numbers and truth values that some clients send count as their text.
impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Tags;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tags, A::Error> {
                let mut tags = Tags::default();
                while let Some((key, Scalar(value))) = map.next_entry::<String, Scalar>()? {
                    let value = match value {
                        Value::String(text) => text.into_owned(),
                        other => other.to_string(),
                    };
                    tags.take(key, value);
                }
                Ok(tags)
            }
        }
        d.deserialize_map(Map)
    }
}
