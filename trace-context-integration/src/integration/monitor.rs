//! The one call that makes all others.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures_util::FutureExt;
use trace_core::model::{KeyValue, PerformanceAnalysis, TraceId};
use trace_core::record::InContext;

use super::guarded::caught;
use super::request::{
    AnalyzeContextPerformance, ContextMetrics, FinishContextTrace, RecordContextMetrics,
    SetupContextMonitoring, StartContextTrace,
};
use super::service::MonitoringContextIntegration;
use super::trace::ContextTrace;
use crate::context::ContextRef;
use crate::error_info::ErrorInfo;
use crate::outcome::{OperationOutcome, OutcomeMetrics};

/// The result of a monitored operation, and what monitoring has to say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed<T> {
    /// What the operation returned.
    pub result: T,
    /// The trace; `None` if monitoring could not start one.
    pub trace_id: Option<TraceId>,
    /// How it performed; `None` if monitoring could not tell.
    pub performance_analysis: Option<PerformanceAnalysis>,
}

impl MonitoringContextIntegration {
    /// Runs an operation of a context, and does everything around it: looks the context up, traces the operation,
    /// watches its thresholds, records how it went, analyses it, and ends the trace.
    ///
    /// Spans that the operation starts become children of the context trace. Monitoring that fails, hangs or
    /// panics changes nothing about the operation; it is counted (see
    /// [`stats`](MonitoringContextIntegration::stats)) and noted in the trace.
    ///
    /// # Errors
    /// Exactly the operation's own.
    ///
    /// # Panics
    /// If the operation panics, with its own panic, after the trace has ended with an error.
    ///
    /// # Cancel safety
    /// Dropping the future drops the operation, and ends the trace as cancelled.
    pub async fn monitor_context_performance<T, E, F, Fut>(
        &self,
        context: &ContextRef,
        operation_name: &str,
        operation: F,
    ) -> Result<Observed<T>, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        T: OperationOutcome,
        E: Error,
    {
        self.monitor_with(context, operation_name, operation, |t| OutcomeMetrics::from(t)).await
    }

    /// The same for results that do not say themselves what was done.
    ///
    /// # Errors
    /// Exactly the operation's own.
    ///
    /// # Panics
    /// If the operation panics.
    pub async fn monitor_with<T, E, F, Fut>(
        &self,
        context: &ContextRef,
        operation_name: &str,
        operation: F,
        measure: impl FnOnce(&T) -> OutcomeMetrics,
    ) -> Result<Observed<T>, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: Error,
    {
        let trace = self.begin(context, operation_name).await;
        let clock = self.shared.recorder.clock();
        let began = clock.ticks();
        let running = AssertUnwindSafe(async move { operation().await }).catch_unwind();
        let outcome = match trace.as_ref().and_then(ContextTrace::span_context) {
            Some(parent) => running.in_context(parent.clone()).await,
            None => running.await,
        };
        let ended = clock.ticks();
        let duration =
            Duration::from_nanos(clock.to_unix_nanos(ended).saturating_sub(clock.to_unix_nanos(began)));
        match outcome {
            Ok(Ok(result)) => {
                let trace_id = trace.as_ref().map(ContextTrace::trace_id);
                let performance_analysis = match trace {
                    Some(trace) => {
                        let measured = caught("operation outcome", || measure(&result));
                        let context_specific = self.noted(&trace, "measure", measured).unwrap_or_default();
                        let metrics = ContextMetrics { duration, success: true, context_specific };
                        self.conclude(trace, metrics).await
                    }
                    None => None,
                };
                Ok(Observed { result, trace_id, performance_analysis })
            }
            Ok(Err(error)) => {
                // Rendering the error runs its own code.
                let info = caught("operation error", || ErrorInfo::of(&error))
                    .unwrap_or_else(|_| ErrorInfo::new(std::any::type_name::<E>(), "unprintable error"));
                self.failed(context, trace, &info);
                Err(error)
            }
            Err(payload) => {
                self.failed(context, trace, &ErrorInfo::of_panic(&*payload));
                resume_unwind(payload)
            }
        }
    }

    /// Calls 1 to 3. Without information about the context, the built-in values do.
    async fn begin(&self, context: &ContextRef, operation_name: &str) -> Option<ContextTrace> {
        let looked_up = self.get_context_info(context).await;
        let failure = looked_up.as_ref().err().map(ToString::to_string);
        let info = looked_up.unwrap_or_else(|_| self.shared.resolver.built_in(&self.tenant, context));
        let started =
            caught("recorder", || self.start_context_trace(StartContextTrace::of(&info, operation_name)));
        let trace = match started.and_then(|s| s) {
            Ok(trace) => trace,
            Err(_) => {
                if failure.is_some() {
                    self.shared.note_failure("get_context_info");
                }
                self.shared.note_failure("start_context_trace");
                return None;
            }
        };
        self.noted(&trace, "get_context_info", failure.map_or(Ok(()), Err));
        let set_up = self.setup_context_monitoring(SetupContextMonitoring::of(&info, trace.ids()));
        self.noted(&trace, "setup_context_monitoring", set_up);
        Some(trace)
    }

    /// Calls 4 to 6.
    async fn conclude(&self, trace: ContextTrace, metrics: ContextMetrics) -> Option<PerformanceAnalysis> {
        let (ids, context) = (trace.ids(), trace.open.context.clone());
        let recorded = self.record_context_metrics(RecordContextMetrics {
            trace: ids,
            context: context.clone(),
            metrics,
        });
        if let Some(recorded) = self.noted(&trace, "record_context_metrics", recorded) {
            for rejected in recorded.rejected {
                self.noted(&trace, "raise_alert", Err::<(), _>(rejected));
            }
        }
        let analysis = self
            .analyze_context_performance(AnalyzeContextPerformance {
                trace: ids,
                context,
                compare_with_baseline: true,
                generate_recommendations: true,
            })
            .await;
        let analysis = self.noted(&trace, "analyze_context_performance", analysis);
        let outcome = FinishContextTrace { success: true, performance_analysis: analysis.clone() };
        if self.finish_context_trace(ids, outcome).is_err() {
            self.shared.note_failure("finish_context_trace");
        }
        analysis
    }

    /// Call 7. Without a trace there is still the metric and the alert; another open trace of the context must not
    /// end for it.
    fn failed(&self, context: &ContextRef, trace: Option<ContextTrace>, error: &ErrorInfo) {
        let open = trace.as_ref().map(|t| t.open.clone());
        match caught("recorder", || self.record_failure(open, context, error)) {
            Ok(recorded) if matches!(recorded.alert, Some(Err(_))) => self.shared.note_failure("raise_alert"),
            Ok(_) => {}
            Err(_) => self.shared.note_failure("record_context_error"),
        }
    }

    /// The value of a step; a failure is counted and noted in the trace.
    fn noted<T, E: fmt::Display>(
        &self,
        trace: &ContextTrace,
        step: &'static str,
        outcome: Result<T, E>,
    ) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                self.shared.note_failure(step);
                let details = [
                    KeyValue::new("mplp.monitoring.step", step),
                    KeyValue::new("exception.message", error.to_string()),
                ];
                trace.open.state().span.add_event("mplp.monitoring.failed", details);
                None
            }
        }
    }
}
