//! Turns the words of a ring into rows.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::Callsite;
use super::chunk::NewRow;
use super::id_hasher::IdHasher;
use super::open_spans::OpenSpan;
use super::ring::{Entry, Ring, RingValue, StartEntry};
use crate::batch::{Cell, Columns, List, Row, ScopeRef, Text};
use crate::model::{SpanId, Timestamp, TraceFlags, TraceId};

/// Reads rings, one after another, on the pipeline's thread.
#[derive(Default)]
pub(super) struct RingReader {
    /// Call sites by number, as far as they have been met.
    sites: Vec<Option<Site>>,
    /// Which ring's turn it is.
    turn: u64,
    /// Rows of this pass that have not ended, by span id.
    open: HashMap<u64, usize, BuildHasherDefault<IdHasher>>,
    /// The texts of a ring, until all of them are known.
    text: Vec<u8>,
}

/// A call site, and where its library lies in the columns of its last turn: to find that means comparing texts.
#[derive(Clone, Copy)]
struct Site {
    site: &'static Callsite,
    scope: u32,
    turn: u64,
}

/// An end whose span was taken in an earlier pass, or of which more was recorded elsewhere.
pub(super) struct LateEnd {
    pub(super) key: (TraceId, SpanId),
    pub(super) ticks: u64,
}

impl RingReader {
    /// A span that lies in a ring, and is still open.
    pub(super) fn open_span(entry: &StartEntry<'_>, start: Timestamp) -> Option<OpenSpan> {
        Some(OpenSpan {
            trace_id: TraceId::new(entry.trace_id)?,
            span_id: SpanId::new(entry.span_id)?,
            name: Callsite::of(entry.callsite)?.name.to_owned(),
            start,
        })
    }

    /// Appends everything in the ring to `columns`.
    pub(super) fn read(&mut self, ring: &Ring, columns: &mut Columns, late: &mut Vec<LateEnd>) {
        self.open.clear();
        self.turn += 1;
        let (sites, open, turn, text) = (&mut self.sites, &mut self.open, self.turn, &mut self.text);
        text.clear();
        let base = columns.text.len();
        ring.drain(|entry| match entry {
            Entry::Start(s) => {
                let Some(row) = push(sites, turn, columns, &s, base, text) else { return };
                if s.end == 0 {
                    open.insert(s.span_id, row);
                }
            }
            Entry::End { trace_id, span_id, ticks, continued } => {
                match open.remove(&span_id) {
                    Some(row) if !continued => {
                        let row = &mut columns.rows[row];
                        row.end = ticks;
                        row.bits |= Row::ENDED;
                    }
                    _ => {
                        if let (Some(t), Some(s)) = (TraceId::new(trace_id), SpanId::new(span_id)) {
                            late.push(LateEnd { key: (t, s), ticks });
                        }
                    }
                };
            }
        });
        match std::str::from_utf8(text) {
            Ok(text) => columns.text.push_str(text),
            // They were written from texts; this would only be noticed as what it is.
            Err(_) => columns.text.extend(std::iter::repeat_n('?', text.len())),
        }
    }
}

fn push(
    sites: &mut Vec<Option<Site>>,
    turn: u64,
    columns: &mut Columns,
    s: &StartEntry<'_>,
    base: usize,
    text: &mut Vec<u8>,
) -> Option<usize> {
    let Site { site, scope, .. } = site(sites, turn, columns, s.callsite)?;
    let mut attributes = List::EMPTY;
    s.values(site.keys.len(), text, |i, v| {
        let value = match v {
            RingValue::Bool(v) => Cell::bool(v),
            RingValue::I64(v) => Cell::i64(v),
            RingValue::F64(v) => Cell::f64(v),
            RingValue::Text { at, len } => Cell::text((base + at) as u32, len as u32),
        };
        columns.push_attribute(&mut attributes, Text::fixed(site.keys[i]), value);
    });
    let mut bits = if s.remote_parent { Row::REMOTE_PARENT } else { 0 };
    if s.end != 0 {
        bits |= Row::ENDED;
    }
    let row = columns.rows.len();
    columns.rows.push(
        NewRow {
            trace_id: TraceId::new(s.trace_id)?,
            span_id: SpanId::new(s.span_id)?,
            parent: SpanId::new(s.parent),
            flags: TraceFlags(s.flags),
            kind: site.kind,
            name: Text::fixed(site.name),
            scope,
            bits,
            start: s.start,
            tenant: s.tenant,
        }
        .row(),
    );
    let r = &mut columns.rows[row];
    r.end = s.end;
    r.attributes = attributes;
    r.attribute_count = site.keys.len() as u16;
    Some(row)
}

fn site(sites: &mut Vec<Option<Site>>, turn: u64, columns: &mut Columns, number: u32) -> Option<Site> {
    let index = number as usize;
    if let Some(Some(site)) = sites.get(index)
        && site.turn == turn
    {
        return Some(*site);
    }
    let site = Callsite::of(number)?;
    let found = Site { site, scope: columns.scope_index(&ScopeRef::Static(site.scope)), turn };
    if sites.len() <= index {
        sites.resize(index + 1, None);
    }
    sites[index] = Some(found);
    Some(found)
}
