//! A span of the API that is only started, given attributes and ended, as most are: written to the ring of the thread that
//! ends it, without a lock, a table or a copy.
//!
//! It is a child of a local span that is recorded, with a name that is a constant and few attributes, which stay in
//! the vector that the caller gave away. As soon as anything else is done to it (an event, a link, an error), or it ends
//! where there is no ring, it becomes a [`Draft`].

use std::borrow::Cow;

use opentelemetry::trace::{self as api, TraceContextExt};
use opentelemetry::{Context, KeyValue, Value};

use super::{convert, sites, tenants};
use crate::batch::{ScopeRef, StatusCode, Text};
use crate::model::{SpanContext, SpanId, SpanKind, TenantTag, TraceFlags, TraceId, TraceState, ValueRef};
use crate::record::chunk::Slot;
use crate::record::current::with_local;
use crate::record::draft::{Draft, End};
use crate::record::hot::{Hot, with_hot_as_it_is};
use crate::record::open_drafts::Listed;
use crate::record::recorder::{NO_SCOPE, Recorder};
use crate::record::ring::MAX_VALUES;
use crate::record::ring_header::{BIT_END_IS_UNIX, BIT_OK};
use crate::record::ring_writer::{StartHead, Writer};
use crate::record::{Callsite, OverflowPolicy, bridge};

/// Of a span that is not recorded.
static NO_SITE: Callsite = Callsite::new("", SpanKind::Internal, &NO_SCOPE, &[]);

/// An open span that is no draft, or one that has ended, or is not recorded.
pub(in crate::record) struct Lean {
    /// Of the thread that started it.
    slot: &'static Slot,
    /// What it was when it started.
    site: &'static Callsite,
    parent: u64,
    start: u64,
    /// Where the pipeline sees that it is open. It always has one while it is open.
    listed: Option<Listed>,
    attributes: Vec<KeyValue>,
    /// Without a trace state, and of this process.
    identity: api::SpanContext,
    is_open: bool,
    /// It was declared a success, which is final.
    is_ok: bool,
}

/// Whether children of this span do as it does, and nobody has to be asked.
#[inline]
fn is_plain(parent: &api::SpanContext) -> bool {
    parent.is_sampled()
        && !parent.is_remote()
        && *parent.trace_state() == api::TraceState::NONE
        && parent.is_valid()
}

#[inline]
fn words(identity: &api::SpanContext) -> (u128, u64) {
    let trace = u128::from_be_bytes(identity.trace_id().to_bytes());
    (trace, u64::from_be_bytes(identity.span_id().to_bytes()))
}

impl Lean {
    /// Starts the span of a builder, and takes its attributes; `None` if it has to be a draft, or is not recorded.
    #[inline]
    pub(super) fn start(
        recorder: &Recorder,
        scope: &ScopeRef,
        builder: &mut api::SpanBuilder,
        cx: &Context,
    ) -> Option<Box<Self>> {
        let (ScopeRef::Static(scope), Cow::Borrowed(name)) = (scope, &builder.name) else { return None };
        if !cx.has_active_span()
            || builder.start_time.is_some()
            || builder.events.is_some()
            || builder.links.is_some()
            || recorder.1 != OverflowPolicy::Drop
        {
            return None;
        }
        let above = cx.span();
        let parent = above.span_context();
        if !is_plain(parent) || bridge::is_suppressed() {
            return None;
        }
        let (trace, above) = words(parent);
        if TenantTag::any() && !SpanId::new(above).is_none_or(|id| tenants::tenant_of(id, cx).is_none()) {
            return None;
        }
        let kind = builder.span_kind.clone().map_or(SpanKind::Internal, convert::kind_from);
        let site = sites::find(scope, name, kind, builder.attributes.as_deref().unwrap_or_default())?;
        let number = site.plain_number()?;
        let started = with_hot_as_it_is(|h| {
            if h.recorder != recorder.0.id {
                return None;
            }
            let (slot, _) = h.lent.filter(|(slot, _)| slot.consumer.is_open())?;
            if !h.aside.is_empty() && h.set_aside(above).is_some() {
                return Some(None);
            }
            let Some(mut lean) = Self::take(h, recorder, slot, site) else { return Some(None) };
            let Some(listed) = &lean.listed else { return Some(None) };
            listed.entry.describe_as(trace, number);
            let span_id = h.ids.span_id();
            lean.identity = api::SpanContext::new(
                parent.trace_id(),
                opentelemetry::SpanId::from_bytes(span_id.to_bytes()),
                parent.trace_flags(),
                false,
                api::TraceState::NONE,
            );
            (lean.slot, lean.site, lean.parent) = (slot, site, above);
            (lean.is_open, lean.is_ok) = (true, false);
            lean.attributes = builder.attributes.take().unwrap_or_default();
            slot.count_opened();
            // Nearly last, so that what recording costs is not part of the span.
            lean.start = slot.clock.ticks();
            if let Some(listed) = &lean.listed {
                listed.entry.open(span_id, lean.start, false);
            }
            Some(Some(lean))
        });
        match started.flatten() {
            Some(started) => started,
            None => {
                load_ring(recorder);
                None
            }
        }
    }

    /// A used one, or a new one; `None` if too many are open to be seen.
    #[inline]
    fn take(
        h: &mut Hot,
        recorder: &Recorder,
        slot: &'static Slot,
        site: &'static Callsite,
    ) -> Option<Box<Self>> {
        match h.take_lean() {
            Some(lean) if lean.listed.as_ref().is_some_and(|l| l.is_of(recorder.0.id)) => Some(lean),
            used => Self::list(used, recorder, slot, site),
        }
    }

    #[cold]
    #[inline(never)]
    fn list(
        used: Option<Box<Self>>,
        recorder: &Recorder,
        slot: &'static Slot,
        site: &'static Callsite,
    ) -> Option<Box<Self>> {
        let listed = Some(recorder.0.drafts.list_or_leave(recorder.0.id, recorder.0.limits.open_spans)?);
        Some(match used {
            Some(mut lean) => {
                lean.listed = listed;
                lean
            }
            None => Self::new(slot, site, listed),
        })
    }

    #[cold]
    fn new(slot: &'static Slot, site: &'static Callsite, listed: Option<Listed>) -> Box<Self> {
        Box::new(Self {
            slot,
            site,
            parent: 0,
            start: 0,
            listed,
            attributes: Vec::new(),
            identity: api::SpanContext::NONE,
            is_open: false,
            is_ok: false,
        })
    }

    /// A span that is not recorded, with this identity; `None` if that has something that has no place here.
    pub(super) fn quiet(recorder: &Recorder, context: &SpanContext) -> Option<Box<Self>> {
        if !context.trace_state.is_empty() || !context.tenant.is_none() {
            return None;
        }
        let used = with_hot_as_it_is(Hot::take_lean).flatten();
        let mut lean = used.unwrap_or_else(|| Self::new(recorder.0.fallback, &NO_SITE, None));
        lean.identity = convert::context_to(context);
        Some(lean)
    }

    #[inline]
    pub(super) fn identity(&self) -> &api::SpanContext {
        &self.identity
    }

    /// Whether it has not ended.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Sets an attribute; `false` if a draft has to.
    #[inline]
    pub(super) fn set(&mut self, attribute: &mut Option<KeyValue>) -> bool {
        let Some(new) = attribute.take() else { return true };
        if !self.slot.tenants.said_by_api(&new).is_none() {
            *attribute = Some(new);
            return false;
        }
        let same = |a: &&mut KeyValue| is_key(a, &new);
        if let Some(same) = self.attributes.iter_mut().find(same) {
            same.value = new.value;
        } else if self.attributes.len() < MAX_VALUES {
            self.attributes.push(new);
        } else {
            *attribute = Some(new);
        }
        attribute.is_none()
    }

    /// Sets the outcome; `false` if a draft has to.
    #[inline]
    pub(super) fn set_status(&mut self, status: &api::Status) -> bool {
        match status {
            api::Status::Unset => true,
            api::Status::Ok => {
                self.is_ok = true;
                true
            }
            api::Status::Error { .. } => self.is_ok,
        }
    }

    /// Writes it as one that has ended, to the ring of the calling thread; `false` if that cannot be, and a draft has to.
    #[inline]
    pub(super) fn end(&mut self, end: End) -> bool {
        if std::thread::panicking() {
            return false;
        }
        let (end, bits) = match end {
            End::At(t) => (t.unix_nanos(), BIT_END_IS_UNIX),
            _ => (self.slot.clock.ticks(), 0),
        };
        let bits = if self.is_ok { bits | BIT_OK } else { bits };
        let Some(callsite) = self.site().and_then(Callsite::plain_number).filter(|_| end != 0) else {
            return false;
        };
        let (trace, span) = words(&self.identity);
        let head = StartHead {
            callsite,
            trace: [(trace >> 64) as u64, trace as u64],
            span,
            parent: self.parent,
            remote_parent: false,
            active: self.identity.trace_flags().to_u8().into(),
        };
        let written = with_hot_as_it_is(|h| {
            let listed = self.listed.as_ref().filter(|listed| listed.is_of(h.recorder))?;
            let (slot, ring) = h.lent?;
            let write = |w: &mut Writer<'_>| self.attributes.iter().for_each(|a| put(w, &a.value));
            if !h.producer.write_whole(ring, &slot.consumer, head, (self.start, end, bits), write) {
                return None;
            }
            slot.uncount_opened();
            listed.entry.close();
            Some(())
        });
        if written.flatten().is_none() {
            return false;
        }
        self.is_open = false;
        self.attributes = Vec::new();
        true
    }

    /// The site of the attributes that it has now.
    #[inline]
    fn site(&self) -> Option<&'static Callsite> {
        // A key that is set again replaces a value, so as many are the same ones.
        if self.site.keys.len() == self.attributes.len() {
            return Some(self.site);
        }
        sites::find(self.site.scope, self.site.name, self.site.kind, &self.attributes)
    }

    /// Makes a draft of it, so that anything can be done to it.
    #[cold]
    #[inline(never)]
    pub(super) fn into_draft(mut self: Box<Self>) -> Box<Draft> {
        let mut draft = with_local(|l| Draft::take(Some(l))).unwrap_or_else(|| Draft::take(None));
        (draft.slot, draft.overflow) = (Some(self.slot), OverflowPolicy::Drop);
        draft.set_name(Text::fixed(self.site.name));
        draft.set_kind(self.site.kind);
        draft.set_scope(&ScopeRef::Static(self.site.scope));
        let (trace, span) = words(&self.identity);
        let flags = TraceFlags(self.identity.trace_flags().to_u8());
        if let (Some(trace), Some(span)) = (TraceId::new(trace), SpanId::new(span)) {
            let above = SpanId::new(self.parent).map(|id| SpanContext::new(trace, id, flags));
            draft.identify((trace, span), flags, &TraceState::EMPTY, above.as_ref());
        }
        draft.columns.rows[Draft::ROW].start = self.start;
        if self.is_ok {
            draft.columns.rows[Draft::ROW].status = StatusCode::Ok;
        }
        std::mem::swap(&mut draft.listed, &mut self.listed);
        let limit = draft.attribute_limit();
        draft.attributes.take(std::mem::take(&mut self.attributes), limit);
        self.is_open = false;
        self.give_back();
        draft
    }

    /// Keeps it for the next span of this thread.
    #[inline]
    pub(super) fn give_back(self: Box<Self>) {
        // What is left over is dropped outside.
        let mut lean = Some(self);
        let left = with_hot_as_it_is(|h| lean.take().and_then(|lean| h.keep_lean(lean)));
        drop((lean, left));
    }
}

#[inline]
fn is_key(a: &KeyValue, other: &KeyValue) -> bool {
    crate::batch::is_same_key(a.key.as_str().as_bytes(), other.key.as_str().as_bytes())
}

#[inline(always)]
fn put(w: &mut Writer<'_>, value: &Value) {
    match value {
        Value::Bool(v) => w.put(ValueRef::Bool(*v)),
        Value::I64(v) => w.put(ValueRef::I64(*v)),
        Value::F64(v) => w.put(ValueRef::F64(*v)),
        Value::String(v) => w.put(ValueRef::String(v.as_str())),
        _ => w.refuse(),
    }
}

/// Asks for the calling thread's ring, unless it records nothing: the next span may use it.
#[cold]
#[inline(never)]
fn load_ring(recorder: &Recorder) {
    if recorder.is_open() && recorder.0.children_follow {
        with_local(|l| !l.is_suppressed() && recorder.load_ring(&mut l.slots));
    }
}

#[cfg(test)]
#[path = "lean_tests.rs"]
mod tests;
