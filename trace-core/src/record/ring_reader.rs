//! Turns the words of a ring into rows.

use super::Callsite;
use super::chunk::NewRow;
use super::open_spans::OpenSpan;
use super::ring::Ring;
use super::ring_entry::{Entry, StartEntry, Types};
use super::ring_texts::Texts;
use super::unended::Unended;
#[cfg(feature = "otel")]
use crate::batch::StatusCode;
use crate::batch::{Columns, List, Row, ScopeRef, Template, Text};
use crate::clock::UnixScale;
use crate::model::{SpanId, Timestamp, TraceFlags, TraceId};

/// Reads rings, one after another, on the pipeline's thread.
#[derive(Default)]
pub(super) struct RingReader {
    /// Call sites by number, as far as they have been met.
    sites: Vec<Option<Site>>,
    /// Which columns it is the turn of.
    turn: u64,
    unended: Unended,
    texts: Texts,
    /// Some span that was read in this turn has a tenant.
    has_tenants: bool,
}

/// A call site, as of its last span.
#[derive(Clone)]
struct Site {
    site: &'static Callsite,
    /// Where its library lies in the columns: to find that means comparing texts.
    scope: u32,
    /// Which columns these are.
    turn: u64,
    types: Types,
    template: Template,
}

/// An end whose span was taken in an earlier pass, or of which more was recorded elsewhere.
pub(super) struct LateEnd {
    pub(super) key: (TraceId, SpanId),
    pub(super) ticks: u64,
}

impl RingReader {
    /// A span that lies in a ring, and is still open.
    pub(super) fn open_span(entry: StartEntry<'_>, start: Timestamp) -> Option<OpenSpan> {
        Some(OpenSpan {
            trace_id: entry.trace_id()?,
            span_id: entry.span_id()?,
            name: Callsite::of(entry.callsite())?.name.to_owned(),
            start,
        })
    }

    /// Rings are read into other columns from now on.
    pub(super) fn next_turn(&mut self) {
        self.turn += 1;
        self.has_tenants = false;
    }

    /// Whether a span that was read in this turn has a tenant.
    pub(super) fn has_tenants(&self) -> bool {
        self.has_tenants
    }

    /// Appends everything in the ring to `columns`. A span that has ended is complete, its times are Unix time. Returns
    /// the first row of one that has not, if there is any.
    #[inline(never)]
    pub(super) fn read(
        &mut self,
        ring: &Ring,
        columns: &mut Columns,
        scale: UnixScale,
        late: &mut Vec<LateEnd>,
    ) -> Option<usize> {
        let (sites, unended, turn, texts) = (&mut self.sites, &mut self.unended, self.turn, &mut self.texts);
        let (mut first_continued, mut tenants) = (None, 0);
        texts.begin(&columns.text);
        ring.drain(|entry| match entry {
            Entry::Start(s) => {
                let (Some(site), Some(trace_id), Some(span_id)) =
                    (site(sites, turn, columns, s), s.trace_id(), s.span_id())
                else {
                    return;
                };
                if s.end() == 0 {
                    unended.insert(span_id.to_u64(), columns.rows.len() as u32);
                }
                tenants |= s.tenant().number();
                texts.make_room(&mut columns.text);
                let attributes = push_values(columns, texts, &site.template, s);
                push_row(columns, scale, (trace_id, span_id), site, attributes, s);
            }
            Entry::End(end) => {
                let (Some(trace_id), Some(span_id)) = (end.trace_id(), end.span_id()) else { return };
                let row = unended.remove(span_id.to_u64());
                if let Some(row) = row
                    && !end.is_continued()
                    && let Some(row) = columns.rows.get_mut(row as usize)
                {
                    (row.start, row.end) = scale.pair(row.start, end.ticks());
                    row.bits |= Row::ENDED;
                    return;
                }
                first_continued = first_continued.into_iter().chain(row).min();
                late.push(LateEnd { key: (trace_id, span_id), ticks: end.ticks() });
            }
        });
        texts.move_to(&mut columns.text);
        self.has_tenants |= tenants != 0;
        let first = unended.clear().into_iter().chain(first_continued).min()?;
        Some(first as usize)
    }
}

/// Appends the values of a span. A function of its own, for the sake of the registers.
#[inline(never)]
fn push_values(columns: &mut Columns, texts: &mut Texts, template: &Template, s: StartEntry<'_>) -> List {
    let (mut values, mut gathered) = (s.values(), texts.gather());
    let list = columns.push_like(template, || values.next(&mut gathered));
    let len = gathered.len;
    texts.gathered(len);
    list
}

/// Appends a span.
#[inline(never)]
fn push_row(
    columns: &mut Columns,
    scale: UnixScale,
    (trace_id, span_id): (TraceId, SpanId),
    Site { site, scope, .. }: &Site,
    attributes: List,
    s: StartEntry<'_>,
) {
    let remote = if s.has_remote_parent() { Row::REMOTE_PARENT } else { 0 };
    let ((start, end), ended) = match s.end() {
        0 => ((s.start(), 0), 0),
        #[cfg(feature = "otel")]
        end if s.end_is_unix() => ((scale.unix_nanos(s.start()), end), Row::ENDED),
        end => (scale.pair(s.start(), end), Row::ENDED),
    };
    columns.rows.push(Row {
        end,
        #[cfg(feature = "otel")]
        status: if s.is_ok() { StatusCode::Ok } else { StatusCode::Unset },
        attributes,
        attribute_count: site.keys.len() as u16,
        ..NewRow {
            trace_id,
            span_id,
            parent: s.parent(),
            flags: TraceFlags(s.flags()),
            kind: site.kind,
            name: Text::fixed(site.name),
            scope: *scope,
            bits: remote | ended,
            start,
            tenant: s.tenant(),
        }
        .row()
    });
}

/// The call site of a span.
#[inline(always)]
fn site<'a>(
    sites: &'a mut Vec<Option<Site>>,
    turn: u64,
    columns: &mut Columns,
    s: StartEntry<'_>,
) -> Option<&'a Site> {
    let is_up_to_date = |site: &Site| site.turn == turn && site.types == s.types();
    let index = s.callsite() as usize;
    if !sites.get(index).is_some_and(|site| site.as_ref().is_some_and(is_up_to_date)) {
        update_site(sites, turn, columns, s);
    }
    sites.get(index)?.as_ref()
}

#[cold]
#[inline(never)]
fn update_site(sites: &mut Vec<Option<Site>>, turn: u64, columns: &mut Columns, s: StartEntry<'_>) {
    let index = s.callsite() as usize;
    let Some(site) = Callsite::of(s.callsite()) else { return };
    if sites.len() <= index {
        sites.resize(index + 1, None);
    }
    let (scope, types) = (columns.scope_index(&ScopeRef::Static(site.scope)), s.types());
    let mut template = sites[index].take().map(|known| known.template).unwrap_or_default();
    template.set(site.keys.iter().map(|key| columns.constant_key(key)).zip(types.cells()));
    sites[index] = Some(Site { site, scope, turn, types, template });
}
