//! A span described at run time.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use super::SpanGuard;
use super::current::{current_context, detached_ids, with_local};
use super::outlived;
use super::recorder::{NO_SCOPE, Recorder};
use super::span::Span;
use super::start::{Identity, Name, Start};
use crate::batch::ScopeRef;
use crate::model::{
    KeyValue, Scope, SpanContext, SpanKind, TenantTag, Timestamp, TraceFlags, TraceId, Value,
};
use crate::signal::{SamplingInput, StartAttributes};

/// Describes a span at run time; see [`Recorder::span`].
#[derive(Debug)]
#[must_use = "nothing is recorded before `start` or `enter`"]
pub struct SpanBuilder<'r> {
    recorder: &'r Recorder,
    name: Cow<'static, str>,
    kind: SpanKind,
    scope: ScopeRef,
    parent: Parent,
    attributes: Vec<KeyValue>,
    links: Vec<(SpanContext, Vec<KeyValue>)>,
    start: Option<Timestamp>,
    sampled: Option<bool>,
    tenant: TenantTag,
}

#[derive(Debug)]
enum Parent {
    Active,
    Root,
    Given(SpanContext),
}

impl<'r> SpanBuilder<'r> {
    pub(super) fn new(recorder: &'r Recorder, name: Cow<'static, str>) -> Self {
        Self {
            recorder,
            name,
            kind: SpanKind::Internal,
            scope: ScopeRef::Static(&NO_SCOPE),
            parent: Parent::Active,
            attributes: Vec::new(),
            links: Vec::new(),
            start: None,
            sampled: None,
            tenant: TenantTag::NONE,
        }
    }

    /// The role in the trace; internal by default.
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.kind = kind;
        self
    }

    /// The library that records; unnamed by default.
    pub fn scope(mut self, scope: Arc<Scope>) -> Self {
        self.scope = ScopeRef::Shared(scope);
        self
    }

    /// Makes it a child of this span rather than of the thread's active one.
    pub fn parent(mut self, parent: SpanContext) -> Self {
        self.parent = Parent::Given(parent);
        self
    }

    /// Makes it the root of a new trace.
    pub fn root(mut self) -> Self {
        self.parent = Parent::Root;
        self
    }

    /// Adds an attribute.
    pub fn attribute(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.attributes.push(KeyValue::new(key, value));
        self
    }

    /// Adds a link.
    pub fn link(mut self, context: SpanContext, attributes: Vec<KeyValue>) -> Self {
        self.links.push((context, attributes));
        self
    }

    /// Sets the moment at which the work began; now by default.
    pub fn start_time(mut self, time: SystemTime) -> Self {
        self.start = Some(time.into());
        self
    }

    /// Decides in the sampler's place whether the trace that begins with this span is recorded: as a caller asks that
    /// sends no span (see [`Extracted::sampled`](crate::propagate::Extracted::sampled)). Means nothing for a span
    /// with a parent.
    pub fn sampled(mut self, sampled: bool) -> Self {
        self.sampled = Some(sampled);
        self
    }

    /// Says whose the span is, as its attribute [`TenantId::ATTRIBUTE`](crate::model::TenantId::ATTRIBUTE) would. Its
    /// children inherit that.
    pub fn tenant(mut self, tenant: TenantTag) -> Self {
        self.tenant = tenant;
        self
    }

    /// Starts the span without making it active.
    pub fn start(self) -> Span {
        let parent = match self.parent {
            Parent::Active => {
                outlived::heal(self.recorder);
                current_context()
            }
            Parent::Root => None,
            Parent::Given(c) => Some(c),
        };
        let decided = (!self.attributes.is_empty()).then(|| {
            let input = SamplingInput::new(TraceId::MIN, &self.name, self.kind)
                .under(parent.as_ref())
                .with_attributes(StartAttributes::of(&self.attributes));
            with_local(|l| self.recorder.decide_ahead(l, input)).flatten()
        });
        let start = Start {
            name: match &self.name {
                Cow::Borrowed(s) => Name::Static(s),
                Cow::Owned(s) => Name::Borrowed(s),
            },
            kind: self.kind,
            scope: &self.scope,
            parent: parent.as_ref(),
            decided: match self.sampled.filter(|_| parent.is_none()) {
                Some(sampled) => Some(self.recorder.decided_root(sampled)),
                None => decided.flatten(),
            },
            fields: &[],
            start: self.start,
            tenant: self.recorder.0.tenants.said(&StartAttributes::of(&self.attributes)).or(self.tenant),
        };
        let span = with_local(|l| Span::start(self.recorder, Some(l), &start))
            .unwrap_or_else(|| Span::start(self.recorder, None, &start));
        for kv in self.attributes {
            span.set_attribute(kv.key, kv.value);
        }
        for (context, attributes) in self.links {
            span.add_link(context, attributes);
        }
        span
    }

    /// Starts the span and makes it the thread's active one.
    pub fn enter(self) -> SpanGuard {
        self.start().enter()
    }
}

impl Recorder {
    /// A root of which the caller has decided whether it is sampled.
    pub(super) fn decided_root(&self, sampled: bool) -> Identity {
        let ids = with_local(|l| (l.ids.trace_id(), l.ids.span_id()));
        let (trace_id, span_id) = ids.unwrap_or_else(detached_ids);
        let flags = TraceFlags::RANDOM.with_sampled(sampled).with_recorded(self.0.records_all);
        Identity { context: SpanContext::new(trace_id, span_id, flags), attributes: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{AlwaysOff, AlwaysRecord};

    #[test]
    fn a_root_is_decided_in_the_samplers_place_and_a_child_is_not() {
        let (recorder, mut drain) = Recorder::builder().sampler(AlwaysOff).build();
        let root = recorder.span("root").sampled(true).start();
        assert!(root.is_recording());
        let context = root.context().cloned().unwrap();
        let child = recorder.span("child").parent(context.clone()).sampled(false).start();
        assert!(child.is_recording() && child.context().unwrap().trace_id == context.trace_id);
        assert!(!recorder.span("other").sampled(false).start().is_recording());
        drop((child, root));
        assert_eq!(drain.drain().seal().len(), 2);
    }

    #[test]
    fn a_sampler_that_records_all_also_records_what_the_caller_did_not_sample() {
        let (recorder, mut drain) = Recorder::builder().sampler(AlwaysRecord::new(AlwaysOff)).build();
        let root = recorder.span("root").sampled(false).start();
        assert!(root.is_recording() && !root.context().unwrap().is_sampled());
        let child = recorder.span("child").parent(root.context().cloned().unwrap()).start();
        drop((child, root));
        let batch = drain.drain().seal();
        assert_eq!(batch.len(), 2);
        assert!(batch.iter().all(|s| s.is_recorded_regardless() && !s.is_sampled()));
    }
}
