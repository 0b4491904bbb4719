//! One context trace, from its start to its end.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use trace_core::clock::Clock;
use trace_core::model::{
    BaselineComparison, Evidence, PerformanceTargets, SpanContext, SpanId, TenantId, Timestamp, TraceId,
    TraceIds,
};
use trace_core::record::Span;

use super::request::ContextMetrics;
use crate::baseline::{BaselineKey, PerformanceBaseline};
use crate::context::{AlertThresholds, ContextRef, ContextType, MonitoringLevel, MonitoringRule};

/// How a context trace ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Completed,
    Failed,
    Cancelled,
}

/// One context trace. What it is never changes; what happens to it is behind the lock.
#[derive(Debug)]
pub(super) struct OpenTrace {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    /// What the operation's spans become children of; `None` if nothing is recorded.
    pub(super) span_context: Option<SpanContext>,
    /// Whether the trace began before this span.
    pub(super) has_parent: bool,
    pub(super) tenant: TenantId,
    pub(super) context: ContextRef,
    pub(super) context_type: ContextType,
    pub(super) operation: String,
    pub(super) level: MonitoringLevel,
    pub(super) expected: Option<PerformanceBaseline>,
    pub(super) baseline_key: BaselineKey,
    pub(super) start_ticks: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) span: Span,
    pub(super) setup: Option<Setup>,
    /// What has raised its alert.
    pub(super) fired: BTreeSet<String>,
    pub(super) metrics: Option<ContextMetrics>,
    /// Against the baseline as it was before this operation became part of it.
    pub(super) comparison: Option<BaselineComparison>,
    /// The limits that were crossed.
    pub(super) breaches: Vec<Evidence>,
    pub(super) ended: Option<(End, Timestamp)>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Setup {
    pub(super) rules: Vec<MonitoringRule>,
    pub(super) thresholds: AlertThresholds,
    pub(super) targets: PerformanceTargets,
}

/// Everything that does not change.
pub(super) struct Identity {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) has_parent: bool,
    pub(super) tenant: TenantId,
    pub(super) context: ContextRef,
    pub(super) context_type: ContextType,
    pub(super) operation: String,
    pub(super) level: MonitoringLevel,
    pub(super) expected: Option<PerformanceBaseline>,
    pub(super) baseline_key: BaselineKey,
    pub(super) start_ticks: u64,
}

impl OpenTrace {
    pub(super) fn new(id: Identity, span: Span) -> Self {
        Self {
            trace_id: id.trace_id,
            span_id: id.span_id,
            span_context: span.context().cloned(),
            has_parent: id.has_parent,
            tenant: id.tenant,
            context: id.context,
            context_type: id.context_type,
            operation: id.operation,
            level: id.level,
            expected: id.expected,
            baseline_key: id.baseline_key,
            start_ticks: id.start_ticks,
            state: Mutex::new(State {
                span,
                setup: None,
                fired: BTreeSet::new(),
                metrics: None,
                comparison: None,
                breaches: Vec::new(),
                ended: None,
            }),
        }
    }

    pub(super) fn ids(&self) -> TraceIds {
        TraceIds { trace_id: self.trace_id, span_id: Some(self.span_id) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn start(&self, clock: &Clock) -> Timestamp {
        Timestamp::from_unix_nanos(clock.to_unix_nanos(self.start_ticks))
    }

    /// From the start until now. Both ends are read from the same counter, so a change of the system clock
    /// meanwhile makes no difference.
    pub(super) fn elapsed(&self, clock: &Clock) -> Duration {
        let now = clock.ticks();
        Duration::from_nanos(clock.to_unix_nanos(now).saturating_sub(clock.to_unix_nanos(self.start_ticks)))
    }
}
