//! Building a pipeline.

use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::account::Forwarded;
use super::config::DestinationConfig;
use super::destination::Destination;
use super::handle::{Pipeline, Running};
use super::ingest_queue::IngestQueue;
use super::inside::PipelineId;
use super::ledger_reader::LedgerReader;
use super::log_worker::{LogCounts, LogWorker};
use super::metric_reader::{Collect, Collection, MetricReader};
use super::payload::{Logs, Metrics, Spans};
use super::worker::PipelineWorker;
use crate::env::EnvSettings;
use crate::log::{LogIntake, LogLimits};
use crate::model::{MetricBatch, Resource};
use crate::record::{Recorder, RecorderBuilder};
use crate::resource::{ResourceDetector, detect};
use crate::signal::{LogExporter, MetricExporter, SpanExporter, SpanProcessor};
use crate::tenant::Tenancy;

/// An interval of zero would keep a processor busy.
const SHORTEST: Duration = Duration::from_millis(1);

/// Settings of a [`Pipeline`].
pub struct PipelineBuilder {
    recorder: RecorderBuilder,
    processors: Vec<Arc<dyn SpanProcessor>>,
    /// A destination without settings of its own gets those of the environment.
    spans: Vec<(String, Box<dyn SpanExporter>, Option<DestinationConfig>)>,
    metrics: Vec<(String, Box<dyn MetricExporter>, Option<DestinationConfig>)>,
    logs: Vec<(String, Box<dyn LogExporter>, Option<DestinationConfig>)>,
    /// By the names of destinations: collections of their own.
    own_collections: Vec<(String, Collect)>,
    collect: Option<(Collect, Option<Duration>)>,
    interval: Duration,
    ingest_bytes: usize,
    log_bytes: usize,
    log_limits: Option<LogLimits>,
    tenancy: Option<Arc<Tenancy>>,
    env: EnvSettings,
    detected: Resource,
    disabled: bool,
    recording: bool,
}

impl Default for PipelineBuilder {
    fn default() -> Self {
        Self {
            recorder: Recorder::builder(),
            processors: Vec::new(),
            spans: Vec::new(),
            metrics: Vec::new(),
            logs: Vec::new(),
            own_collections: Vec::new(),
            collect: None,
            interval: Duration::from_millis(100),
            ingest_bytes: 32 << 20,
            log_bytes: 32 << 20,
            log_limits: None,
            tenancy: None,
            env: EnvSettings::default(),
            detected: Resource::default(),
            disabled: false,
            recording: true,
        }
    }
}

impl PipelineBuilder {
    /// How spans are recorded.
    #[must_use]
    pub fn recorder(mut self, recorder: RecorderBuilder) -> Self {
        self.recorder = recorder;
        self
    }

    /// Uses the `OTEL_*` variables of the process: see [`PipelineBuilder::env`]. Also finds out what the process can
    /// say about itself, with `service`, `telemetry_sdk`, `process`, `host`, `os` and `container`.
    ///
    /// Warnings about variables are in [`Pipeline::env_warnings`].
    #[must_use]
    pub fn from_env(self) -> Self {
        self.detect_resource(&ResourceDetector::ALL).env(EnvSettings::from_process())
    }

    /// Uses these variables where the program sets nothing: `OTEL_BSP_*` for destinations for spans without settings
    /// of their own, `OTEL_BLRP_*` for those for logs, `OTEL_METRIC_EXPORT_*` for metrics, `OTEL_*_LIMIT` for a recorder
    /// without limits of its own;
    /// resource attributes of the recorder win over those of the variables. `OTEL_SDK_DISABLED` wins over the program.
    ///
    /// Samplers and propagators are not built from here, since they have settings of their own.
    #[must_use]
    pub fn env(mut self, env: EnvSettings) -> Self {
        self.disabled |= env.disabled;
        self.env = env;
        self
    }

    /// Completes the resource with what these detectors find; variables and the recorder's own attributes win.
    #[must_use]
    pub fn detect_resource(mut self, detectors: &[ResourceDetector]) -> Self {
        self.detected = self.detected.merge(&detect(detectors));
        self
    }

    /// Records, delivers and starts nothing, as `OTEL_SDK_DISABLED` demands. Contexts are still passed on: a span has
    /// that of its parent.
    #[must_use]
    pub fn disabled(mut self, yes: bool) -> Self {
        self.disabled |= yes;
        self
    }

    /// Whether spans are recorded; true by default. If not, a span has the context of its parent, metrics are still
    /// collected, and an [`Ingest`](super::Ingest) still works.
    #[must_use]
    pub fn recording(mut self, yes: bool) -> Self {
        self.recording = yes;
        self
    }

    /// Adds a step that every batch passes, after those added before.
    #[must_use]
    pub fn processor(mut self, processor: impl SpanProcessor + 'static) -> Self {
        self.processors.push(Arc::new(processor));
        self
    }

    /// Whose spans and metrics these are: finds the tenant of every span before the first processor runs, holds tenants
    /// to their quotas, and gives each a fair share of every destination's queue.
    #[must_use]
    pub fn tenants(mut self, tenancy: Arc<Tenancy>) -> Self {
        self.tenancy = Some(tenancy);
        self
    }

    /// Adds a destination for spans.
    #[must_use]
    pub fn export_spans(mut self, name: &str, exporter: impl SpanExporter + 'static) -> Self {
        self.spans.push((name.to_owned(), Box::new(exporter), None));
        self
    }

    /// Adds a destination for spans that is fed in its own way.
    #[must_use]
    pub fn export_spans_with(
        mut self,
        name: &str,
        exporter: impl SpanExporter + 'static,
        config: DestinationConfig,
    ) -> Self {
        self.spans.push((name.to_owned(), Box::new(exporter), Some(config)));
        self
    }

    /// Adds a destination for metrics.
    #[must_use]
    pub fn export_metrics(mut self, name: &str, exporter: impl MetricExporter + 'static) -> Self {
        self.metrics.push((name.to_owned(), Box::new(exporter), None));
        self
    }

    /// Adds a destination for metrics that is fed in its own way.
    #[must_use]
    pub fn export_metrics_with(
        mut self,
        name: &str,
        exporter: impl MetricExporter + 'static,
        config: DestinationConfig,
    ) -> Self {
        self.metrics.push((name.to_owned(), Box::new(exporter), Some(config)));
        self
    }

    /// Adds a destination for log records.
    #[must_use]
    pub fn export_logs(mut self, name: &str, exporter: impl LogExporter + 'static) -> Self {
        self.logs.push((name.to_owned(), Box::new(exporter), None));
        self
    }

    /// Adds a destination for log records that is fed in its own way.
    #[must_use]
    pub fn export_logs_with(
        mut self,
        name: &str,
        exporter: impl LogExporter + 'static,
        config: DestinationConfig,
    ) -> Self {
        self.logs.push((name.to_owned(), Box::new(exporter), Some(config)));
        self
    }

    /// How much a log record may hold.
    #[must_use]
    pub fn log_limits(mut self, limits: LogLimits) -> Self {
        self.log_limits = Some(limits);
        self
    }

    /// How much of log records may wait for the pipeline's thread, in bytes; 32 MiB by default. What comes on top is
    /// dropped as `buffer_full`.
    #[must_use]
    pub fn log_bytes(mut self, bytes: usize) -> Self {
        self.log_bytes = bytes;
        self
    }

    /// Gives a destination for metrics a collection of its own, such as a
    /// [`MetricReader`](crate::metric::MetricReader) of deltas, at the same interval as the others. Has no effect unless
    /// metrics are collected.
    #[must_use]
    pub fn collect_for(
        mut self,
        destination: &str,
        collect: impl Fn() -> MetricBatch + Send + Sync + 'static,
    ) -> Self {
        self.own_collections.push((destination.to_owned(), Arc::new(collect)));
        self
    }

    /// Where metrics come from, and how often they are collected for the destinations.
    #[must_use]
    pub fn collect_metrics(
        mut self,
        interval: Duration,
        collect: impl Fn() -> MetricBatch + Send + Sync + 'static,
    ) -> Self {
        self.collect = Some((Arc::new(collect), Some(interval)));
        self
    }

    /// Where metrics come from; they are collected as often as `OTEL_METRIC_EXPORT_INTERVAL` says, else every minute.
    #[must_use]
    pub fn collect_metrics_by_env(
        mut self,
        collect: impl Fn() -> MetricBatch + Send + Sync + 'static,
    ) -> Self {
        self.collect = Some((Arc::new(collect), None));
        self
    }

    /// How often finished spans are taken from the threads at least; 100 ms by default.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How much may wait that was handed in through an [`Ingest`](super::Ingest), in bytes; 32 MiB by default.
    #[must_use]
    pub fn ingest_bytes(mut self, bytes: usize) -> Self {
        self.ingest_bytes = bytes;
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// If two destinations have the same name, or the operating system refuses a thread.
    pub fn start(self) -> std::io::Result<Pipeline> {
        self.check_names()?;
        let id = PipelineId::next();
        let Self { env, disabled, .. } = &self;
        let (env, disabled) = (env.clone(), *disabled);
        let resource = self.detected.merge(&env.resource());
        let mut recorder = self.recorder.or(&resource, |limits| env.limits.apply_to(limits));
        if let Some(tenancy) = &self.tenancy {
            recorder = recorder.tenant_attributes(tenancy.span_attributes().iter().cloned());
        }
        let (recorder, drain) = recorder.build();
        let log_limits = self.log_limits.unwrap_or_else(|| env.log_limits.apply_to(LogLimits::default()));
        let log_intake = Arc::new(LogIntake::new(self.log_bytes, !disabled && !self.logs.is_empty()));
        let mut reader = LedgerReader {
            recorder: recorder.clone(),
            sources: Arc::default(),
            forwarded: Arc::new(Forwarded::default()),
            logs: Arc::new(LogCounts::default()),
            log_intake: log_intake.clone(),
            accounts: Vec::new(),
            tenancy: self.tenancy.clone(),
            disabled,
            recording: self.recording,
        };
        let ingest = Arc::new(IngestQueue::new(self.ingest_bytes));
        if disabled || !self.recording {
            recorder.close();
        }
        if disabled {
            ingest.close();
            return Ok(Pipeline::new(id, reader, ingest, log_limits, None, env.warnings));
        }
        let of_env = env.batch.apply_to(DestinationConfig::default());
        let spans = self
            .spans
            .into_iter()
            .map(|(name, e, own)| Destination::start(id, &name, Spans(e), own.unwrap_or(of_env)))
            .map(|started| started.map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let of_env = DestinationConfig {
            timeout: env.metrics.export_timeout.unwrap_or(DestinationConfig::default().timeout),
            ..DestinationConfig::default()
        };
        let names: Vec<String> = self.metrics.iter().map(|m| m.0.clone()).collect();
        let metrics = self
            .metrics
            .into_iter()
            .map(|(name, e, own)| Destination::start(id, &name, Metrics(e), own.unwrap_or(of_env)))
            .map(|started| started.map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let of_env = env.log_batch.apply_to(DestinationConfig::default());
        let logs = self
            .logs
            .into_iter()
            .map(|(name, e, own)| Destination::start(id, &name, Logs(e), own.unwrap_or(of_env)))
            .map(|started| started.map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let accounts = spans.iter().map(|d| d.account()).chain(metrics.iter().map(|d| d.account()));
        let accounts = accounts.chain(logs.iter().map(|d| d.account()));
        reader.accounts = accounts.cloned().collect();

        let worker = PipelineWorker {
            pipeline: id,
            drain,
            sources: Vec::new(),
            ingest: ingest.clone(),
            tenancy: self.tenancy.clone(),
            processors: self.processors,
            destinations: spans.clone(),
            forwarded: reader.forwarded.clone(),
            logs: LogWorker {
                intake: log_intake,
                resource: recorder.resource().clone(),
                tenancy: self.tenancy.clone(),
                destinations: logs.clone(),
                counts: reader.logs.clone(),
            },
            interval: self.interval.max(SHORTEST),
        };
        let (commands, receiver) = channel();
        let thread =
            std::thread::Builder::new().name("mplp-pipeline".into()).spawn(move || worker.run(&receiver))?;
        let collection = Arc::new(OnceLock::new());
        let mut running = Running {
            commands,
            wake: thread.thread().clone(),
            thread,
            reader: None,
            spans,
            metrics,
            logs,
            collection: collection.clone(),
        };
        if let Some((collect, interval)) = self.collect.filter(|_| !running.metrics.is_empty()) {
            let interval = interval.or(env.metrics.export_interval).unwrap_or(Duration::from_secs(60));
            let reader = MetricReader {
                collections: collections(&names, &running.metrics, collect, self.own_collections),
                interval: interval.max(SHORTEST),
                pipeline: id,
                tenancy: self.tenancy,
                duration: collection,
            };
            let (tx, rx) = channel();
            let thread =
                std::thread::Builder::new().name("mplp-metrics".into()).spawn(move || reader.run(&rx))?;
            running.reader = Some((tx, thread));
        }
        Ok(Pipeline::new(id, reader, ingest, log_limits, Some(running), env.warnings))
    }

    fn check_names(&self) -> std::io::Result<()> {
        let mut names: Vec<_> = self.names().collect();
        names.sort();
        let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) else { return Ok(()) };
        let message = format!("two destinations are named {:?}: give each a name of its own", pair[0]);
        Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, message))
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.spans
            .iter()
            .map(|s| &s.0)
            .chain(self.metrics.iter().map(|m| &m.0))
            .chain(self.logs.iter().map(|l| &l.0))
    }
}

/// Who gets which collection. One that nobody gets is not made.
fn collections(
    names: &[String],
    destinations: &[Arc<Destination<MetricBatch>>],
    common: Collect,
    own: Vec<(String, Collect)>,
) -> Vec<Collection> {
    let mut all = vec![Collection { collect: common, destinations: Vec::new() }];
    for (name, destination) in names.iter().zip(destinations) {
        match own.iter().find(|(n, _)| n == name) {
            Some((_, collect)) => {
                all.push(Collection { collect: collect.clone(), destinations: vec![destination.clone()] });
            }
            None => all[0].destinations.push(destination.clone()),
        }
    }
    all.retain(|c| !c.destinations.is_empty());
    all
}

impl std::fmt::Debug for PipelineBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.names().collect();
        f.debug_struct("PipelineBuilder").field("destinations", &names).finish_non_exhaustive()
    }
}
