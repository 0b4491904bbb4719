//! An integration with everything around it under the test's control.
#![allow(dead_code, reason = "not every test file uses all of it")]

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use trace_context_integration::MonitoringContextIntegration;
use trace_context_integration::context::{ContextRef, ContextType};
use trace_context_integration::integration::IntegrationBuilder;
use trace_context_integration::profile::ContextProfile;
use trace_context_integration::provider::{ContextRecord, InMemoryContextProvider};
use trace_core::clock::{Clock, ManualClock};
use trace_core::metric::MeterRegistry;
use trace_core::model::{Alert, AlertId, MetricData, Resource, SpanData, TenantId, Timestamp, Value};
use trace_core::pipeline::Pipeline;
use trace_core::record::Recorder;
use trace_core::signal::{AlertSink, Rejected};
use trace_core::store::MemoryStore;
use trace_core::testing::CaptureExporter;

pub const LONG: Duration = Duration::from_secs(10);

/// Keeps alerts, or misbehaves.
#[derive(Default)]
pub struct Sink {
    pub alerts: Mutex<Vec<Alert>>,
    mode: AtomicU8,
}

impl Sink {
    pub fn reject_all(&self) {
        self.mode.store(1, Ordering::SeqCst);
    }
    pub fn panic_always(&self) {
        self.mode.store(2, Ordering::SeqCst);
    }
    pub fn all(&self) -> Vec<Alert> {
        self.alerts.lock().unwrap().clone()
    }
    /// `type severity subject` of every alert.
    pub fn summary(&self) -> Vec<String> {
        let what = |a: &Alert| a.labels.get("metric").or(a.labels.get("rule")).cloned().unwrap_or_default();
        self.all().iter().map(|a| format!("{} {} {}", a.kind, a.severity, what(a))).collect()
    }
}

impl AlertSink for Sink {
    fn raise(&self, alert: Alert) -> Result<AlertId, Rejected> {
        match self.mode.load(Ordering::SeqCst) {
            1 => Err(Rejected::QueueFull { capacity: 1 }),
            2 => panic!("broken sink"),
            _ => {
                let id = alert.id;
                self.alerts.lock().unwrap().push(alert);
                Ok(id)
            }
        }
    }
}

pub struct World {
    pub pipeline: Arc<Pipeline>,
    pub spans: CaptureExporter,
    pub store: MemoryStore,
    pub sink: Arc<Sink>,
    pub registry: MeterRegistry,
    pub contexts: InMemoryContextProvider,
    pub time: ManualClock,
}

impl World {
    pub fn new() -> Self {
        let (clock, time) = Clock::manual(Timestamp::from_unix_secs(1_750_000_000));
        let (spans, store) = (CaptureExporter::new(), MemoryStore::default());
        let pipeline = Pipeline::builder()
            .recorder(Recorder::builder().clock(clock).resource(Resource::service("test")))
            .export_spans("capture", spans.clone())
            .export_spans("store", store.clone())
            .start()
            .unwrap();
        Self {
            pipeline: Arc::new(pipeline),
            spans,
            store,
            sink: Arc::default(),
            registry: MeterRegistry::new(Arc::new(Resource::service("test"))),
            contexts: InMemoryContextProvider::new(),
            time,
        }
    }

    /// Everything connected, and a flush before each analysis.
    pub fn builder(&self) -> IntegrationBuilder {
        self.builder_with(self.contexts.clone())
    }

    pub fn builder_with(
        &self,
        provider: impl trace_context_integration::provider::ContextProvider + 'static,
    ) -> IntegrationBuilder {
        let pipeline = self.pipeline.clone();
        MonitoringContextIntegration::builder(provider, self.pipeline.recorder().clone())
            .alerts(self.sink.clone())
            .metrics(&self.registry)
            .spans(Arc::new(self.store.clone()))
            .flush_before_analysis(move || {
                let flushed = pipeline.flush(LONG);
                async move { flushed }
            })
    }

    pub fn integration(&self) -> MonitoringContextIntegration {
        self.builder().build().unwrap()
    }

    /// A context of the pipeline type.
    pub fn context(&self, name: &str, profile: ContextProfile) -> ContextRef {
        let context: ContextRef = name.parse().unwrap();
        let profile = ContextProfile { context_type: Some(ContextType::Pipeline), ..profile };
        self.contexts.insert(&TenantId::default(), ContextRecord::new(context.clone()).monitoring(profile));
        context
    }

    /// The spans that have ended.
    pub fn ended(&self) -> Vec<SpanData> {
        self.pipeline.flush(LONG).unwrap();
        self.spans.spans()
    }

    /// The only span that has ended, after checking that none is left open.
    pub fn only_span(&self) -> SpanData {
        let spans = self.ended();
        assert_eq!(self.open_spans(), 0);
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.into_iter().next().unwrap()
    }

    pub fn open_spans(&self) -> u64 {
        let counts = self.pipeline.recorder().counts();
        counts.started - counts.ended
    }

    /// The series of a metric: attributes as `key=value` and the count.
    pub fn series(&self, metric: &str) -> Vec<(String, u64)> {
        let batch = self.registry.collect(Timestamp::now());
        let metrics = batch.scopes.iter().flat_map(|s| &s.metrics).filter(|m| m.name == metric);
        let mut all = Vec::new();
        for m in metrics {
            match &m.data {
                MetricData::Histogram { points, .. } => {
                    all.extend(points.iter().map(|p| (text(&p.attributes), p.count)));
                }
                MetricData::Sum { points, .. } => {
                    all.extend(points.iter().map(|p| (text(&p.attributes), p.value.as_f64() as u64)))
                }
                other => panic!("{other:?}"),
            }
        }
        all.sort();
        all
    }
}

fn text(attributes: &trace_core::model::AttributeSet) -> String {
    attributes.iter().map(|kv| format!("{}={}", kv.key, plain(&kv.value))).collect::<Vec<_>>().join(" ")
}

pub fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::I64(i) => i.to_string(),
        Value::F64(f) => format!("{f:.1}"),
        other => format!("{other:?}"),
    }
}

pub fn attribute(span: &SpanData, key: &str) -> Option<String> {
    span.attributes.iter().find(|kv| kv.key == key).map(|kv| plain(&kv.value))
}

/// An operation's error.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("agent {0} gave up")]
pub struct AgentError(pub u8);

/// An operation that takes this long on the manual clock.
pub async fn takes(time: &ManualClock, ms: u64) -> Result<(), AgentError> {
    time.advance(Duration::from_millis(ms));
    Ok(())
}
