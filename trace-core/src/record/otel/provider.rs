//! The API's provider and tracer.

use std::borrow::Cow;

use opentelemetry::trace::{self as api, TraceContextExt};
use opentelemetry::{Context, InstrumentationScope};

use super::attributes::Attributes;
use super::convert;
use super::scope;
use super::span::OtelSpan;
use crate::batch::{ScopeRef, Text};
use crate::model::{SpanContext, SpanKind};
use crate::record::bridge;
use crate::record::current::{current_context, with_local};
use crate::record::draft::{Beginning, Begun, Draft, Identity};
use crate::record::recorder::Recorder;

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
            convert::context_from(cx.span().span_context())
        } else if Context::map_current(|cx| cx.has_active_span()) {
            // A context without a span, given on purpose: a new trace.
            None
        } else {
            // A span that was entered before the API came into use is attached to no context.
            current_context()
        }
    }

    /// Decides about a span, with a draft for it if it is recorded.
    #[inline]
    fn begin(
        &self,
        parent: Option<&SpanContext>,
        name: &str,
        kind: SpanKind,
    ) -> Option<(Identity, Option<Box<Draft>>)> {
        let here = with_local(|l| {
            let identity = self.recorder.identify(Some(l), parent, name, kind)?;
            let draft = identity.context.is_sampled().then(|| Draft::take(Some(l)));
            Some((identity, draft))
        });
        match here {
            Some(begun) => begun,
            None => {
                let identity = self.recorder.identify(None, parent, name, kind)?;
                let draft = identity.context.is_sampled().then(|| Draft::take(None));
                Some((identity, draft))
            }
        }
    }
}

impl api::Tracer for Tracer {
    type Span = OtelSpan;

    fn build_with_context(&self, builder: api::SpanBuilder, parent_cx: &Context) -> OtelSpan {
        if parent_cx.is_telemetry_suppressed() {
            return OtelSpan::of(None);
        }
        let parent = Self::parent(parent_cx);
        let kind = builder.span_kind.map_or(SpanKind::Internal, convert::kind_from);
        let Some((identity, draft)) = self.begin(parent.as_ref(), &builder.name, kind) else {
            // The trace goes on without us.
            return OtelSpan::of(parent);
        };
        let Some(mut draft) = draft else { return OtelSpan::of(Some(identity.context)) };
        let c = draft.columns();
        let name = match builder.name {
            Cow::Borrowed(name) => Text::fixed(name),
            Cow::Owned(name) => c.store(&name),
        };
        draft.set_name(name);
        let beginning = Beginning {
            parent: parent.as_ref(),
            kind,
            scope: self.scope.clone(),
            start: builder.start_time.map_or(Begun::Now, |t| Begun::At(t.into())),
        };
        draft.begin(&identity, beginning);
        let limit = identity.slot.limits.attributes;
        let attributes = builder.attributes.map_or_else(Attributes::default, |a| Attributes::of(a, limit));
        let mut span = OtelSpan::recording(identity.context, draft, attributes);
        if builder.events.is_some() || builder.links.is_some() {
            span.add_all(builder.events.unwrap_or_default(), builder.links.unwrap_or_default());
        }
        span
    }
}
