//! A span that is kept by whoever records it, and written in one go when it has ended.
//!
//! The `opentelemetry` API and the `tracing` layer hold their open spans anyway. What is set on such a span meanwhile
//! needs no lock and no search, and its end takes one lock, of the thread that ends it. Used drafts wait with the
//! thread, so that in the steady state nothing is allocated.

use std::sync::atomic::Ordering;

use super::chunk::Slot;
use super::current::{Local, detached_ids, is_within_itself};
pub(super) use super::draft_write::End;
use super::handle::write_status;
use super::hot::with_hot;
use super::open_drafts::Listed;
use super::recorder::{NO_SCOPE, Recorder};
use super::start::Identity;
use super::{OverflowPolicy, SpanLimits, bridge};
use crate::batch::{Columns, EventCell, LinkCell, List, NONE, Row, ScopeRef, StatusCode, Text};
use crate::model::{
    KeyValue, SpanContext, SpanId, SpanKind, Status, TenantTag, Timestamp, TraceFlags, TraceId, TraceState,
};
use crate::signal::{SamplingInput, StartAttributes};

/// The only row of a draft.
const ROW: usize = Draft::ROW;
/// Used drafts that a thread keeps.
const KEPT: usize = 64;
/// Drafts that grew beyond this are not kept, in bytes.
const LARGEST: usize = 16 << 10;
/// Bytes of text from which on replaced values are cleared away.
const COMPACT_FROM: usize = 4 << 10;

/// A span that has not been written yet.
pub(super) struct Draft {
    pub(super) columns: Columns,
    pub(super) scope: ScopeRef,
    /// Of the thread that started it; set when it is opened.
    pub(super) slot: Option<&'static Slot>,
    /// Bytes of text at which it is worth while to look for replaced values.
    compact_at: usize,
    /// Where the pipeline sees that it is open; of the recorder that it was last used for.
    pub(super) listed: Option<Listed>,
    /// The numbers that its keys have in the chunk it was last written to, and which that was: slot and epoch.
    pub(super) known: Vec<u32>,
    pub(super) known_in: (usize, u64),
    /// Additions for which there was no room.
    pub(super) refused: u64,
    /// What the handle that it was opened by does when there is no room for the whole of it.
    pub(super) overflow: OverflowPolicy,
    /// Attributes as the `opentelemetry` API has them; stored when the span is written.
    #[cfg(feature = "otel")]
    pub(super) attributes: super::otel::Attributes,
    /// What the `tracing` layer keeps with an open span.
    #[cfg(feature = "tracing")]
    pub(super) held: super::tracing_layer::HeldState,
}

/// What became of a draft that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opened {
    /// It has an identity, and is to be written.
    Recorded,
    /// It has an identity, and is not recorded.
    Unsampled,
    /// This thread records nothing, or nothing any more: there is no identity.
    Nowhere,
}

/// The moment at which a span began.
#[derive(Clone, Copy)]
pub(super) enum Begun {
    Now,
    #[cfg(feature = "otel")]
    At(Timestamp),
}

impl Recorder {
    /// Decides about the span of a draft, whose name and kind are set, and begins it. `local` is absent while the thread
    /// is being torn down, and inside a sampler; there nothing is recorded, for that would ask the sampler again.
    #[inline]
    pub(super) fn open(
        &self,
        local: Option<&mut Local>,
        draft: &mut Draft,
        parent: Option<&SpanContext>,
        given: StartAttributes<'_>,
        start: Begun,
    ) -> Opened {
        if !self.is_open() {
            return self.refuse();
        }
        let (trace_id, span_id, slot) = match local {
            Some(l) if l.is_suppressed() || bridge::is_suppressed() => return Opened::Nowhere,
            Some(l) => {
                let span_id = l.ids.span_id();
                let trace_id = parent.map_or_else(|| l.ids.trace_id(), |p| p.trace_id);
                (trace_id, span_id, self.slot(l))
            }
            None if is_within_itself() => return Opened::Nowhere,
            None => {
                let (trace_id, span_id) = detached_ids();
                (parent.map_or(trace_id, |p| p.trace_id), span_id, self.0.fallback)
            }
        };
        // Whose it is, unless its parent's.
        let said = self.0.tenants.said(&given.or(&draft.columns, draft.columns.rows[ROW].attributes));
        draft.slot = Some(slot);
        draft.overflow = self.1;
        let flags = match parent {
            // What `decide` would say, without words that are read as soon as they are written.
            Some(p) if !p.is_remote && self.0.children_follow => {
                draft.identify((trace_id, span_id), p.flags, &p.trace_state, parent);
                p.flags
            }
            _ => {
                let kind = draft.columns.rows[ROW].kind;
                let given = given.or(&draft.columns, draft.columns.rows[ROW].attributes);
                let input =
                    SamplingInput::new(trace_id, draft.name(), kind).under(parent).with_attributes(given);
                let Identity { context, attributes } = self.decide(input, span_id);
                draft.identify((trace_id, span_id), context.flags, &context.trace_state, parent);
                draft.add_attributes(attributes, slot.limits.attributes);
                context.flags
            }
        };
        draft.say_tenant(said);
        if !flags.is_recorded() {
            draft.begin(slot, start);
            return Opened::Unsampled;
        }
        slot.count_opened();
        self.describe(draft, trace_id);
        draft.begin(slot, start);
        draft.show();
        Opened::Recorded
    }

    /// Prepares that the pipeline sees the draft; [`Draft::show`] completes it.
    #[inline]
    pub(super) fn describe(&self, draft: &mut Draft, trace_id: TraceId) {
        if !draft.listed.as_ref().is_some_and(|l| l.is_of(self.0.id)) {
            draft.listed = self.0.drafts.list(self.0.id, self.0.limits.open_spans);
        }
        if let Some(listed) = &draft.listed {
            listed.entry.describe(trace_id, draft.name());
        }
    }

    #[cold]
    fn refuse(&self) -> Opened {
        self.0.elsewhere.after_shutdown.fetch_add(1, Ordering::Relaxed);
        Opened::Nowhere
    }
}

impl Draft {
    /// The only row of its columns.
    pub(super) const ROW: usize = 0;

    fn new() -> Self {
        let columns = Columns { rows: vec![BLANK], ..Columns::default() };
        Self {
            columns,
            scope: ScopeRef::Static(&NO_SCOPE),
            slot: None,
            compact_at: COMPACT_FROM,
            listed: None,
            known: Vec::new(),
            known_in: (0, 0),
            refused: 0,
            overflow: OverflowPolicy::Drop,
            #[cfg(feature = "otel")]
            attributes: super::otel::Attributes::default(),
            #[cfg(feature = "tracing")]
            held: super::tracing_layer::HeldState::default(),
        }
    }

    /// An empty draft, a used one if the thread has any.
    #[inline]
    pub(super) fn take(local: Option<&mut Local>) -> Box<Self> {
        local.and_then(|l| l.drafts.pop()).unwrap_or_else(|| Box::new(Self::new()))
    }

    /// Empties it for the next span of this thread.
    #[inline]
    pub(super) fn give_back(mut self: Box<Self>, local: &mut Local) {
        if local.drafts.len() < KEPT && self.columns.capacity_bytes() <= LARGEST {
            self.clear();
            local.drafts.push(self);
        }
    }

    fn clear(&mut self) {
        let c = &mut self.columns;
        c.attributes.clear();
        if !c.keys.keep_constants() {
            self.known.clear();
        }
        c.text.clear();
        if c.rows[ROW].extra != NONE {
            c.extras.clear();
            c.events.clear();
            c.links.clear();
        }
        c.arrays.clear();
        c.rows[ROW] = BLANK;
        self.scope = ScopeRef::Static(&NO_SCOPE);
        self.compact_at = COMPACT_FROM;
        self.refused = 0;
        #[cfg(feature = "otel")]
        self.attributes.clear();
        #[cfg(feature = "tracing")]
        {
            self.held = super::tracing_layer::HeldState::default();
        }
    }

    /// The name.
    pub(super) fn name(&self) -> &str {
        self.columns.str(self.columns.rows[ROW].name)
    }

    /// The identity.
    #[inline]
    pub(super) fn context(&self) -> SpanContext {
        let row = &self.columns.rows[ROW];
        let trace_state = match self.columns.extras.get(row.extra as usize) {
            Some(extra) => extra.trace_state.clone(),
            None => TraceState::EMPTY,
        };
        SpanContext {
            trace_id: row.trace_id,
            span_id: row.span_id,
            flags: row.flags.with_recorded(row.has(Row::REGARDLESS)),
            trace_state,
            is_remote: false,
            tenant: row.tenant,
        }
    }

    /// The library that records.
    #[inline]
    pub(super) fn set_scope(&mut self, scope: &ScopeRef) {
        self.scope = scope.clone();
    }

    pub(super) fn set_kind(&mut self, kind: SpanKind) {
        self.columns.rows[ROW].kind = kind;
    }

    /// What it will be, with all that has been set so far.
    pub(super) fn columns(&mut self) -> &mut Columns {
        &mut self.columns
    }

    pub(super) fn set_name(&mut self, name: Text) {
        self.columns.rows[ROW].name = name;
    }

    /// Sets the start, and leaves out the attributes beyond the limit.
    #[inline]
    pub(super) fn begin(&mut self, slot: &Slot, start: Begun) {
        if self.columns.rows[ROW].attribute_count > slot.limits.attributes {
            self.shorten(slot.limits.attributes);
        }
        let row = &mut self.columns.rows[ROW];
        match start {
            #[cfg(feature = "otel")]
            Begun::At(t) => {
                row.bits |= Row::START_IS_UNIX;
                row.start = t.unix_nanos();
            }
            // Last, so that what recording costs is not part of the span.
            Begun::Now => row.start = slot.clock.ticks(),
        }
    }

    /// Lets the pipeline see that it is open.
    #[inline]
    pub(super) fn show(&self) {
        let row = &self.columns.rows[ROW];
        if let Some(listed) = &self.listed {
            listed.entry.open(row.span_id, row.start, row.has(Row::START_IS_UNIX));
        }
    }

    /// Lets the pipeline see no more that it is open.
    #[inline]
    pub(super) fn hide(&self) {
        if let Some(listed) = &self.listed {
            listed.entry.close();
        }
    }

    /// Adds what the sampler says of the span.
    pub(super) fn add_attributes(&mut self, attributes: Vec<KeyValue>, limit: u16) {
        for kv in attributes {
            let key = self.columns.text_of(kv.key);
            let value = self.columns.cell_of(kv.value);
            self.columns.set_attribute(ROW, key, value, limit);
        }
    }

    /// Whose it says that it is, if it says so.
    #[inline]
    pub(super) fn say_tenant(&mut self, said: TenantTag) {
        let row = &mut self.columns.rows[ROW];
        row.tenant = said.or(row.tenant);
    }

    /// Gives the span this identity and this parent, and the parent's tenant.
    #[inline]
    pub(super) fn identify(
        &mut self,
        (trace_id, span_id): (TraceId, SpanId),
        flags: TraceFlags,
        trace_state: &TraceState,
        parent: Option<&SpanContext>,
    ) {
        let row = &mut self.columns.rows[ROW];
        row.trace_id = trace_id;
        row.span_id = span_id;
        row.flags = flags.w3c();
        row.parent = parent.map(|p| p.span_id);
        row.tenant = parent.map_or(TenantTag::NONE, |p| p.tenant);
        row.bits &= !(Row::REMOTE_PARENT | Row::REGARDLESS);
        if flags != row.flags {
            row.bits |= Row::REGARDLESS;
        }
        if parent.is_some_and(|p| p.is_remote) {
            row.bits |= Row::REMOTE_PARENT;
        }
        if !trace_state.is_empty() || row.extra != NONE {
            self.columns.extra(ROW).trace_state = trace_state.clone();
        }
    }

    /// Leaves out the attributes beyond the limit, and counts them.
    #[cold]
    fn shorten(&mut self, limit: u16) {
        let c = &mut self.columns;
        let row = &mut c.rows[ROW];
        let over = row.attribute_count.saturating_sub(limit);
        row.attribute_count = limit;
        let (mut last, mut at) = (NONE, row.attributes.first);
        for _ in 0..limit {
            last = at;
            at = c.attributes[at as usize].next;
        }
        row.attributes.last = last;
        match c.attributes.get_mut(last as usize) {
            Some(cell) => cell.next = NONE,
            None => row.attributes.first = NONE,
        }
        c.extra(ROW).dropped_attributes += u32::from(over);
    }

    /// Changes the span, if what it holds is within bounds.
    #[inline]
    pub(super) fn edit(&mut self, f: impl FnOnce(&mut Columns, usize, &SpanLimits)) {
        let Some(slot) = self.slot else { return };
        if self.columns.text.len() >= self.compact_at {
            self.columns.compact_text();
            self.compact_at = COMPACT_FROM + 2 * self.columns.text.len();
        }
        if self.columns.byte_size() >= slot.limits.bytes_per_thread / 8 {
            self.refused += 1;
            return;
        }
        f(&mut self.columns, ROW, &slot.limits);
    }

    /// The span has said whose it is: what starts below it from now on inherits that.
    #[cold]
    pub(super) fn set_tenant(&mut self, tenant: TenantTag) {
        let row = &mut self.columns.rows[ROW];
        row.tenant = tenant;
        let span = row.span_id.to_u64();
        with_hot(|h| h.set_tenant(span, tenant));
    }

    /// Attributes that the span may have.
    #[cfg(feature = "otel")]
    pub(super) fn attribute_limit(&self) -> u16 {
        self.slot.map_or(u16::MAX, |s| s.limits.attributes)
    }

    /// The clock that stamps the span.
    pub(super) fn now(&self) -> Timestamp {
        self.slot.map_or_else(Timestamp::now, |s| s.clock.now())
    }

    /// Adds an event. `fill` adds its attributes, and says how many were left out.
    pub(super) fn add_event(
        &mut self,
        time: Timestamp,
        name: impl FnOnce(&mut Columns) -> Text,
        fill: impl FnOnce(&mut Columns, u16) -> (List, u32),
    ) {
        self.edit(|c, row, limits| {
            if c.extra(row).event_count >= limits.events {
                c.extra(row).dropped_events += 1;
                return;
            }
            let name = name(c);
            let (attributes, dropped_attributes) = fill(c, limits.event_attributes);
            let time = time.unix_nanos();
            c.push_event(row, EventCell { name, time, attributes, dropped_attributes, next: NONE });
        });
    }

    /// Adds a link. `fill` adds its attributes, and says how many were left out.
    pub(super) fn add_link(
        &mut self,
        context: SpanContext,
        fill: impl FnOnce(&mut Columns, u16) -> (List, u32),
    ) {
        self.edit(|c, row, limits| {
            if c.extra(row).link_count >= limits.links {
                c.extra(row).dropped_links += 1;
                return;
            }
            let (attributes, dropped_attributes) = fill(c, limits.link_attributes);
            c.push_link(row, LinkCell { context, attributes, dropped_attributes, next: NONE });
        });
    }

    /// Sets the outcome. `Ok` is final, and `Unset` changes nothing.
    pub(super) fn set_status(&mut self, status: Status) {
        self.edit(|c, row, _| write_status(c, row, status));
    }
}

/// A row that stands for no span yet.
const BLANK: Row = Row {
    trace_id: TraceId::from_random(1),
    span_id: match SpanId::new(1) {
        Some(id) => id,
        None => unreachable!(),
    },
    parent: None,
    start: 0,
    end: 0,
    name: Text::EMPTY,
    attributes: List::EMPTY,
    scope: 0,
    extra: NONE,
    attribute_count: 0,
    kind: SpanKind::Internal,
    status: StatusCode::Unset,
    flags: TraceFlags::SAMPLED,
    bits: 0,
    tenant: TenantTag::NONE,
};
