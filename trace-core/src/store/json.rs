//! The JSON form of a stored trace.

use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

use super::{StoredSpan, StoredTrace};
use crate::model::{Event, KeyValue, Link, Status};

impl Serialize for StoredTrace {
    /// `{traceId, incomplete, spans: [..]}`.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut o = s.serialize_struct("StoredTrace", 3)?;
        o.serialize_field("traceId", &self.trace_id)?;
        o.serialize_field("incomplete", &self.incomplete)?;
        o.serialize_field("spans", &self.spans)?;
        o.end()
    }
}

impl Serialize for StoredSpan {
    /// `{spanId, parentSpanId, name, kind, service, start, durationMs, status, statusMessage, scope, attributes,
    /// resource, events, links}`. Attributes are objects of natural JSON values.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let span = &self.span;
        let (status, message) = match &span.status {
            Status::Unset => ("unset", ""),
            Status::Ok => ("ok", ""),
            Status::Error(m) => ("error", m.as_ref()),
        };
        let mut o = s.serialize_struct("StoredSpan", 15)?;
        o.serialize_field("spanId", &span.context.span_id)?;
        o.serialize_field("parentSpanId", &span.parent_span_id)?;
        o.serialize_field("parentIsRemote", &span.parent_is_remote)?;
        o.serialize_field("name", &span.name)?;
        o.serialize_field("kind", &span.kind)?;
        o.serialize_field("service", self.resource.service_name())?;
        o.serialize_field("start", &span.start)?;
        o.serialize_field("durationMs", &(span.end.since(span.start).as_secs_f64() * 1e3))?;
        o.serialize_field("status", status)?;
        o.serialize_field("statusMessage", message)?;
        o.serialize_field("scope", &span.scope.name)?;
        o.serialize_field("attributes", &Attributes(&span.attributes))?;
        o.serialize_field("resource", &ResourceAttributes(self))?;
        o.serialize_field("events", &Events(&span.events))?;
        o.serialize_field("links", &Links(&span.links))?;
        o.end()
    }
}

struct Attributes<'a>(&'a [KeyValue]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|kv| (&kv.key, &kv.value)))
    }
}

struct ResourceAttributes<'a>(&'a StoredSpan);

impl Serialize for ResourceAttributes<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.resource.attributes.iter().map(|kv| (&kv.key, &kv.value)))
    }
}

struct Events<'a>(&'a [Event]);

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut list = s.serialize_seq(Some(self.0.len()))?;
        for e in self.0 {
            list.serialize_element(&OneEvent(e))?;
        }
        list.end()
    }
}

struct OneEvent<'a>(&'a Event);

impl Serialize for OneEvent<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut m = s.serialize_map(Some(3))?;
        m.serialize_entry("name", &self.0.name)?;
        m.serialize_entry("time", &self.0.time)?;
        m.serialize_entry("attributes", &Attributes(&self.0.attributes))?;
        m.end()
    }
}

struct Links<'a>(&'a [Link]);

impl Serialize for Links<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut list = s.serialize_seq(Some(self.0.len()))?;
        for l in self.0 {
            list.serialize_element(&OneLink(l))?;
        }
        list.end()
    }
}

struct OneLink<'a>(&'a Link);

impl Serialize for OneLink<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut m = s.serialize_map(Some(3))?;
        m.serialize_entry("traceId", &self.0.context.trace_id)?;
        m.serialize_entry("spanId", &self.0.context.span_id)?;
        m.serialize_entry("attributes", &Attributes(&self.0.attributes))?;
        m.end()
    }
}
