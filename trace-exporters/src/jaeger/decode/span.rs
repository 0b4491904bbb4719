//! One span: ids, times, and what its tags, logs and references say.

use std::sync::Arc;

use trace_core::model::{
    Event, KeyValue, Link, Scope, SpanContext, SpanData, SpanId, SpanKind, Status, Timestamp, TraceFlags,
    TraceId, TraceState,
};

use super::super::encode::{DEBUG, FOLLOWS_FROM};
use super::tag::{self, Place, Tags};
use super::{MAX_LIST, names};
use crate::thrift::{Kind, Malformed, Read, fields};

/// The scope that the last span had: most of a batch have the same.
#[derive(Debug, Default)]
pub(super) struct Scopes(Arc<Scope>);

impl Scopes {
    fn find(&mut self, name: String, version: String) -> Arc<Scope> {
        if self.0.name != name || self.0.version != version {
            self.0 = Arc::new(Scope { version: version.into(), ..Scope::named(name) });
        }
        self.0.clone()
    }
}

/// The fields as they stand.
#[derive(Debug, Default)]
struct Raw {
    trace_low: i64,
    trace_high: i64,
    span: i64,
    parent: i64,
    name: String,
    flags: i32,
    start: i64,
    duration: i64,
    tags: Tags,
    events: Vec<Event>,
    dropped_events: u32,
    references: Vec<Reference>,
    dropped_references: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Reference {
    form: i32,
    trace_low: i64,
    trace_high: i64,
    span: i64,
}

/// A span, or why it cannot be kept. Only sampled spans are reported, so every one counts as sampled.
pub(super) fn read<'a, R: Read<'a>>(
    r: &mut R,
    scopes: &mut Scopes,
) -> Result<Result<SpanData, &'static str>, Malformed> {
    let mut raw = Raw::default();
    fields(r, |r, kind, id| {
        match (kind, id) {
            (Kind::I64, 1) => raw.trace_low = r.i64()?,
            (Kind::I64, 2) => raw.trace_high = r.i64()?,
            (Kind::I64, 3) => raw.span = r.i64()?,
            (Kind::I64, 4) => raw.parent = r.i64()?,
            (Kind::Bytes, 5) => raw.name = tag::text(r.bytes()?),
            (Kind::List, 6) => raw.references(r)?,
            (Kind::I32, 7) => raw.flags = r.i32()?,
            (Kind::I64, 8) => raw.start = r.i64()?,
            (Kind::I64, 9) => raw.duration = r.i64()?,
            (Kind::List, 10) => raw.tags.read_list(r, Place::Span)?,
            (Kind::List, 11) => raw.logs(r)?,
            _ => return Ok(false),
        }
        Ok::<_, Malformed>(true)
    })?;
    Ok(raw.finish(scopes))
}

impl Raw {
    fn references<'a, R: Read<'a>>(&mut self, r: &mut R) -> Result<(), Malformed> {
        for _ in 0..structs(r)? {
            let mut found = Reference::default();
            fields(r, |r, kind, id| {
                match (kind, id) {
                    (Kind::I32, 1) => found.form = r.i32()?,
                    (Kind::I64, 2) => found.trace_low = r.i64()?,
                    (Kind::I64, 3) => found.trace_high = r.i64()?,
                    (Kind::I64, 4) => found.span = r.i64()?,
                    _ => return Ok(false),
                }
                Ok::<_, Malformed>(true)
            })?;
            if self.references.len() < MAX_LIST {
                self.references.push(found);
            } else {
                self.dropped_references += 1;
            }
        }
        Ok(())
    }

    fn logs<'a, R: Read<'a>>(&mut self, r: &mut R) -> Result<(), Malformed> {
        for _ in 0..structs(r)? {
            let (mut time, mut tags) = (0, Tags::default());
            fields(r, |r, kind, id| {
                match (kind, id) {
                    (Kind::I64, 1) => time = r.i64()?,
                    (Kind::List, 2) => tags.read_list(r, Place::Log)?,
                    _ => return Ok(false),
                }
                Ok::<_, Malformed>(true)
            })?;
            if self.events.len() == MAX_LIST {
                self.dropped_events += 1;
                continue;
            }
            self.events.push(Event {
                name: tags.event.unwrap_or_default().into(),
                time: nanos(time),
                attributes: tags.attributes,
                dropped_attributes: tags.dropped_attributes,
            });
        }
        Ok(())
    }

    fn finish(self, scopes: &mut Scopes) -> Result<SpanData, &'static str> {
        let trace_id = trace(self.trace_low, self.trace_high).ok_or("a trace id is zero")?;
        let span_id = SpanId::new(self.span as u64).ok_or("a span id is zero")?;
        let debug = if self.flags & DEBUG == 0 { 0 } else { TraceFlags::DEBUG.0 };
        let mut context = SpanContext::new(trace_id, span_id, TraceFlags(TraceFlags::SAMPLED.0 | debug));
        context.trace_state = TraceState::from_validated(&self.tags.trace_state);
        let start = nanos(self.start);
        let end = start.unix_nanos().saturating_add(nanos(self.duration).unix_nanos());
        let mut span = SpanData::new(context, self.name, start, Timestamp::from_unix_nanos(end));

        span.parent_span_id = SpanId::new(self.parent as u64);
        for reference in self.references {
            let child_of = reference.form != FOLLOWS_FROM;
            let id = SpanId::new(reference.span as u64);
            let (Some(other), Some(id)) = (trace(reference.trace_low, reference.trace_high), id) else {
                span.dropped_links = span.dropped_links.saturating_add(1);
                continue;
            };
            // The parent, again or only here.
            if child_of && other == trace_id && span.parent_span_id.is_none_or(|parent| parent == id) {
                span.parent_span_id = Some(id);
                continue;
            }
            let attributes = match child_of {
                true => vec![KeyValue::new(names::REFERENCE, "child_of")],
                false => Vec::new(),
            };
            let context = SpanContext::new(other, id, TraceFlags::default());
            span.links.push(Link { context, attributes, dropped_attributes: 0 });
        }
        span.kind = self.tags.kind.unwrap_or(SpanKind::Internal);
        span.status = match (self.tags.failed, self.tags.error) {
            (Some(true), _) | (None, true) => Status::Error(self.tags.message.into()),
            (Some(false), _) => Status::Ok,
            (None, false) => Status::Unset,
        };
        span.scope = scopes.find(self.tags.scope, self.tags.scope_version);
        span.attributes = self.tags.attributes;
        span.events = self.events;
        span.dropped_attributes = self.tags.dropped_attributes;
        span.dropped_events = self.tags.dropped_events.saturating_add(self.dropped_events);
        span.dropped_links = span
            .dropped_links
            .saturating_add(self.tags.dropped_links)
            .saturating_add(self.dropped_references);
        Ok(span)
    }
}

/// The length of a list of structs.
fn structs<'a, R: Read<'a>>(r: &mut R) -> Result<usize, Malformed> {
    match r.list()? {
        (Kind::Struct, count) => Ok(count),
        (_, 0) => Ok(0),
        _ => Err(Malformed::Invalid),
    }
}

fn trace(low: i64, high: i64) -> Option<TraceId> {
    TraceId::new(u128::from(high as u64) << 64 | u128::from(low as u64))
}

/// Microseconds; a time before 1970 becomes the epoch, and one too late the last.
fn nanos(micros: i64) -> Timestamp {
    Timestamp::from_unix_nanos(u64::try_from(micros.max(0)).unwrap_or(0).saturating_mul(1000))
}
