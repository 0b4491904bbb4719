//! Our provider and that of `opentelemetry_sdk`, and what they have finished, in the same terms.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use opentelemetry::global::{BoxedTracer, ObjectSafeTracerProvider};
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace as sdk;
use trace_core::model;
use trace_core::pipeline::Pipeline;
use trace_core::record::Recorder;
use trace_core::record::otel::TracerProvider;
use trace_core::sample::{AlwaysOff, ParentBased};
use trace_core::testing::CaptureExporter;

pub(crate) type Attributes = BTreeMap<String, String>;

/// A finished span, as either side reports it.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) parent: [u8; 8],
    pub(crate) parent_is_remote: bool,
    pub(crate) trace_state: String,
    pub(crate) start: SystemTime,
    pub(crate) end: SystemTime,
    pub(crate) attributes: Attributes,
    pub(crate) events: Vec<(String, SystemTime, Attributes)>,
    pub(crate) links: Vec<([u8; 8], Attributes)>,
    pub(crate) status: Status,
    pub(crate) scope: (String, String, String, Attributes),
    pub(crate) dropped: (u32, u32, u32),
}

/// A provider, and what it has finished.
pub(crate) struct World {
    pub(crate) provider: Box<dyn ObjectSafeTracerProvider>,
    pub(crate) finished: Box<dyn Fn() -> Vec<Seen>>,
    pub(crate) shut_down: Box<dyn Fn()>,
    pub(crate) ours: bool,
}

impl World {
    pub(crate) fn tracer(&self) -> BoxedTracer {
        self.scoped(InstrumentationScope::builder("lib").build())
    }

    pub(crate) fn scoped(&self, scope: InstrumentationScope) -> BoxedTracer {
        BoxedTracer::new(self.provider.boxed_tracer(scope))
    }

    pub(crate) fn only(&self) -> Seen {
        let mut spans = (self.finished)();
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.remove(0)
    }

    pub(crate) fn named(&self, name: &str) -> Seen {
        (self.finished)().into_iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no span {name}"))
    }
}

pub(crate) fn ours(sampled: bool) -> World {
    let out = CaptureExporter::new();
    let mut recorder = Recorder::builder();
    if !sampled {
        recorder = recorder.sampler(ParentBased::new(AlwaysOff));
    }
    let pipeline = Pipeline::builder().recorder(recorder).export_spans("out", out.clone()).start().unwrap();
    let pipeline = Arc::new(pipeline);
    let provider = Box::new(TracerProvider::new(pipeline.recorder().clone()));
    let p = pipeline.clone();
    let finished = move || {
        let _ = p.flush(Duration::from_secs(10));
        out.spans().into_iter().map(of_ours).collect()
    };
    let shut_down = move || drop(pipeline.shutdown(Duration::from_secs(10)).unwrap());
    World { provider, finished: Box::new(finished), shut_down: Box::new(shut_down), ours: true }
}

pub(crate) fn theirs(sampled: bool) -> World {
    let out = Kept::default();
    let root = if sampled { sdk::Sampler::AlwaysOn } else { sdk::Sampler::AlwaysOff };
    let provider = sdk::SdkTracerProvider::builder()
        .with_sampler(sdk::Sampler::parent_based(root))
        .with_span_processor(sdk::SimpleSpanProcessor::new(out.clone()))
        .build();
    let p = provider.clone();
    World {
        provider: Box::new(provider),
        finished: Box::new(move || out.0.lock().unwrap().iter().map(of_theirs).collect()),
        shut_down: Box::new(move || p.shutdown().unwrap()),
        ours: false,
    }
}

#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<sdk::SpanData>>>);

impl sdk::SpanExporter for Kept {
    async fn export(&self, batch: Vec<sdk::SpanData>) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

pub(crate) fn texts(attributes: &[KeyValue]) -> Attributes {
    // The last value of a key wins for who reads them as a map.
    attributes.iter().map(|kv| (kv.key.to_string(), kv.value.to_string())).collect()
}

pub(crate) fn our_texts(attributes: &[model::KeyValue]) -> Attributes {
    attributes.iter().map(|kv| (kv.key.to_string(), kv.value.to_string())).collect()
}

pub(crate) fn of_theirs(s: &sdk::SpanData) -> Seen {
    let scope = &s.instrumentation_scope;
    Seen {
        name: s.name.to_string(),
        kind: s.span_kind.clone(),
        trace_id: s.span_context.trace_id().to_bytes(),
        span_id: s.span_context.span_id().to_bytes(),
        parent: s.parent_span_id.to_bytes(),
        parent_is_remote: s.parent_span_is_remote,
        trace_state: s.span_context.trace_state().header(),
        start: s.start_time,
        end: s.end_time,
        attributes: texts(&s.attributes),
        events: s.events.iter().map(|e| (e.name.to_string(), e.timestamp, texts(&e.attributes))).collect(),
        links: s.links.iter().map(|l| (l.span_context.span_id().to_bytes(), texts(&l.attributes))).collect(),
        status: s.status.clone(),
        scope: (
            scope.name().to_owned(),
            scope.version().unwrap_or("").to_owned(),
            scope.schema_url().unwrap_or("").to_owned(),
            texts(&scope.attributes().cloned().collect::<Vec<_>>()),
        ),
        dropped: (s.dropped_attributes_count, s.events.dropped_count, s.links.dropped_count),
    }
}

pub(crate) fn of_ours(s: model::SpanData) -> Seen {
    let time = |t: model::Timestamp| SystemTime::UNIX_EPOCH + Duration::from_nanos(t.unix_nanos());
    Seen {
        name: s.name.to_string(),
        kind: match s.kind {
            model::SpanKind::Internal => SpanKind::Internal,
            model::SpanKind::Server => SpanKind::Server,
            model::SpanKind::Client => SpanKind::Client,
            model::SpanKind::Producer => SpanKind::Producer,
            model::SpanKind::Consumer => SpanKind::Consumer,
        },
        trace_id: s.context.trace_id.to_bytes(),
        span_id: s.context.span_id.to_bytes(),
        parent: s.parent_span_id.map_or([0; 8], |id| id.to_bytes()),
        parent_is_remote: s.parent_is_remote,
        trace_state: s.context.trace_state.as_str().to_owned(),
        start: time(s.start),
        end: time(s.end),
        attributes: our_texts(&s.attributes),
        events: s
            .events
            .iter()
            .map(|e| (e.name.to_string(), time(e.time), our_texts(&e.attributes)))
            .collect(),
        links: s.links.iter().map(|l| (l.context.span_id.to_bytes(), our_texts(&l.attributes))).collect(),
        status: match s.status {
            model::Status::Unset => Status::Unset,
            model::Status::Ok => Status::Ok,
            model::Status::Error(m) => Status::error(m),
        },
        scope: (
            s.scope.name.to_string(),
            s.scope.version.to_string(),
            s.scope.schema_url.to_string(),
            our_texts(&s.scope.attributes.iter().cloned().collect::<Vec<_>>()),
        ),
        dropped: (s.dropped_attributes, s.dropped_events, s.dropped_links),
    }
}
