//! The calls that look up, start, set up, record and finish.

use std::sync::Arc;
use std::time::Duration;

use trace_core::model::{Evidence, SpanId, Status, Timestamp, TraceId, TraceIds};
use trace_core::record::{Span, current_context};

use super::alerts::findings;
use super::guarded::bounded;
use super::measured::measured;
use super::open::{End, Identity, OpenTrace, Setup};
use super::request::{
    FinishContextTrace, FinishedTrace, MetricsRecorded, RecordContextMetrics, SetupContextMonitoring,
    StartContextTrace,
};
use super::service::{MonitoringContextIntegration, Shared};
use super::span::{write_analysis, write_end};
use super::trace::ContextTrace;
use crate::baseline::BaselineKey;
use crate::context::{ContextInfo, ContextRef};
use crate::error::IntegrationError;
use crate::provider::ProviderError;

/// The longest name of an operation, in bytes.
const MAX_OPERATION_NAME: usize = 256;
/// Rules and thresholds of one trace.
const MAX_RULES: usize = 256;

impl MonitoringContextIntegration {
    /// What is known of a context. While contexts are not looked up (`contextAwareMonitoring` off) the built-in
    /// values.
    ///
    /// # Errors
    /// As the provider says, or [`ProviderError::Timeout`].
    pub async fn get_context_info(&self, context: &ContextRef) -> Result<ContextInfo, ProviderError> {
        let shared = &self.shared;
        if !shared.switches.context_aware_monitoring {
            return Ok(shared.resolver.built_in(&self.tenant, context));
        }
        let asked = bounded("context provider", shared.step_timeout, async {
            shared.provider.context(&self.tenant, context).await
        });
        let record = match asked.await {
            Ok(answer) => answer?,
            Err(IntegrationError::Timeout { limit, .. }) => return Err(ProviderError::Timeout(limit)),
            Err(e) => return Err(ProviderError::Unavailable { message: e.to_string(), retry_after: None }),
        };
        Ok(shared.resolver.resolve(&self.tenant, context, &record.monitoring))
    }

    /// Starts a span for an operation of a context, below the active span if there is one.
    ///
    /// # Errors
    /// An unusable operation name, or too many open context traces.
    pub fn start_context_trace(&self, start: StartContextTrace) -> Result<ContextTrace, IntegrationError> {
        let shared = &self.shared;
        let name = start.operation_name;
        if name.trim().is_empty() || name.len() > MAX_OPERATION_NAME {
            return Err(IntegrationError::InvalidOperationName(name.chars().take(64).collect()));
        }
        shared.traces.check_room()?;
        let has_parent = current_context().is_some();
        let start_ticks = shared.recorder.clock().ticks();
        let mut builder = shared
            .recorder
            .span(name.clone())
            .attribute("mplp.tenant.id", self.tenant.as_str().to_owned())
            .attribute("mplp.context.id", start.context.to_string())
            .attribute("mplp.context.type", start.context_type.as_str().to_owned())
            .attribute("mplp.priority", start.priority.as_str())
            .attribute("mplp.monitoring.level", start.monitoring_level.as_str());
        if let Some(expected) = &start.expected_performance {
            builder = builder.attribute("mplp.expected.duration_p95_ms", expected.duration_ms.p95);
        }
        let span = builder.start();
        let (trace_id, span_id) = ids_of(&span);
        let context_type = shared.switches.performance_by_context.then(|| start.context_type.clone());
        let identity = Identity {
            trace_id,
            span_id,
            has_parent,
            tenant: self.tenant.clone(),
            context: start.context,
            context_type: start.context_type,
            baseline_key: BaselineKey { tenant: self.tenant.clone(), context_type, operation: name.clone() },
            operation: name,
            level: start.monitoring_level,
            expected: start.expected_performance,
            start_ticks,
        };
        let open = Arc::new(OpenTrace::new(identity, span));
        shared.traces.insert(open.clone())?;
        Ok(ContextTrace { integration: self.clone(), open })
    }

    /// Watches an open trace for these rules, thresholds and targets, instead of those set up before. What has
    /// fired already does not fire again.
    ///
    /// # Errors
    /// A trace that is unknown, finished or of another context; a rule that cannot be used.
    pub fn setup_context_monitoring(&self, setup: SetupContextMonitoring) -> Result<(), IntegrationError> {
        let open = self.open(setup.trace, &setup.context)?;
        let setup = Setup {
            rules: setup.monitoring_rules,
            thresholds: setup.alert_thresholds,
            targets: setup.performance_targets,
        };
        check(&setup)?;
        open.state().setup = Some(setup);
        Ok(())
    }

    /// Records how the operation of an open trace went: duration metric, baseline, and the alerts of what was set
    /// up. Never waits. The first call for a trace makes the baseline learn; later ones replace the values.
    ///
    /// # Errors
    /// A trace that is unknown, finished or of another context. An alert that nobody takes is no error: the
    /// return value names it.
    pub fn record_context_metrics(
        &self,
        record: RecordContextMetrics,
    ) -> Result<MetricsRecorded, IntegrationError> {
        let open = self.open(record.trace, &record.context)?;
        let (shared, metrics) = (&self.shared, record.metrics);
        let now = shared.recorder.clock().now();
        let duration_ms = metrics.duration.as_secs_f64() * 1e3;
        let comparison = shared.baselines.compare(&open.baseline_key, duration_ms, now);
        let first = {
            let mut state = open.state();
            if state.ended.is_some() {
                return Err(IntegrationError::AlreadyFinished(open.ids()));
            }
            let first = state.metrics.replace(metrics.clone()).is_none();
            if first {
                state.comparison = comparison;
            }
            first
        };
        if first {
            match metrics.success {
                true => shared.baselines.observe(&open.baseline_key, duration_ms, now),
                false => shared.baselines.observe_failure(&open.baseline_key, now),
            }
            if let Some(i) = &shared.instruments {
                i.duration(&open, metrics.duration, metrics.success);
            }
        }
        let baseline = shared.baselines.state(&open.baseline_key, now);
        Ok(self.raise_findings(&open, &measured(&metrics, &baseline), &baseline, now))
    }

    fn raise_findings(
        &self,
        open: &OpenTrace,
        measured: &std::collections::BTreeMap<String, f64>,
        baseline: &crate::baseline::BaselineState,
        now: Timestamp,
    ) -> MetricsRecorded {
        let mut recorded = MetricsRecorded::default();
        let Some(setup) = open.state().setup.clone() else { return recorded };
        let found = findings(open, &setup, measured, baseline, now);
        // The lock is not held while the sink runs, which may call back.
        let fresh: Vec<_> = {
            let mut state = open.state();
            let fresh: Vec<_> = found.into_iter().filter(|f| state.fired.insert(f.key.clone())).collect();
            let evidence: Vec<Evidence> = fresh.iter().map(|f| f.evidence.clone()).collect();
            state.breaches.extend(evidence);
            fresh
        };
        if !self.shared.switches.context_based_alerting {
            return recorded;
        }
        for finding in fresh {
            match self.shared.raise(&self.tenant, &open.context, Some(open), finding.alert) {
                Some(Ok(id)) => recorded.raised.push(id),
                Some(Err(rejected)) => recorded.rejected.push(rejected),
                None => {}
            }
        }
        recorded
    }

    /// Ends a context trace; its rules are gone with it.
    ///
    /// # Errors
    /// [`IntegrationError::AlreadyFinished`] the second time; a trace that is unknown.
    pub fn finish_context_trace(
        &self,
        trace: TraceIds,
        outcome: FinishContextTrace,
    ) -> Result<FinishedTrace, IntegrationError> {
        let open = match self.shared.traces.find(&self.tenant, trace)? {
            super::table::Found::Open(t) => t,
            super::table::Found::Finished(t) => return Err(IntegrationError::AlreadyFinished(t.ids())),
        };
        let end = if outcome.success { End::Completed } else { End::Failed };
        let ended = self.shared.end(&open, end, |span, duration| {
            if let Some(analysis) = &outcome.performance_analysis {
                write_analysis(span, open.level, analysis, duration.as_secs_f64() * 1e3);
            }
            if !outcome.success {
                span.set_status(Status::Error("operation failed".into()));
            }
        });
        ended.ok_or(IntegrationError::AlreadyFinished(open.ids()))
    }
}

impl Shared {
    /// Ends a trace, after `write` has had its way with the span; `None` if it had ended before.
    pub(super) fn end(
        &self,
        open: &Arc<OpenTrace>,
        end: End,
        write: impl FnOnce(&Span, Duration),
    ) -> Option<FinishedTrace> {
        let clock = self.recorder.clock();
        let duration = open.elapsed(clock);
        let span = {
            let mut state = open.state();
            if state.ended.is_some() {
                return None;
            }
            state.ended = Some((end, open.start(clock) + duration));
            write(&state.span, duration);
            write_end(open, &state, end, duration.as_secs_f64() * 1e3);
            // The rules go with the trace; the targets stay for an analysis afterwards.
            if let Some(setup) = &mut state.setup {
                setup.rules = Vec::new();
            }
            std::mem::replace(&mut state.span, Span::none())
        };
        span.end();
        self.traces.finish(open);
        Some(FinishedTrace { trace: open.ids(), duration })
    }
}

/// The span's ids; fresh ones if nothing is recorded any more, for the calls need a name for the trace.
fn ids_of(span: &Span) -> (TraceId, SpanId) {
    if let Some(c) = span.context() {
        return (c.trace_id, c.span_id);
    }
    let bits = uuid::Uuid::new_v4().as_u128();
    let span_id = SpanId::new(bits as u64 | 1 << 63);
    (TraceId::from_random(bits), span_id.unwrap_or(super::table::FIRST_SPAN))
}

fn check(setup: &Setup) -> Result<(), IntegrationError> {
    let given = setup.rules.len() + setup.thresholds.custom.len();
    if given > MAX_RULES {
        return Err(IntegrationError::TooManyRules { given, limit: MAX_RULES });
    }
    let invalid = |name: &str, fault: &str| {
        Err(IntegrationError::InvalidRule { name: name.to_owned(), fault: fault.to_owned() })
    };
    for (name, limit) in setup.thresholds.iter() {
        if let Some(fault) = limit.fault() {
            return invalid(name, fault);
        }
    }
    let mut names = std::collections::BTreeSet::new();
    for rule in &setup.rules {
        if rule.name.trim().is_empty() {
            return invalid(&rule.name, "it has no name");
        }
        if !names.insert(rule.name.as_str()) {
            return invalid(&rule.name, "another rule has the same name");
        }
    }
    Ok(())
}
