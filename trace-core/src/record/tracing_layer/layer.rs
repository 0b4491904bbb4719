//! The layer: what `tracing` says, and what becomes of it.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::Context;

use super::event::EventFields;
use super::fields::SpanFields;
use super::held::Spans;
use super::options::Options;
use super::{active, sites};
use crate::batch::{List, ScopeRef, Text};
use crate::model::SpanContext;
use crate::record::current::{current_context, with_local};
use crate::record::draft::{Begun, Draft, End, Opened};
use crate::record::recorder::Recorder;
use crate::signal::StartAttributes;

/// Layers are told apart: several of them may see a span of the same id.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Records `tracing` spans, and events inside them as span events.
///
/// | in `tracing` | in the trace |
/// |---|---|
/// | target | instrumentation scope |
/// | `otel.name`, `otel.kind` | name and kind |
/// | `otel.status_code` (`ok`, `error`), `otel.status_description` (or `otel.status_message`) | status |
/// | other fields, also by `Span::record` | attributes; a value that is recorded again replaces the first |
/// | a field that is a `dyn Error` | the field, `FIELD.chain` with its causes, `exception.message`, `exception.stacktrace` |
/// | event | span event with `level`, `target` and its fields; its name is the message |
/// | event without a message whose field is `error`, as of `#[instrument(err)]` | event `exception`; the span's status becomes an error with its text |
/// | event of level `ERROR` | also makes the span's status an error, unless it has one |
/// | `follows_from` | link, while the other span is open |
///
/// These are the rules of `tracing-opentelemetry`. As there, a span ends when it was left for the last time, and when it
/// was closed if it was never entered: a child in the background does not prolong its parent. It is recorded when it
/// is closed. An event outside of all spans is not recorded.
///
/// Everything is bounded: a span keeps as many attributes, events and links as [`crate::record::SpanLimits`] says, the first ones, and
/// counts the rest on the span; events beyond the limit cost nothing but being counted.
///
/// Filter it like any layer, with `with_filter`: the parent of a span is then the nearest one that passes. A reloadable filter
/// (`reload::Layer` around the filter) is fine; around the layer itself it would hide it from [`super::TraceSpanExt`].
#[derive(Debug)]
pub struct TraceLayer {
    number: u64,
    pub(super) spans: Spans,
    options: Options,
}

impl TraceLayer {
    /// A layer that records here.
    pub fn new(recorder: Recorder) -> Self {
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            spans: Spans::new(recorder),
            options: Options::default(),
        }
    }

    /// Also records where spans and events are in the source: `code.file.path`, `code.line.number` and
    /// `code.module.name`. Off by default.
    #[must_use]
    pub fn with_location(mut self, location: bool) -> Self {
        self.options.location = location;
        self
    }

    /// Also records the level of spans, as `level`. Off by default; events always have theirs.
    #[must_use]
    pub fn with_level(mut self, level: bool) -> Self {
        self.options.level = level;
        self
    }

    /// Also records the target of spans as an attribute `target`; it is their scope anyway. Off by default.
    #[must_use]
    pub fn with_target(mut self, target: bool) -> Self {
        self.options.target = target;
        self
    }

    /// Also records on which thread spans begin: `thread.name`. Off by default.
    #[must_use]
    pub fn with_thread_names(mut self, names: bool) -> Self {
        self.options.thread_name = names;
        self
    }

    /// Records events of these levels only; all by default. For spans use `with_filter`, which `tracing` caches by call site.
    #[must_use]
    pub fn with_events(mut self, levels: impl Into<LevelFilter>) -> Self {
        self.options.events = levels.into();
        self
    }

    /// The identity of an open span. From then on it does not change.
    pub(super) fn context_of(&self, id: &Id) -> Option<SpanContext> {
        let id = id.into_u64();
        if let Some(place) = self.spans.lean(id) {
            return place.context();
        }
        self.spans.with_span(id, |_, draft| {
            draft.held.seen = true;
            draft.context()
        })
    }

    fn parent(&self, attrs: &Attributes<'_>) -> Option<SpanContext> {
        match attrs.parent() {
            // A parent that the layer's filter hid is none.
            Some(parent) => self.context_of(parent),
            None if attrs.is_root() => None,
            None => current_context(),
        }
    }

    /// Puts into a draft what fields say.
    #[inline]
    fn read(&self, attrs: &Attributes<'_>, draft: &mut Draft) {
        self.options.describe(attrs.metadata(), draft);
        let mut fields = SpanFields::new(draft);
        attrs.record(&mut fields);
        let mut found = fields.found;
        if let Some(kind) = found.kind {
            draft.set_kind(kind);
        }
        if let Some(status) = found.status() {
            draft.set_first_status(status);
        }
    }
}

/// An empty draft.
pub(super) fn take_draft() -> Box<Draft> {
    with_local(|l| Draft::take(Some(l))).unwrap_or_else(|| Draft::take(None))
}

/// Keeps a draft for the next span.
pub(super) fn give_back(draft: Box<Draft>) {
    let mut draft = Some(draft);
    with_local(|l| draft.take().into_iter().for_each(|d| d.give_back(l)));
}

impl<S: Subscriber> Layer<S> for TraceLayer {
    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        if !self.options.describes() && self.spans.open_lean(attrs, id.into_u64()) {
            return;
        }
        let metadata = attrs.metadata();
        let parent = self.parent(attrs);
        // Children of a local span follow it. Others may turn out to be sampled, now or when a parent is set.
        let complete = parent.as_ref().is_none_or(|p| p.is_remote || p.is_sampled());
        let mut draft = take_draft();
        draft.set_name(Text::fixed(metadata.name()));
        draft.set_scope(&ScopeRef::Static(sites::scope(metadata)));
        if complete {
            self.read(attrs, &mut draft);
        }
        let (recorder, parent) = (&self.spans.recorder, parent.as_ref());
        let opened =
            with_local(|l| recorder.open(Some(l), &mut draft, parent, StartAttributes::NONE, Begun::Now))
                .unwrap_or_else(|| {
                    recorder.open(None, &mut draft, parent, StartAttributes::NONE, Begun::Now)
                });
        if opened == Opened::Nowhere {
            return give_back(draft);
        }
        draft.held.recorded = opened == Opened::Recorded;
        draft.held.complete = complete;
        self.spans.with(id.into_u64(), |_, chunk| chunk.held.insert(id.into_u64(), draft));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let id = id.into_u64();
        if !self.spans.with_span(id, |_, draft| draft.held.complete).unwrap_or(false) {
            return;
        }
        // Not while the span is locked: formatting runs users' code, which may trace.
        let mut scratch = take_draft();
        let mut fields = SpanFields::new(&mut scratch);
        values.record(&mut fields);
        let mut found = fields.found;
        let status = found.status();
        self.spans.with_span(id, |_, draft| {
            draft.set_from(&scratch, found.renamed, found.kind);
            if let Some(status) = status {
                draft.set_status(status);
            }
        });
        give_back(scratch);
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, _: Context<'_, S>) {
        let Some(context) = self.context_of(follows) else { return };
        self.spans.with_span(id.into_u64(), |_, draft| draft.add_link(context, |_, _| (List::EMPTY, 0)));
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > self.options.events {
            return;
        }
        let id = match event.parent() {
            Some(parent) => Some(parent.into_u64()),
            None if event.is_root() => None,
            None => active::innermost(self.number),
        };
        let Some(id) = id else { return };
        let is_error = *metadata.level() == Level::ERROR;
        // What will not be kept is not formatted; only errors still count.
        let wanted = self.spans.with_recorded(id, |draft| {
            let room = draft.has_room_for_event();
            if !room && !is_error {
                draft.drop_event();
            }
            room || is_error
        });
        if wanted != Some(true) {
            return;
        }
        // Not while the span is locked: formatting runs users' code, which may trace.
        let mut scratch = take_draft();
        scratch.push_text("level", metadata.level().as_str());
        let is_log = metadata.target() == "log";
        if !is_log {
            scratch.push_text("target", metadata.target());
            self.options.locate(metadata, &mut scratch);
        }
        let mut fields = EventFields::new(&mut scratch, is_log);
        event.record(&mut fields);
        let (named, log_target) = (fields.named, fields.log_target.take());
        let exception = fields.error.is_some();
        let status = fields.status(is_error);
        if let Some(target) = log_target {
            scratch.push_text("target", &target);
        }
        if !named {
            scratch.set_name(Text::fixed(if exception { "exception" } else { metadata.name() }));
        }
        let now = self.spans.recorder.clock().now();
        self.spans.with_recorded(id, |draft| {
            draft.add_event_from(&scratch, now);
            if let Some(status) = status.filter(|_| exception || !draft.has_status()) {
                draft.set_status(status);
            }
        });
        give_back(scratch);
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        let id = id.into_u64();
        if let Some(place) = self.spans.lean(id) {
            place.seen.store(true, Ordering::Relaxed);
            return active::enter_plain(self.number, id, place.identity());
        }
        let entered = self.spans.with_span(id, |_, draft| {
            draft.held.seen = true;
            active::enter(self.number, id, draft)
        });
        if let Some(Some(deferred)) = entered {
            deferred.attach();
        }
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        let id = id.into_u64();
        if !active::exit(self.number, id) {
            return;
        }
        if let Some(place) = self.spans.place(id) {
            place.left.store(self.spans.recorder.clock().ticks(), Ordering::Relaxed);
        } else {
            self.spans.with_span(id, |slot, draft| draft.held.left = slot.clock.ticks());
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let id = id.into_u64();
        let place = self.spans.place(id);
        if let Some(place) = place.filter(|place| place.is_lean()) {
            if self.spans.close_lean(place) {
                return;
            }
            self.spans.thicken(id);
        }
        let closed = self.spans.with(id, |slot, chunk| {
            let mut draft = chunk.held.remove(&id)?;
            if let Some(place) = place {
                draft.held.left = place.left.load(Ordering::Relaxed);
                place.free();
            }
            if !draft.held.recorded {
                return Some((draft, None));
            }
            let left = draft.held.left;
            draft.finish(slot, if left == 0 { End::Now } else { End::Ticks(left) });
            if draft.may_wait() {
                return Some((draft, Some(slot)));
            }
            draft.write(slot, chunk);
            Some((draft, None))
        });
        let Some((mut draft, unwritten)) = closed else { return };
        if let Some(slot) = unwritten {
            draft.write_waiting(slot);
        }
        give_back(draft);
    }
}
