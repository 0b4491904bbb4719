//! What a `tracing` span can be asked for, and told, beyond what `tracing` knows.

use std::borrow::Cow;

use tracing::span::Id;

use super::layer::TraceLayer;
use crate::batch::List;
use crate::model::{KeyValue, SpanContext, Status, Value};
use crate::record::current::with_local;
use crate::record::draft::Draft;
use crate::record::start::Identity;
use crate::signal::SamplingInput;

/// The trace side of a `tracing::Span`. Without a [`TraceLayer`] in the current subscriber, and for a span that its filter
/// hides, nothing happens.
pub trait TraceSpanExt {
    /// The span's identity, to be sent to another process. From then on the parent is fixed.
    fn trace_context(&self) -> Option<SpanContext>;

    /// Makes the span a child of this one, which may have come over the wire: the span joins its trace, and the sampler is asked
    /// again. Before the span is entered, has children or was asked for its identity.
    ///
    /// If the sampler had decided not to record a span *below a local parent*, the fields that were given at its creation
    /// are not known any more; a root (`parent: None`) keeps them until it is entered.
    ///
    /// # Errors
    /// If it is too late, or no layer sees the span.
    fn set_parent(&self, parent: SpanContext) -> Result<(), SetParentError>;

    /// Adds an attribute, or replaces its value. The key need not be declared.
    fn set_attribute(&self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>);

    /// Adds an event at the present moment.
    fn add_event(&self, name: impl Into<Cow<'static, str>>, attributes: Vec<KeyValue>);

    /// Adds a link.
    fn add_link(&self, context: SpanContext, attributes: Vec<KeyValue>);

    /// Sets the outcome. `Ok` is final.
    fn set_status(&self, status: Status);

    /// The `opentelemetry` context in which the span is the active one: the current context with this span, to be
    /// given to a propagator.
    #[cfg(feature = "otel")]
    fn otel_context(&self) -> opentelemetry::Context {
        let current = opentelemetry::Context::current();
        match self.trace_context() {
            Some(c) => crate::record::otel::tenants::with_active(&current, &c),
            None => current,
        }
    }

    /// Makes the span a child of the span of this `opentelemetry` context, as a propagator extracted it; see
    /// [`TraceSpanExt::set_parent`]. A context without a span changes nothing.
    ///
    /// # Errors
    /// As [`TraceSpanExt::set_parent`].
    #[cfg(feature = "otel")]
    fn set_otel_parent(&self, cx: &opentelemetry::Context) -> Result<(), SetParentError> {
        match crate::record::otel::tenants::active_in(cx) {
            Some(parent) => self.set_parent(parent),
            None => Ok(()),
        }
    }
}

/// Why a parent could not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetParentError {
    /// The span was entered, has children, or its identity was given away.
    #[error("the span's identity has been used already; set the parent right after the span was made")]
    TooLate,
    /// The span is disabled, a filter hides it from the layer, or the subscriber has no `TraceLayer`.
    #[error("no TraceLayer sees the span")]
    NotSeen,
}

impl TraceSpanExt for tracing::Span {
    fn trace_context(&self) -> Option<SpanContext> {
        with_layer(self, |layer, id| layer.context_of(id)).flatten()
    }

    fn set_parent(&self, parent: SpanContext) -> Result<(), SetParentError> {
        with_layer(self, |layer, id| layer.set_parent(id, &parent)).unwrap_or(Err(SetParentError::NotSeen))
    }

    fn set_attribute(&self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        let (key, value) = (key.into(), value.into());
        edit(self, |draft| {
            let said = draft.slot.map(|slot| slot.tenants.said_by(&key, &value)).unwrap_or_default();
            if !said.is_none() {
                draft.set_tenant(said);
            }
            draft.edit(|c, row, limits| {
                let (key, value) = (c.text_of(key), c.cell_of(value));
                c.set_attribute(row, key, value, limits.attributes);
            });
        });
    }

    fn add_event(&self, name: impl Into<Cow<'static, str>>, attributes: Vec<KeyValue>) {
        let name = name.into();
        edit(self, |draft| {
            let now = draft.now();
            draft.add_event(now, |c| c.text_of(name), |c, limit| list(c, attributes, limit));
        });
    }

    fn add_link(&self, context: SpanContext, attributes: Vec<KeyValue>) {
        edit(self, |draft| draft.add_link(context, |c, limit| list(c, attributes, limit)));
    }

    fn set_status(&self, status: Status) {
        edit(self, |draft| draft.set_status(status));
    }
}

fn with_layer<R>(span: &tracing::Span, f: impl FnOnce(&TraceLayer, &Id) -> R) -> Option<R> {
    span.with_subscriber(|(id, dispatch)| dispatch.downcast_ref::<TraceLayer>().map(|layer| f(layer, id)))
        .flatten()
}

fn edit(span: &tracing::Span, f: impl FnOnce(&mut crate::record::draft::Draft)) {
    with_layer(span, |layer, id| {
        layer.spans.with_span(id.into_u64(), |_, draft| f(draft));
    });
}

fn list(c: &mut crate::batch::Columns, attributes: Vec<KeyValue>, limit: u16) -> (List, u32) {
    let mut list = List::EMPTY;
    let dropped = attributes.len().saturating_sub(limit.into()) as u32;
    for kv in attributes.into_iter().take(limit.into()) {
        let (key, value) = (c.text_of(kv.key), c.cell_of(kv.value));
        c.push_attribute(&mut list, key, value);
    }
    (list, dropped)
}

impl TraceLayer {
    fn set_parent(&self, id: &Id, parent: &SpanContext) -> Result<(), SetParentError> {
        let id = id.into_u64();
        let described = self
            .spans
            .with_span(id, |_, d| (d.held.seen, d.context().span_id, d.name().to_owned(), d.kind()));
        let Some((seen, span_id, name, kind)) = described else { return Err(SetParentError::NotSeen) };
        if seen {
            return Err(SetParentError::TooLate);
        }
        // Not while the span is locked: a sampler is the user's code.
        let recorder = &self.spans.recorder;
        let decided = with_local(|l| {
            let own = recorder.slot(l);
            let input = SamplingInput::new(parent.trace_id, &name, kind).under(Some(parent));
            (recorder.decide(input, span_id), own)
        });
        let Some((Identity { context, attributes }, own)) = decided else {
            return Err(SetParentError::NotSeen);
        };
        self.spans.with(id, |_, chunk| {
            let Some(draft) = chunk.held.get_mut(&id) else { return Err(SetParentError::NotSeen) };
            if draft.held.seen {
                return Err(SetParentError::TooLate);
            }
            let ids = (context.trace_id, context.span_id);
            draft.identify(ids, context.flags, &context.trace_state, Some(parent));
            let said = own.tenants.said_in(draft.columns(), Draft::ROW);
            draft.say_tenant(said);
            draft.add_attributes(attributes, own.limits.attributes);
            match (draft.held.recorded, context.flags.is_recorded()) {
                (true, false) => {
                    // It was counted as started; nobody will see it end.
                    chunk.refused += 1;
                    draft.hide();
                }
                (false, true) => own.count_opened(),
                _ => {}
            }
            if context.flags.is_recorded() {
                // Its trace may have changed.
                draft.hide();
                recorder.describe(draft, context.trace_id);
                draft.show();
            }
            if let Some(place) = self.spans.place(id) {
                place.becomes_other();
            }
            draft.held.recorded = context.flags.is_recorded();
            draft.held.complete |= draft.held.recorded;
            Ok(())
        })
    }
}
