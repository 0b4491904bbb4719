//! The running whole.

use std::sync::Arc;
use std::time::Duration;

use trace_alerting::AlertRouter;
use trace_core::analyze::RedWindows;
use trace_core::detect::DetectionStage;
use trace_core::metric::{MeterRegistry, ProcessSampler};
use trace_core::pipeline::{FlushError, Ledger, Pipeline};
use trace_core::record::Recorder;
use trace_core::sample::remote::RemoteSampler;
use trace_core::sample::tail::TailSampler;
use trace_core::service::TracingService;
use trace_core::store::{MemoryStore, SpanReader};

use super::builder::TraceModuleBuilder;
use super::receivers::Receivers;
use super::sampling::Remote;
use super::{BuildError, ShutdownError, ShutdownReport, global};
use crate::config::{Loaded, TraceConfig};
use crate::error::ConfigWarning;

/// How long `Drop` waits.
const DROP_LIMIT: Duration = Duration::from_secs(5);

/// Everything that a configuration asks for, running: recording, pipeline, memory, metrics, detection and alerting.
///
/// Dropping it shuts it down with a deadline of five seconds; [`TraceModule::shutdown`] also tells what became of
/// everything.
pub struct TraceModule {
    pub(super) config: TraceConfig,
    pub(super) warnings: Vec<ConfigWarning>,
    pub(super) service: TracingService,
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) metrics: MeterRegistry,
    pub(super) windows: Arc<RedWindows>,
    pub(super) store: MemoryStore,
    pub(super) reader: Arc<dyn SpanReader>,
    pub(super) detection: Option<Arc<DetectionStage>>,
    pub(super) alerts: Option<Arc<AlertRouter>>,
    pub(super) process: Arc<ProcessSampler>,
    pub(super) tail: Option<TailSampler>,
    pub(super) remote: Option<Remote>,
    #[cfg_attr(not(feature = "receivers"), allow(dead_code, reason = "nothing is received"))]
    pub(super) receivers: Receivers,
}

impl TraceModule {
    /// Starts what the configuration asks for. Takes a [`TraceConfig`], or what `TraceConfig::from_file` and its like
    /// give: then the warnings are in [`TraceModule::warnings`] and in the health.
    ///
    /// # Errors
    /// A part that cannot be built as it is configured, by its key; a thread that the system refuses.
    pub fn from_config(config: impl Into<Loaded>) -> Result<Self, BuildError> {
        Self::builder().config(config).build()
    }

    /// The default configuration, to be changed in code.
    pub fn builder() -> TraceModuleBuilder {
        TraceModuleBuilder::default()
    }

    /// Makes its recorder the one of every thread without a default of its own; with feature `otel` also that of
    /// `opentelemetry::global`. `false` if another recorder is global already, which then stays.
    pub fn set_global(&self) -> bool {
        let first = self.recorder().set_global();
        if first {
            global::install(self.recorder(), &self.metrics);
        }
        first
    }

    /// The configuration it was built from.
    pub fn config(&self) -> &TraceConfig {
        &self.config
    }

    /// What the configuration asks for and does not happen.
    pub fn warnings(&self) -> &[ConfigWarning] {
        &self.warnings
    }

    /// The five calls of the module: metrics, alerts, performance, anomalies, health.
    pub fn service(&self) -> &TracingService {
        &self.service
    }

    /// Where spans are recorded.
    pub fn recorder(&self) -> &Recorder {
        self.pipeline.recorder()
    }

    /// What takes spans to their destinations; to feed it from elsewhere, such as the official OpenTelemetry SDK
    /// (feature `otel-sdk`). It ends with the module.
    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    /// Where instruments are made.
    pub fn metrics(&self) -> &MeterRegistry {
        &self.metrics
    }

    /// Rate, errors and duration of every operation.
    pub fn windows(&self) -> &Arc<RedWindows> {
        &self.windows
    }

    /// The embedded store of recent spans.
    pub fn store(&self) -> &MemoryStore {
        &self.store
    }

    /// Where traces are read from: the embedded store, or the destination that `store.readFrom` names.
    pub fn reader(&self) -> &Arc<dyn SpanReader> {
        &self.reader
    }

    /// The alerting; `None` if it is off.
    pub fn alerts(&self) -> Option<&Arc<AlertRouter>> {
        self.alerts.as_ref()
    }

    /// The detection; `None` if it is off.
    pub fn detection(&self) -> Option<&Arc<DetectionStage>> {
        self.detection.as_ref()
    }

    /// The sampler that decides when a trace is over; `None` if it is off.
    pub fn tail_sampler(&self) -> Option<&TailSampler> {
        self.tail.as_ref()
    }

    /// The sampler that a Jaeger backend steers; `None` if there is none.
    pub fn remote_sampler(&self) -> Option<&RemoteSampler> {
        self.remote.as_ref().map(|remote| &remote.sampler)
    }

    /// Listens for what the configuration's `receivers` take, on the current Tokio runtime. Nothing is received before.
    ///
    /// # Errors
    /// If an address cannot be listened on; then none is.
    #[cfg(feature = "receivers")]
    pub async fn listen(&self) -> Result<super::Listening, super::ListenError> {
        self.receivers.listen().await
    }

    /// What this process uses.
    pub fn process(&self) -> &Arc<ProcessSampler> {
        &self.process
    }

    /// Where every span is, now.
    pub fn ledger(&self) -> Ledger {
        self.pipeline.ledger()
    }

    /// Exports everything that ended before the call. Blocks, also inside a Tokio runtime.
    ///
    /// # Errors
    /// If a destination fails to flush, or the time is up.
    pub fn flush(&self, limit: Duration) -> Result<(), FlushError> {
        self.pipeline.flush(limit)
    }

    /// Stops recording, delivers spans, lets detection look a last time, and delivers alerts. Blocks for at most the
    /// deadline and a little, also inside a Tokio runtime. A second call gives the same account.
    ///
    /// # Errors
    /// If spans, data points or notifications were lost, now or earlier; the error has the same report.
    pub fn shutdown(&self, deadline: Duration) -> Result<ShutdownReport, ShutdownError> {
        let started = std::time::Instant::now();
        if let Some(remote) = &self.remote {
            remote.stop();
        }
        let spans = match self.pipeline.shutdown(deadline) {
            Ok(report) => report,
            Err(error) => *error.report,
        };
        if let Some(stage) = &self.detection {
            stage.shutdown();
        }
        let left = deadline.saturating_sub(started.elapsed());
        let alerts = self.alerts.as_ref().map(|router| match router.shutdown(left) {
            Ok(report) => report,
            Err(error) => error.report,
        });
        let report = ShutdownReport { spans, alerts };
        if report.lost() == 0 { Ok(report) } else { Err(ShutdownError { report: Box::new(report) }) }
    }
}

impl Drop for TraceModule {
    fn drop(&mut self) {
        // Whoever wants the report calls `shutdown`.
        let _ = self.shutdown(DROP_LIMIT);
    }
}

impl std::fmt::Debug for TraceModule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceModule")
            .field("config", &self.config)
            .field("ledger", &self.ledger())
            .finish_non_exhaustive()
    }
}
