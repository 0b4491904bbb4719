//! The layer: what `tracing` says, and what becomes of it.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::Context;

use super::event::EventFields;
use super::fields::SpanFields;
use super::held::{Entry, Spans};
use super::options::Options;
use super::{active, sites};
use crate::batch::{List, ScopeRef, Text};
use crate::model::{SpanContext, SpanKind};
use crate::record::current::{current_context, with_local};
use crate::record::draft::{Beginning, Begun, Draft, End, Identity};
use crate::record::recorder::Recorder;

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
        self.spans.with_entry(id.into_u64(), |_, entry| {
            entry.seen = true;
            entry.context.clone()
        })
    }

    #[inline]
    fn parent(&self, attrs: &Attributes<'_>) -> Option<SpanContext> {
        match attrs.parent() {
            // `None` also if the layer's filter hid it.
            Some(parent) => self.context_of(parent),
            None if attrs.is_root() => None,
            None => current_context(),
        }
    }

    fn identify(&self, parent: Option<&SpanContext>, name: &str, kind: SpanKind) -> Option<Identity> {
        let recorder = &self.spans.recorder;
        with_local(|l| recorder.identify(Some(l), parent, name, kind))
            .unwrap_or_else(|| recorder.identify(None, parent, name, kind))
    }

    /// What fields say, in a draft.
    fn read(&self, attrs: &Attributes<'_>) -> (Box<Draft>, SpanKind) {
        let metadata = attrs.metadata();
        let mut draft = take_draft();
        draft.set_name(Text::fixed(metadata.name()));
        self.options.describe(metadata, &mut draft);
        let mut fields = SpanFields::new(&mut draft);
        attrs.record(&mut fields);
        let mut found = fields.found;
        let status = found.status();
        if let Some(status) = status {
            draft.set_first_status(status);
        }
        (draft, found.kind.unwrap_or(SpanKind::Internal))
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
        let metadata = attrs.metadata();
        let parent = self.parent(attrs);
        // Children of a local span follow it. Others may turn out to be sampled, now or when a parent is set.
        let may_record = parent.as_ref().is_none_or(|p| p.is_remote || p.is_sampled());
        let read = may_record.then(|| self.read(attrs));
        let (draft, kind) = read.map_or((None, SpanKind::Internal), |(draft, kind)| (Some(draft), kind));
        let name = draft.as_ref().map_or(metadata.name(), |d| d.name());
        let Some(identity) = self.identify(parent.as_ref(), name, kind) else {
            draft.into_iter().for_each(give_back);
            return;
        };
        let recorded = identity.context.is_sampled();
        let draft = draft.map(|mut draft| {
            let scope = ScopeRef::Static(sites::scope(metadata));
            let beginning = Beginning { parent: parent.as_ref(), kind, scope, start: Begun::Now };
            if recorded {
                draft.begin(&identity, beginning);
            } else {
                draft.wait(&identity, beginning);
            }
            draft
        });
        let entry = Entry { context: identity.context, draft, recorded, seen: false, left: 0 };
        self.spans.with(id.into_u64(), |_, chunk| chunk.held.insert(id.into_u64(), entry));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let id = id.into_u64();
        if self.spans.with_entry(id, |_, entry| entry.draft.is_none()).unwrap_or(true) {
            return;
        }
        // Not while the span is locked: formatting runs users' code, which may trace.
        let mut scratch = take_draft();
        let mut fields = SpanFields::new(&mut scratch);
        values.record(&mut fields);
        let mut found = fields.found;
        let status = found.status();
        self.spans.with_entry(id, |_, entry| {
            if let Some(draft) = entry.draft.as_deref_mut() {
                draft.set_from(&scratch, found.renamed, found.kind);
                if let Some(status) = status {
                    draft.set_status(status);
                }
            }
        });
        give_back(scratch);
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, _: Context<'_, S>) {
        let Some(context) = self.context_of(follows) else { return };
        self.spans.with_entry(id.into_u64(), |_, entry| {
            if let Some(draft) = entry.draft.as_deref_mut() {
                draft.add_link(context, |_, _| (List::EMPTY, 0));
            }
        });
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
        let kept = self.spans.with_entry(id, |_, entry| entry.recorded().map(|d| d.has_room_for_event()));
        match kept.flatten() {
            None => return,
            Some(false) if !is_error => {
                self.spans.with_entry(id, |_, entry| entry.recorded().map(Draft::drop_event));
                return;
            }
            Some(_) => {}
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
        self.spans.with_entry(id, |_, entry| {
            let Some(draft) = entry.recorded() else { return };
            draft.add_event_from(&scratch, now);
            if let Some(status) = status.filter(|_| exception || !draft.has_status()) {
                draft.set_status(status);
            }
        });
        give_back(scratch);
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        let id = id.into_u64();
        let entered = self.spans.with_entry(id, |_, entry| {
            entry.seen = true;
            // Nothing will make it recorded any more.
            let waiting = if entry.recorded { None } else { entry.draft.take() };
            (entry.context.clone(), entry.recorded, waiting)
        });
        if let Some((context, recorded, waiting)) = entered {
            active::enter(self.number, id, context, recorded);
            waiting.into_iter().for_each(give_back);
        }
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        let id = id.into_u64();
        if active::exit(self.number, id) {
            self.spans.with_entry(id, |slot, entry| entry.left = slot.clock.ticks());
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let id = id.into_u64();
        let draft = self.spans.with(id, |slot, chunk| {
            let mut entry = chunk.held.remove(&id)?;
            let mut draft = entry.draft.take()?;
            if entry.recorded {
                draft.finish(slot, if entry.left == 0 { End::Now } else { End::Ticks(entry.left) });
                draft.write(slot, chunk, |_, _, _| ());
            }
            Some(draft)
        });
        draft.into_iter().for_each(give_back);
    }
}
