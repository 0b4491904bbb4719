//! The layer.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::active;
use super::visit::Fields;
use crate::batch::ScopeRef;
use crate::model::{KeyValue, Scope, SpanContext, SpanKind};
use crate::record::current::{current_context, with_local};
use crate::record::recorder::Recorder;
use crate::record::span::Span;
use crate::record::start::{Name, Start};

/// Records `tracing` spans, and events inside them as span events.
///
/// The scope is the target. The fields `otel.name`, `otel.kind`, `otel.status_code` and `otel.status_message`
/// set the span's name, kind and status, as in `tracing-opentelemetry`; a field that is an error becomes
/// `exception.message`. An event carries its level, target and fields; a span keeps at most
/// [`crate::record::SpanLimits::events`] of them. Filter it like any layer.
#[derive(Debug)]
pub struct TraceLayer {
    recorder: Recorder,
    scopes: RwLock<HashMap<&'static str, Arc<Scope>>>,
}

impl TraceLayer {
    /// A layer that records here.
    pub fn new(recorder: Recorder) -> Self {
        Self { recorder, scopes: RwLock::default() }
    }

    fn scope(&self, target: &str, fixed: Option<&'static str>) -> ScopeRef {
        if let Some(s) = self.scopes.read().unwrap_or_else(PoisonError::into_inner).get(target) {
            return ScopeRef::Shared(s.clone());
        }
        let scope = Arc::new(Scope::named(target.to_owned()));
        if let Some(target) = fixed {
            self.scopes.write().unwrap_or_else(PoisonError::into_inner).insert(target, scope.clone());
        }
        ScopeRef::Shared(scope)
    }
}

/// The recorded span of a `tracing` span.
struct Recorded(Span);

fn context_of<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>) -> Option<SpanContext> {
    span.extensions().get::<Recorded>().and_then(|r| r.0.context().cloned())
}

impl<S> Layer<S> for TraceLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let mut fields = Fields::default();
        attrs.record(&mut fields);
        let parent = if let Some(parent) = attrs.parent() {
            ctx.span(parent).and_then(|p| context_of(&p))
        } else if attrs.is_root() {
            None
        } else {
            current_context()
        };
        let metadata = attrs.metadata();
        let scope = self.scope(metadata.target(), Some(metadata.target()));
        let borrowed: Vec<_> =
            fields.attributes.iter().map(|kv| (static_key(kv), kv.value.as_ref())).collect();
        let start = Start {
            name: fields.name.as_deref().map_or(Name::Static(metadata.name()), Name::Borrowed),
            kind: fields.kind.unwrap_or(SpanKind::Internal),
            scope: &scope,
            parent: parent.as_ref(),
            decided: None,
            fields: &borrowed,
            start: None,
        };
        let recorded = with_local(|l| Span::start(&self.recorder, Some(l), &start))
            .unwrap_or_else(|| Span::start(&self.recorder, None, &start));
        if let Some(status) = fields.status() {
            recorded.set_status(status);
        }
        span.extensions_mut().insert(Recorded(recorded));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        let extensions = span.extensions();
        let Some(Recorded(recorded)) = extensions.get::<Recorded>() else { return };
        if let Some(status) = fields.status() {
            recorded.set_status(status);
        }
        if let Some(name) = fields.name {
            recorded.update_name(name);
        }
        for kv in fields.attributes {
            recorded.set_attribute(kv.key, kv.value);
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, ctx: Context<'_, S>) {
        let (Some(span), Some(follows)) = (ctx.span(id), ctx.span(follows)) else { return };
        if let (Some(Recorded(recorded)), Some(context)) =
            (span.extensions().get::<Recorded>(), context_of(&follows))
        {
            recorded.add_link(context, []);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.event_span(event) else { return };
        if !span.extensions().get::<Recorded>().is_some_and(|r| r.0.is_recording()) {
            return;
        }
        // Not while the extensions are locked: formatting runs users' code, which may trace.
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let mut attributes = fields.attributes;
        attributes.push(KeyValue::new("level", metadata.level().as_str()));
        attributes.push(KeyValue::new("target", metadata.target()));
        let name = fields.message.unwrap_or_else(|| metadata.name().to_owned());
        if let Some(Recorded(recorded)) = span.extensions().get::<Recorded>() {
            recorded.add_event(name, attributes);
        }
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        if let Some(context) = ctx.span(id).and_then(|s| context_of(&s)) {
            active::enter(id.into_u64(), context);
        }
    }

    fn on_exit(&self, id: &Id, _ctx: Context<'_, S>) {
        active::exit(id.into_u64());
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(&id) {
            let recorded = span.extensions_mut().remove::<Recorded>();
            drop(recorded);
        }
    }
}

/// Field names of `tracing` are static.
fn static_key(kv: &KeyValue) -> &'static str {
    match kv.key {
        std::borrow::Cow::Borrowed(key) => key,
        std::borrow::Cow::Owned(_) => "",
    }
}
