//! How an integration is put together.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use trace_core::metric::{InvalidInstrument, MeterRegistry};
use trace_core::model::TenantId;
use trace_core::record::Recorder;
use trace_core::signal::AlertSink;
use trace_core::store::SpanReader;

use super::instruments::Instruments;
use super::service::{MonitoringContextIntegration, Shared};
use super::switches::IntegrationSwitches;
use super::table::TraceTable;
use crate::baseline::{BaselineConfig, BaselineStore};
use crate::context::ContextType;
use crate::profile::{ContextProfile, ProfileResolver};
use crate::provider::ContextProvider;

/// Brings recorded spans into the store.
pub(super) type Flush = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Settings of a [`MonitoringContextIntegration`].
#[must_use = "nothing is monitored before `build`"]
pub struct IntegrationBuilder {
    provider: Arc<dyn ContextProvider>,
    recorder: Recorder,
    tenant: TenantId,
    resolver: ProfileResolver,
    sink: Option<Arc<dyn AlertSink>>,
    registry: Option<MeterRegistry>,
    reader: Option<Arc<dyn SpanReader>>,
    flush: Option<Flush>,
    baselines: BaselineConfig,
    switches: IntegrationSwitches,
    step_timeout: Duration,
    max_open_traces: usize,
    max_finished_traces: usize,
    max_context_ids: usize,
}

impl IntegrationBuilder {
    pub(super) fn new(provider: Arc<dyn ContextProvider>, recorder: Recorder) -> Self {
        Self {
            provider,
            recorder,
            tenant: TenantId::default(),
            resolver: ProfileResolver::new(),
            sink: None,
            registry: None,
            reader: None,
            flush: None,
            baselines: BaselineConfig::default(),
            switches: IntegrationSwitches::default(),
            step_timeout: Duration::from_secs(1),
            max_open_traces: 100_000,
            max_finished_traces: 1_000,
            max_context_ids: 200,
        }
    }

    /// The tenant of the first handle; the default tenant otherwise.
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = tenant;
        self
    }

    /// What is on; everything by default.
    pub fn switches(mut self, switches: IntegrationSwitches) -> Self {
        self.switches = switches;
        self
    }

    /// What contexts of a type want unless they say otherwise.
    pub fn profile(mut self, context_type: ContextType, profile: ContextProfile) -> Self {
        self.resolver.register(context_type, profile);
        self
    }

    /// Where alerts go. Without one, none are raised.
    pub fn alerts(mut self, sink: Arc<dyn AlertSink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Where metrics are kept. Without one, none are.
    pub fn metrics(mut self, registry: &MeterRegistry) -> Self {
        self.registry = Some(registry.clone());
        self
    }

    /// Where ended spans are read from for the analysis. Without one, an analysis knows the operation as a whole
    /// but nothing of its parts. Spans reach a store a moment after they end: see
    /// [`flush_before_analysis`](Self::flush_before_analysis).
    pub fn spans(mut self, reader: Arc<dyn SpanReader>) -> Self {
        self.reader = Some(reader);
        self
    }

    /// Runs before spans are read for an analysis, so that those that ended just now are in the store; usually a
    /// flush of the pipeline on a blocking thread. The caller of a monitored operation waits for it, at most for
    /// the [`step_timeout`](Self::step_timeout).
    pub fn flush_before_analysis<F, Fut, E>(mut self, flush: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        self.flush = Some(Arc::new(move || {
            let flushing = flush();
            async move { flushing.await.map_err(|e| e.to_string()) }.boxed()
        }));
        self
    }

    /// How many baselines are kept, and for how long.
    pub fn baselines(mut self, config: BaselineConfig) -> Self {
        self.baselines = config;
        self
    }

    /// How long the provider, the store and the flush may each take; 1 s by default. Within a Tokio runtime its time
    /// driver has to be enabled; outside of one there is no timer and no limit.
    pub fn step_timeout(mut self, limit: Duration) -> Self {
        self.step_timeout = limit;
        self
    }

    /// How many context traces may be open at once; 100 000 by default.
    pub fn max_open_traces(mut self, limit: usize) -> Self {
        self.max_open_traces = limit;
        self
    }

    /// How many finished context traces can still be analysed; 1000 by default.
    pub fn max_finished_traces(mut self, limit: usize) -> Self {
        self.max_finished_traces = limit;
        self
    }

    /// How many context ids become metric attributes, the first to come; 200 by default. The rest share `other`.
    pub fn max_context_ids(mut self, limit: usize) -> Self {
        self.max_context_ids = limit;
        self
    }

    /// Puts it together.
    ///
    /// # Errors
    /// If the registry has other instruments under the names of ours.
    pub fn build(self) -> Result<MonitoringContextIntegration, InvalidInstrument> {
        let ids = self.switches.context_metrics_correlation.then_some(self.max_context_ids);
        let instruments = self.registry.as_ref().map(|r| Instruments::new(r, ids)).transpose()?;
        let shared = Shared {
            recorder: self.recorder,
            provider: self.provider,
            resolver: self.resolver,
            sink: self.sink,
            instruments,
            reader: self.reader,
            flush: self.flush,
            baselines: BaselineStore::new(self.baselines),
            traces: TraceTable::new(self.max_open_traces, self.max_finished_traces),
            switches: self.switches,
            step_timeout: self.step_timeout,
            failures: AtomicU64::new(0),
            alerts_rejected: AtomicU64::new(0),
        };
        Ok(MonitoringContextIntegration { shared: Arc::new(shared), tenant: self.tenant })
    }
}

impl fmt::Debug for IntegrationBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntegrationBuilder")
            .field("tenant", &self.tenant)
            .field("switches", &self.switches)
            .finish_non_exhaustive()
    }
}
