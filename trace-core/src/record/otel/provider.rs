//! The API's provider and tracer.

use std::borrow::Cow;

use opentelemetry::trace::{self as api, TraceContextExt};
use opentelemetry::{Context, InstrumentationScope};

use super::convert;
use super::drafted::Drafted;
use super::lean::Lean;
use super::scope;
use super::span::OtelSpan;
use super::tenants;
use crate::batch::{ScopeRef, Text};
use crate::model::SpanContext;
use crate::record::current::{Local, current_context, with_local};
use crate::record::draft::{Begun, Draft, Opened};
use crate::record::recorder::Recorder;
use crate::record::{bridge, outlived};
use crate::signal::StartAttributes;

/// Gives tracers that record into a [`Recorder`]. Register it with `opentelemetry::global::set_tracer_provider`.
#[derive(Clone, Debug)]
pub struct TracerProvider {
    recorder: Recorder,
}

impl TracerProvider {
    /// A provider for this recorder.
    pub fn new(recorder: Recorder) -> Self {
        Self { recorder }
    }
}

impl api::TracerProvider for TracerProvider {
    type Tracer = Tracer;

    fn tracer_with_scope(&self, scope: InstrumentationScope) -> Tracer {
        bridge::start();
        Tracer { recorder: self.recorder.clone(), scope: scope::intern(convert::scope_from(&scope)) }
    }
}

/// Starts spans of one library.
#[derive(Clone, Debug)]
pub struct Tracer {
    recorder: Recorder,
    scope: ScopeRef,
}

impl Tracer {
    /// The parent that a context gives.
    fn parent(cx: &Context) -> Option<SpanContext> {
        if cx.has_active_span() {
            let span = cx.span();
            if outlived::is_set_aside(u64::from_be_bytes(span.span_context().span_id().to_bytes())) {
                return current_context();
            }
            tenants::active_in(cx)
        } else if Context::map_current(|cx| cx.has_active_span()) {
            // A context without a span, given on purpose: a new trace.
            None
        } else {
            // A span that was entered before the API came into use is attached to no context.
            current_context()
        }
    }

    /// A draft of the span, and what is to become of it.
    #[inline]
    fn open(
        &self,
        local: Option<&mut Local>,
        builder: &mut api::SpanBuilder,
        parent: Option<&SpanContext>,
    ) -> (Opened, Box<Draft>) {
        let mut local = local;
        let mut draft = Draft::take(local.as_deref_mut());
        let name = match std::mem::take(&mut builder.name) {
            Cow::Borrowed(name) => Text::fixed(name),
            Cow::Owned(name) => draft.columns().store(&name),
        };
        draft.set_name(name);
        if let Some(kind) = builder.span_kind.take() {
            draft.set_kind(convert::kind_from(kind));
        }
        draft.set_scope(&self.scope);
        let start = builder.start_time.map_or(Begun::Now, |t| Begun::At(t.into()));
        let given = builder.attributes.as_deref().map_or(StartAttributes::NONE, StartAttributes::api);
        (self.recorder.open(local, &mut draft, parent, given, start), draft)
    }
}

impl api::Tracer for Tracer {
    type Span = OtelSpan;

    fn build_with_context(&self, mut builder: api::SpanBuilder, parent_cx: &Context) -> OtelSpan {
        if parent_cx.is_telemetry_suppressed() {
            return OtelSpan::drafted(Drafted::of(None));
        }
        match Lean::start(&self.recorder, &self.scope, &mut builder, parent_cx) {
            Some(lean) => OtelSpan::lean(lean),
            None => self.build_draft(builder, parent_cx),
        }
    }
}

impl Tracer {
    /// A span that is not a lean one.
    #[inline(never)]
    fn build_draft(&self, mut builder: api::SpanBuilder, parent_cx: &Context) -> OtelSpan {
        let parent = Self::parent(parent_cx);
        let (opened, mut draft) = with_local(|l| self.open(Some(l), &mut builder, parent.as_ref()))
            .unwrap_or_else(|| self.open(None, &mut builder, parent.as_ref()));
        match opened {
            Opened::Recorded => {
                if let Some(attributes) = builder.attributes.take() {
                    let limit = draft.attribute_limit();
                    draft.attributes.take(attributes, limit);
                }
                let mut span = Drafted::recording(draft);
                span.remember_tenant();
                let mut span = OtelSpan::drafted(span);
                if builder.events.is_some() || builder.links.is_some() {
                    span.add_all(builder.events.unwrap_or_default(), builder.links.unwrap_or_default());
                }
                span
            }
            Opened::Unsampled => {
                let context = draft.context();
                with_local(|l| draft.give_back(l));
                if let Some(lean) = Lean::quiet(&self.recorder, &context) {
                    return OtelSpan::lean(lean);
                }
                let mut span = Drafted::of(Some(context));
                span.remember_tenant();
                OtelSpan::drafted(span)
            }
            // The trace goes on without us.
            Opened::Nowhere => OtelSpan::drafted(Drafted::of(parent)),
        }
    }
}
