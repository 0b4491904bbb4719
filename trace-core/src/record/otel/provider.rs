//! The API's provider and tracer.

use opentelemetry::trace::{self as api, TraceContextExt};
use opentelemetry::{Context, InstrumentationScope};

use super::convert;
use super::span::OtelSpan;
use crate::batch::ScopeRef;
use crate::model::TraceId;
use crate::record::current::{current_context, with_local};
use crate::record::recorder::Recorder;
use crate::record::span::Span;
use crate::record::start::{Name, Start};
use crate::record::{bridge, field::AsValue};
use crate::signal::{SamplingInput, StartAttributes};

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
        Tracer { recorder: self.recorder.clone(), scope: ScopeRef::Shared(convert::scope_from(&scope)) }
    }
}

/// Starts spans of one library.
#[derive(Clone, Debug)]
pub struct Tracer {
    recorder: Recorder,
    scope: ScopeRef,
}

impl api::Tracer for Tracer {
    type Span = OtelSpan;

    fn build_with_context(&self, builder: api::SpanBuilder, parent_cx: &Context) -> OtelSpan {
        if parent_cx.is_telemetry_suppressed() {
            return OtelSpan::new(Span::none(), parent_cx.span().span_context().clone());
        }
        let parent = if parent_cx.has_active_span() {
            convert::context_from(parent_cx.span().span_context())
        } else if Context::map_current(|cx| cx.has_active_span()) {
            // A context without a span, given on purpose: a new trace.
            None
        } else {
            // A span that was entered before the API came into use is attached to no context.
            current_context()
        };
        let kind = builder.span_kind.map_or(crate::model::SpanKind::Internal, convert::kind_from);
        let decided = builder.attributes.as_ref().and_then(|attributes| {
            let input = SamplingInput::new(TraceId::MIN, &builder.name, kind)
                .under(parent.as_ref())
                .with_attributes(StartAttributes::api(attributes));
            with_local(|l| self.recorder.decide_ahead(l, input)).flatten()
        });
        let start = Start {
            name: Name::Borrowed(&builder.name),
            kind,
            scope: &self.scope,
            parent: parent.as_ref(),
            decided,
            fields: &[],
            start: builder.start_time.map(Into::into),
        };
        let span = with_local(|l| Span::start(&self.recorder, Some(l), &start))
            .unwrap_or_else(|| Span::start(&self.recorder, None, &start));
        if let Some(attributes) = &builder.attributes {
            match attributes.iter().map(|kv| borrow(&kv.value).map(|v| (kv.key.as_str(), v))).collect() {
                Some(borrowed) => span.set_attributes_ref(borrowed),
                // Arrays have to be rebuilt.
                None => {
                    for kv in convert::attributes_from(attributes.clone()) {
                        span.set_attribute(kv.key, kv.value);
                    }
                }
            }
        }
        for e in builder.events.into_iter().flatten() {
            span.add_event_at(e.name, e.timestamp.into(), convert::attributes_from(e.attributes));
        }
        for l in builder.links.into_iter().flatten() {
            if let Some(c) = convert::context_from(&l.span_context) {
                span.add_link(c, convert::attributes_from(l.attributes));
            }
        }
        let context = span.context().map_or(api::SpanContext::NONE, convert::context_to);
        OtelSpan::new(span, context)
    }
}

fn borrow(v: &opentelemetry::Value) -> Option<crate::model::ValueRef<'_>> {
    Some(match v {
        opentelemetry::Value::Bool(v) => v.as_value(),
        opentelemetry::Value::I64(v) => v.as_value(),
        opentelemetry::Value::F64(v) => v.as_value(),
        opentelemetry::Value::String(v) => crate::model::ValueRef::String(v.as_str()),
        _ => return None,
    })
}
