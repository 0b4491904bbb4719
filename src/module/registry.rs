//! Which factory makes which part.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use trace_core::metric::TemporalityPreference;
use trace_core::pipeline::DestinationConfig;
use trace_core::signal::{Detector, LogExporter, MetricExporter, Notifier, SpanExporter};
use trace_core::store::SpanReader;
use trace_exporters::otlp::Remarks;

use super::{BuildError, builtin};
use crate::config::TraceConfig;

/// An exporter of spans, and how it is fed.
pub struct SpanDestination {
    /// Where spans go.
    pub exporter: Box<dyn SpanExporter>,
    /// Queue, batches and attempts.
    pub config: DestinationConfig,
}

/// An exporter of metrics.
pub struct MetricDestination {
    /// Where metrics go.
    pub exporter: Box<dyn MetricExporter>,
    /// Queue and attempts.
    pub config: DestinationConfig,
    /// What its points tell: totals or changes.
    pub temporality: TemporalityPreference,
}

/// An exporter of log records, and how it is fed.
pub struct LogDestination {
    /// Where log records go.
    pub exporter: Box<dyn LogExporter>,
    /// Queue, batches and attempts.
    pub config: DestinationConfig,
}

/// A destination of spans with its name; and how what it stores is read, if it can be.
pub(super) struct SpanPart {
    pub(super) name: String,
    pub(super) destination: SpanDestination,
    pub(super) reader: Option<Arc<dyn SpanReader>>,
    pub(super) remarks: Option<Arc<Remarks>>,
}

/// A destination of metrics with its name.
pub(super) struct MetricPart {
    pub(super) name: String,
    pub(super) destination: MetricDestination,
    pub(super) remarks: Option<Arc<Remarks>>,
}

/// A destination of log records with its name.
pub(super) struct LogPart {
    pub(super) name: String,
    pub(super) destination: LogDestination,
    pub(super) remarks: Option<Arc<Remarks>>,
}

type Factory<T> = Arc<dyn Fn(&TraceConfig) -> Result<T, BuildError> + Send + Sync>;
type Factories<T> = BTreeMap<String, Factory<T>>;

/// Maps the name of a kind to what builds it from the configuration.
///
/// A factory answers with nothing if the configuration does not ask for its kind. Registering a kind that is there
/// replaces it. [`Registry::default`] has span exporters `otlp`, `otlpFile`, `jaeger`, `zipkin`, `mplp`, `clickhouse` and
/// `console`, with features `kafka` and `sqlite`; metric exporters `otlp`, `otlpFile`, `remoteWrite`, `clickhouse` and `console`; log
/// exporters `otlp`, `otlpFile` and `console`; notifiers `slack`, `email` and `console`; and detector `isolation_forest`.
///
/// ```
/// use mplp_trace::module::{Registry, SpanDestination};
/// use mplp_trace::{TraceConfig, TraceModule};
/// use mplp_trace::core::testing::CaptureExporter;
///
/// let capture = CaptureExporter::new();
/// let mine = capture.clone();
/// let mut registry = Registry::default();
/// registry.span_exporter("capture", move |_config| {
///     Ok(Some(SpanDestination { exporter: Box::new(mine.clone()), config: Default::default() }))
/// });
/// let module = TraceModule::builder().config(TraceConfig::default()).registry(registry).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    spans: Factories<Vec<SpanPart>>,
    metrics: Factories<Vec<MetricPart>>,
    logs: Factories<Vec<LogPart>>,
    notifiers: Factories<Vec<Arc<dyn Notifier>>>,
    detectors: Factories<Box<dyn Detector>>,
}

impl Default for Registry {
    fn default() -> Self {
        let mut registry = Self::empty();
        builtin::register(&mut registry);
        registry
    }
}

impl Registry {
    /// Knows no kind.
    pub fn empty() -> Self {
        Self {
            spans: BTreeMap::new(),
            metrics: BTreeMap::new(),
            logs: BTreeMap::new(),
            notifiers: BTreeMap::new(),
            detectors: BTreeMap::new(),
        }
    }

    /// Registers a kind of span exporter. The kind is the destination's name in the ledger.
    pub fn span_exporter(
        &mut self,
        kind: impl Into<String>,
        factory: impl Fn(&TraceConfig) -> Result<Option<SpanDestination>, BuildError> + Send + Sync + 'static,
    ) {
        let kind = kind.into();
        self.span_parts(kind.clone(), move |config| {
            let part =
                |destination| SpanPart { name: kind.clone(), destination, reader: None, remarks: None };
            Ok(factory(config)?.map(part).into_iter().collect())
        });
    }

    pub(super) fn span_parts(
        &mut self,
        kind: impl Into<String>,
        factory: impl Fn(&TraceConfig) -> Result<Vec<SpanPart>, BuildError> + Send + Sync + 'static,
    ) {
        self.spans.insert(kind.into(), Arc::new(factory));
    }

    /// Registers a kind of metric exporter. The destination's name in the ledger is the kind and `_metrics`.
    pub fn metric_exporter(
        &mut self,
        kind: impl Into<String>,
        factory: impl Fn(&TraceConfig) -> Result<Option<MetricDestination>, BuildError> + Send + Sync + 'static,
    ) {
        let kind = kind.into();
        self.metric_parts(kind.clone(), move |config| {
            let part = |destination| MetricPart { name: kind.clone(), destination, remarks: None };
            Ok(factory(config)?.map(part).into_iter().collect())
        });
    }

    pub(super) fn metric_parts(
        &mut self,
        kind: impl Into<String>,
        factory: impl Fn(&TraceConfig) -> Result<Vec<MetricPart>, BuildError> + Send + Sync + 'static,
    ) {
        self.metrics.insert(kind.into(), Arc::new(factory));
    }

    /// Registers a kind of log exporter. The destination's name in the ledger is the kind and `_logs`.
    pub fn log_exporter(
        &mut self,
        kind: impl Into<String>,
        factory: impl Fn(&TraceConfig) -> Result<Option<LogDestination>, BuildError> + Send + Sync + 'static,
    ) {
        let kind = kind.into();
        self.log_parts(kind.clone(), move |config| {
            let part = |destination| LogPart { name: kind.clone(), destination, remarks: None };
            Ok(factory(config)?.map(part).into_iter().collect())
        });
    }

    pub(super) fn log_parts(
        &mut self,
        kind: impl Into<String>,
        factory: impl Fn(&TraceConfig) -> Result<Vec<LogPart>, BuildError> + Send + Sync + 'static,
    ) {
        self.logs.insert(kind.into(), Arc::new(factory));
    }

    /// Registers a kind of channel. It may make several channels, such as one for each recipient.
    pub fn notifier(
        &mut self,
        kind: impl Into<String>,
        factory: impl Fn(&TraceConfig) -> Result<Vec<Arc<dyn Notifier>>, BuildError> + Send + Sync + 'static,
    ) {
        self.notifiers.insert(kind.into(), Arc::new(factory));
    }

    /// Registers a kind of detector, a value of `anomalyDetection.aiModel.modelType`.
    pub fn detector(
        &mut self,
        kind: impl Into<String>,
        factory: impl Fn(&TraceConfig) -> Result<Box<dyn Detector>, BuildError> + Send + Sync + 'static,
    ) {
        self.detectors.insert(kind.into(), Arc::new(factory));
    }

    pub(super) fn build_spans(&self, config: &TraceConfig) -> Result<Vec<SpanPart>, BuildError> {
        wanted(&self.spans, config)
    }

    pub(super) fn build_metrics(&self, config: &TraceConfig) -> Result<Vec<MetricPart>, BuildError> {
        wanted(&self.metrics, config)
    }

    pub(super) fn build_logs(&self, config: &TraceConfig) -> Result<Vec<LogPart>, BuildError> {
        wanted(&self.logs, config)
    }

    pub(super) fn build_notifiers(&self, config: &TraceConfig) -> Result<Vec<Arc<dyn Notifier>>, BuildError> {
        let mut all = Vec::new();
        for factory in self.notifiers.values() {
            all.extend(factory(config)?);
        }
        Ok(all)
    }

    pub(super) fn build_detector(
        &self,
        kind: &str,
        config: &TraceConfig,
    ) -> Result<Box<dyn Detector>, BuildError> {
        match self.detectors.get(kind) {
            Some(factory) => factory(config),
            None => {
                let known = self.detectors.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let problem = format!("no detector {kind:?} is registered; known: {known}");
                Err(BuildError::message("anomalyDetection.aiModel.modelType", problem))
            }
        }
    }
}

fn wanted<T>(factories: &Factories<Vec<T>>, config: &TraceConfig) -> Result<Vec<T>, BuildError> {
    let mut all = Vec::new();
    for factory in factories.values() {
        all.extend(factory(config)?);
    }
    Ok(all)
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("span_exporters", &self.spans.keys())
            .field("metric_exporters", &self.metrics.keys())
            .field("log_exporters", &self.logs.keys())
            .field("notifiers", &self.notifiers.keys())
            .field("detectors", &self.detectors.keys())
            .finish()
    }
}
