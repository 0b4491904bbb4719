//! The integration as a handle, and what all calls share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use trace_core::model::{Alert, AlertId, TenantId, TraceIds};
use trace_core::record::Recorder;
use trace_core::signal::{AlertSink, Rejected};
use trace_core::store::SpanReader;

use super::builder::{Flush, IntegrationBuilder};
use super::guarded::caught;
use super::instruments::Instruments;
use super::open::OpenTrace;
use super::switches::IntegrationSwitches;
use super::table::{Found, TraceTable};
use crate::baseline::BaselineStore;
use crate::context::ContextRef;
use crate::error::IntegrationError;
use crate::profile::ProfileResolver;
use crate::provider::ContextProvider;

/// Monitors operations by the context they belong to.
///
/// [`monitor_context_performance`](Self::monitor_context_performance) makes all seven calls around an operation;
/// the calls themselves are there for code that needs another order. A handle speaks for one tenant. Cheap to
/// clone; clones share everything.
#[derive(Clone)]
pub struct MonitoringContextIntegration {
    pub(super) shared: Arc<Shared>,
    pub(super) tenant: TenantId,
}

pub(super) struct Shared {
    pub(super) recorder: Recorder,
    pub(super) provider: Arc<dyn ContextProvider>,
    pub(super) resolver: ProfileResolver,
    pub(super) sink: Option<Arc<dyn AlertSink>>,
    pub(super) instruments: Option<Instruments>,
    pub(super) reader: Option<Arc<dyn SpanReader>>,
    pub(super) flush: Option<Flush>,
    pub(super) baselines: BaselineStore,
    pub(super) traces: TraceTable,
    pub(super) switches: IntegrationSwitches,
    pub(super) step_timeout: Duration,
    pub(super) failures: AtomicU64,
    pub(super) alerts_rejected: AtomicU64,
}

/// What an integration holds, and what went wrong with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntegrationStats {
    /// Context traces that are open now, of all tenants.
    pub open_traces: usize,
    /// Baselines that are kept.
    pub baselines: usize,
    /// Steps of monitoring that failed around operations.
    pub monitoring_failures: u64,
    /// Alerts that the sink did not take.
    pub alerts_rejected: u64,
}

impl MonitoringContextIntegration {
    /// Begins to describe an integration that looks contexts up here and records there.
    pub fn builder(provider: impl ContextProvider + 'static, recorder: Recorder) -> IntegrationBuilder {
        IntegrationBuilder::new(Arc::new(provider), recorder)
    }

    /// A handle to the same integration that speaks for another tenant.
    #[must_use]
    pub fn for_tenant(&self, tenant: TenantId) -> Self {
        Self { shared: self.shared.clone(), tenant }
    }

    /// The tenant this handle speaks for.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// What has been learned about operations.
    pub fn baselines(&self) -> &BaselineStore {
        &self.shared.baselines
    }

    /// What is held, and what went wrong.
    pub fn stats(&self) -> IntegrationStats {
        IntegrationStats {
            open_traces: self.shared.traces.open_count(),
            baselines: self.shared.baselines.len(),
            monitoring_failures: self.shared.failures.load(Ordering::Relaxed),
            alerts_rejected: self.shared.alerts_rejected.load(Ordering::Relaxed),
        }
    }

    /// The open trace with these ids, which must belong to this context.
    pub(super) fn open(
        &self,
        ids: TraceIds,
        context: &ContextRef,
    ) -> Result<Arc<OpenTrace>, IntegrationError> {
        match self.shared.traces.find(&self.tenant, ids)? {
            Found::Open(t) => belongs(t, context),
            Found::Finished(t) => Err(IntegrationError::AlreadyFinished(t.ids())),
        }
    }

    /// The trace with these ids, open or not, which must belong to this context.
    pub(super) fn known(
        &self,
        ids: TraceIds,
        context: &ContextRef,
    ) -> Result<Arc<OpenTrace>, IntegrationError> {
        match self.shared.traces.find(&self.tenant, ids)? {
            Found::Open(t) | Found::Finished(t) => belongs(t, context),
        }
    }
}

fn belongs(trace: Arc<OpenTrace>, context: &ContextRef) -> Result<Arc<OpenTrace>, IntegrationError> {
    if trace.context == *context {
        return Ok(trace);
    }
    Err(IntegrationError::ContextMismatch {
        trace: trace.ids(),
        actual: trace.context.clone(),
        given: context.clone(),
    })
}

impl Shared {
    /// Hands an alert in with everything it has in common with others; `None` without a sink.
    pub(super) fn raise(
        &self,
        tenant: &TenantId,
        context: &ContextRef,
        trace: Option<&OpenTrace>,
        mut alert: Alert,
    ) -> Option<Result<AlertId, Rejected>> {
        let sink = self.sink.as_ref()?;
        alert.tenant = tenant.clone();
        if let Some(t) = trace {
            alert.trace = Some(t.ids());
            alert = alert.label("context_type", t.context_type.as_str()).label("operation", &*t.operation);
        }
        alert = match self.switches.context_metrics_correlation {
            true => alert.label("context_id", context.to_string()),
            false => alert.annotation("context_id", context.to_string()),
        };
        let outcome = caught("alert sink", || sink.raise(alert))
            .unwrap_or_else(|e| Err(Rejected::Invalid(e.to_string())));
        if outcome.is_err() {
            self.alerts_rejected.fetch_add(1, Ordering::Relaxed);
        }
        Some(outcome)
    }

    /// Notes that a step of monitoring failed.
    pub(super) fn note_failure(&self, step: &'static str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        if let Some(i) = &self.instruments {
            i.failure(step);
        }
    }
}

impl fmt::Debug for MonitoringContextIntegration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonitoringContextIntegration")
            .field("tenant", &self.tenant)
            .field("switches", &self.shared.switches)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
