//! Putting a module together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use trace_core::analyze::{MeasureProcessor, RedWindows};
use trace_core::clock::Clock;
use trace_core::detect::{DetectionConfig, DetectionStage};
use trace_core::metric::{
    Aggregation, InstrumentKind, MeterRegistry, ProcessSampler, RegistryOptions, TemporalityPreference, View,
    register_process_metrics, register_system_metrics,
};
use trace_core::model::{KeyValue, Resource, Scope, SpanId, Timestamp, TraceId};
use trace_core::pipeline::{DestinationConfig, Pipeline, PipelineBuilder};
use trace_core::record::{Recorder, SpanLimits, current_context};
use trace_core::resource::detect;
use trace_core::sample::Adaptive;
use trace_core::sample::tail::{AnomalousTraces, TailSampler};
use trace_core::service::{HealthCheck, OpenSpansHealth, TracingService};
use trace_core::signal::{Detector, Notifier, SpanExporter, SpanProcessor};
use trace_core::store::{AnomalyLog, MemoryStore, MemoryStoreConfig, SpanReader};

use super::health::{
    AlertingHealth, ConfigurationHealth, MetricsHealth, Off, Said, SamplingHealth, TracingHealth,
};
use super::receivers::Receivers;
use super::registry::{MetricPart, Registry, SpanDestination};
use super::sampling::{self, Head};
use super::{BuildError, TraceModule, alerting, delivery, logs, metric_hook, processing, self_metrics};
use crate::config::{Loaded, ModelType, OpenTelemetryConfig, TenancyConfig, TraceConfig};
use crate::error::ConfigWarning;

/// The name of the embedded store in the ledger.
const MEMORY: &str = "memory";

/// Destinations whose spans can be read back, by name.
type Readers = BTreeMap<String, Arc<dyn SpanReader>>;

/// Collects what a [`TraceModule`] is made of besides its configuration.
#[must_use = "a builder does nothing until `build`"]
#[derive(Default)]
pub struct TraceModuleBuilder {
    config: TraceConfig,
    warnings: Vec<ConfigWarning>,
    registry: Registry,
    processors: Vec<Box<dyn SpanProcessor>>,
    spans: Vec<(String, SpanDestination)>,
    notifiers: Vec<Arc<dyn Notifier>>,
    detector: Option<Box<dyn Detector>>,
    detection: DetectionConfig,
    checks: Vec<Arc<dyn HealthCheck>>,
}

impl TraceModuleBuilder {
    /// The configuration, alone or as it was loaded, with its warnings; the defaults if this is not called.
    pub fn config(mut self, config: impl Into<Loaded>) -> Self {
        let (config, warnings) = config.into();
        self.config = config;
        self.warnings.extend(warnings);
        self
    }

    /// What the configuration asks for and will not get, besides what was loaded with it: the parts concerned call
    /// themselves degraded.
    pub fn warnings(mut self, warnings: Vec<ConfigWarning>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// What builds the parts that the configuration names; [`Registry::default`] if this is not called.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Adds a destination for spans under a name of its own.
    pub fn span_exporter(mut self, name: impl Into<String>, exporter: impl SpanExporter + 'static) -> Self {
        let destination =
            SpanDestination { exporter: Box::new(exporter), config: DestinationConfig::default() };
        self.spans.push((name.into(), destination));
        self
    }

    /// Adds a step that every batch of spans passes before it is measured and sent.
    pub fn processor(mut self, processor: impl SpanProcessor + 'static) -> Self {
        self.processors.push(Box::new(processor));
        self
    }

    /// Adds a channel.
    pub fn notifier(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.notifiers.push(notifier);
        self
    }

    /// Replaces the detector that the configuration names.
    pub fn detector(mut self, detector: Box<dyn Detector>) -> Self {
        self.detector = Some(detector);
        self
    }

    /// When verdicts become an anomaly.
    pub fn detection(mut self, config: DetectionConfig) -> Self {
        self.detection = config;
        self
    }

    /// Adds a part without which the application does not do its job, such as its database, to the health.
    pub fn required_check(mut self, part: Arc<dyn HealthCheck>) -> Self {
        self.checks.push(part);
        self
    }

    /// Starts everything.
    ///
    /// # Errors
    /// A part that cannot be built as it is configured, by its key; a thread that the system refuses.
    pub fn build(mut self) -> Result<TraceModule, BuildError> {
        let config = &self.config;
        let resource = resource(&config.opentelemetry);
        let tenancy = config.tenancy.as_ref().map(TenancyConfig::build);
        let windows = Arc::new(RedWindows::default());
        let store = MemoryStore::new(MemoryStoreConfig {
            max_bytes: usize::try_from(config.store.max_bytes).unwrap_or(usize::MAX),
            ..MemoryStoreConfig::default()
        });
        let clock = Clock::system();
        let options = RegistryOptions {
            exemplar_filter: config.opentelemetry.metrics.exemplar_filter,
            views: match config.opentelemetry.metrics.exponential_histograms {
                true => vec![View::of_kind(InstrumentKind::Histogram).aggregation(Aggregation::EXPONENTIAL)],
                false => Vec::new(),
            },
            // So that exemplars lie within their spans.
            clock: Some(clock.clone()),
            ..RegistryOptions::default()
        };
        let metrics = MeterRegistry::with_options(Arc::new(resource.clone()), options)
            .map_err(|e| BuildError::part("opentelemetry.metrics", e))?;
        metrics.set_exemplar_source(current_exemplar);
        let process = Arc::new(ProcessSampler::new());

        let head = Head::build(&config.opentelemetry)?;
        let marks = AnomalousTraces::default();
        let tail = match &config.opentelemetry.tracing.sampling.tail {
            Some(tail) => Some(sampling::tail(tail, head.unmarked, &marks)?),
            None => None,
        };
        let (adaptive, remote) = (head.adaptive, head.remote);
        let recorder = Recorder::builder()
            .resource(resource)
            .clock(clock)
            .limits(config.opentelemetry.tracing.limits.apply_to(SpanLimits::default()))
            .sampler(head.sampler);
        let mut measuring = Pipeline::builder().recorder(recorder);
        if let Some(tenancy) = &tenancy {
            measuring = measuring.tenants(tenancy.clone());
        }
        let measuring = self.processors(measuring, &windows, adaptive, tail.as_ref())?;
        let (pipeline, readers, said) = self.pipeline(measuring, &store, &metrics)?;
        let reader = self.reader(&store, readers)?;
        let receivers = Receivers::build(&self.config.receivers, &pipeline)?;
        let mut notifiers = self.registry.build_notifiers(&self.config)?;
        notifiers.append(&mut self.notifiers);
        let alerts = alerting::start(&self.config, notifiers, &self.warnings)?;
        let sink = alerts.as_ref().map(|router| alerting::sink(router, tenancy.as_ref()));

        let anomalies = Arc::new(AnomalyLog::default());
        let detection = match self.build_detector()? {
            None => None,
            Some(detector) => {
                let mut stage = DetectionStage::builder(detector)
                    .windows(windows.clone())
                    .anomaly_log(anomalies.clone())
                    .config(self.detection.clone());
                if let Some(sink) = &sink {
                    stage = stage.alert_sink(sink.clone());
                }
                if tail.is_some() {
                    stage = stage.mark_traces(marks);
                }
                Some(Arc::new(stage.start()?))
            }
        };

        let own = metrics.meter(Scope::from_static("mplp-trace", env!("CARGO_PKG_VERSION")));
        if self.config.opentelemetry.metrics.enabled {
            register_process_metrics(&own, process.clone())?;
            if self.config.opentelemetry.metrics.system {
                register_system_metrics(&own)?;
            }
            pipeline.register_metrics(&own)?;
            if let Some(alerts) = &alerts {
                self_metrics::register_alerting(&own, alerts)?;
            }
            if let Some(stage) = &detection {
                self_metrics::register_detection(&own, stage)?;
            }
            receivers.register(&own)?;
        }

        let mut service = TracingService::builder()
            .span_reader(reader.clone())
            .windows(windows.clone())
            .anomaly_log(anomalies)
            .metric_hook(metric_hook::hook(&metrics))
            .required_check(Arc::new(TracingHealth(pipeline.ledger_reader(), said)))
            .required_check(Arc::new(store.clone()))
            .optional_check(windows.clone())
            .optional_check(Arc::new(OpenSpansHealth(pipeline.recorder().clone())))
            .optional_check(Arc::new(MetricsHealth(metrics.clone())));
        service = match &detection {
            Some(stage) => service.optional_check(stage.clone()),
            None => service.optional_check(Arc::new(Off("anomaly_detection"))),
        };
        service = match (&alerts, sink) {
            (Some(alerts), Some(sink)) => {
                service.alert_sink(sink).optional_check(Arc::new(AlertingHealth(alerts.clone())))
            }
            _ => service.optional_check(Arc::new(Off("alerting"))),
        };
        if let Some(remote) = &remote {
            service = service.optional_check(Arc::new(SamplingHealth(remote.sampler.clone())));
        }
        if let Some(health) = receivers.health() {
            service = service.optional_check(health);
        }
        for part in self.checks {
            service = service.required_check(part);
        }
        if !self.warnings.is_empty() {
            service = service.optional_check(Arc::new(ConfigurationHealth(self.warnings.clone())));
        }
        Ok(TraceModule {
            service: service.build(),
            config: self.config,
            warnings: self.warnings,
            pipeline: Arc::new(pipeline),
            metrics,
            windows,
            store,
            reader,
            detection,
            alerts,
            process,
            tail,
            remote,
            receivers,
        })
    }

    /// The steps that every batch passes, in their order.
    fn processors(
        &mut self,
        mut builder: PipelineBuilder,
        windows: &Arc<RedWindows>,
        adaptive: Option<Adaptive>,
        tail: Option<&TailSampler>,
    ) -> Result<PipelineBuilder, BuildError> {
        for processor in self.processors.drain(..) {
            builder = builder.processor(processor);
        }
        builder = processing::add(builder, &self.config.processing)?;
        builder = builder.processor(MeasureProcessor::new(windows.clone()));
        if let Some(adaptive) = adaptive {
            builder = builder.processor(adaptive.counter());
        }
        // Last: what is in front of it sees every span, and what it holds back goes nowhere.
        Ok(match tail {
            Some(tail) => builder.processor(tail.clone()),
            None => builder,
        })
    }

    fn pipeline(
        &mut self,
        builder: PipelineBuilder,
        store: &MemoryStore,
        metrics: &MeterRegistry,
    ) -> Result<(Pipeline, Readers, Said), BuildError> {
        let otel = &self.config.opentelemetry;
        // What is read back at once need not wait for others to travel with.
        let at_once = DestinationConfig { max_delay: Duration::ZERO, ..DestinationConfig::default() };
        let mut builder =
            builder.recording(otel.tracing.enabled).export_spans_with(MEMORY, store.clone(), at_once);
        let mut said = Said::new();
        builder = logs::add(builder, &self.registry, &self.config, &mut said)?;
        let mut readers = Readers::default();
        if otel.tracing.enabled {
            let deliveries = otel.tracing.exporters.deliveries().collect();
            let parts = self.registry.build_spans(&self.config)?;
            said.extend(parts.iter().filter_map(|p| Some((p.name.clone(), p.remarks.clone()?))));
            for mut part in delivery::spans(parts, &deliveries)? {
                readers.extend(part.reader.take().map(|reader| (part.name.clone(), reader)));
                builder =
                    builder.export_spans_with(&part.name, part.destination.exporter, part.destination.config);
            }
            for (name, d) in self.spans.drain(..) {
                builder = builder.export_spans_with(&name, d.exporter, d.config);
            }
        }
        if otel.metrics.enabled {
            let deliveries = otel.metrics.exporters.deliveries().collect();
            let parts = self.registry.build_metrics(&self.config)?;
            let remarks = |p: &MetricPart| Some((format!("{}_metrics", p.name), p.remarks.clone()?));
            said.extend(parts.iter().filter_map(remarks));
            for part in delivery::metrics(parts, &deliveries)? {
                let (name, d) = (format!("{}_metrics", part.name), part.destination);
                builder = builder.export_metrics_with(&name, d.exporter, d.config);
                if d.temporality != TemporalityPreference::Cumulative {
                    let reader = metrics.reader(d.temporality);
                    builder = builder.collect_for(&name, move || reader.collect(Timestamp::now()));
                }
            }
            let interval = otel.metrics.exporters.otlp.as_ref().map_or(otel.metrics.interval, |o| o.interval);
            let metrics = metrics.clone();
            builder = builder.collect_metrics(interval, move || metrics.collect(Timestamp::now()));
        }
        Ok((builder.start()?, readers, said))
    }

    /// Where the API finds traces.
    fn reader(&self, store: &MemoryStore, mut readers: Readers) -> Result<Arc<dyn SpanReader>, BuildError> {
        let Some(name) = self.config.store.read_from.as_ref().filter(|name| *name != MEMORY) else {
            return Ok(Arc::new(store.clone()));
        };
        readers.remove(name).ok_or_else(|| {
            let message = format!("{name:?} is no store that is on and can be read");
            BuildError::message("store.readFrom", message)
        })
    }

    fn build_detector(&mut self) -> Result<Option<Box<dyn Detector>>, BuildError> {
        let settings = &self.config.anomaly_detection;
        if !settings.enabled {
            return Ok(None);
        }
        let kind = match settings.ai_model.model_type {
            ModelType::IsolationForest => "isolation_forest",
        };
        match self.detector.take() {
            Some(detector) => Ok(Some(detector)),
            None => self.registry.build_detector(kind, &self.config).map(Some),
        }
    }
}

impl std::fmt::Debug for TraceModuleBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceModuleBuilder")
            .field("config", &self.config)
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}

/// What the process finds out about itself, then what the configuration says, then the service.
pub(super) fn resource(otel: &OpenTelemetryConfig) -> Resource {
    let service = &otel.service;
    let optional = [("service.version", &service.version), ("service.namespace", &service.namespace)];
    let optional = optional.into_iter().filter_map(|(key, v)| Some(KeyValue::new(key, v.clone()?)));
    let known = [
        KeyValue::new("service.name", service.name.clone()),
        KeyValue::new("deployment.environment.name", service.environment.clone()),
        KeyValue::new("process.pid", i64::from(std::process::id())),
    ];
    let given = otel.resource.attributes.iter().map(|(k, v)| KeyValue::new(k.clone(), v.clone()));
    detect(&otel.resource.detectors)
        .merge(&Resource::new(given))
        .merge(&Resource::new(known.into_iter().chain(optional)))
}

fn current_exemplar() -> Option<(TraceId, SpanId)> {
    current_context().filter(|c| c.is_sampled()).map(|c| (c.trace_id, c.span_id))
}
