//! Monitoring that fails at each of the seven calls, and the operation that does not care.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "the whole file is a test")]

mod support;

use std::collections::BTreeMap;

use async_trait::async_trait;
use support::*;
use trace_context_integration::context::{AlertThresholds, ContextRef, Limit};
use trace_context_integration::integration::FinishContextTrace;
use trace_context_integration::profile::ContextProfile;
use trace_context_integration::provider::{ContextProvider, ContextRecord, ProviderError};
use trace_context_integration::{MonitoringContextIntegration, OperationOutcome};
use trace_core::model::{TenantId, TimeRange, TraceId, TraceIds};
use trace_core::record::current_context;
use trace_core::store::{
    Durations, Page, ReadError, SpanFilter, SpanQuery, SpanReader, StoredTrace, TraceSummary,
};

#[derive(Clone, Copy)]
enum Fault {
    Fails,
    Hangs,
    Panics,
}

impl Fault {
    async fn happen<E>(self, error: E) -> Result<std::convert::Infallible, E> {
        match self {
            Self::Fails => Err(error),
            Self::Hangs => std::future::pending().await,
            Self::Panics => panic!("broken part"),
        }
    }
}

struct BrokenProvider(Fault);
#[async_trait]
impl ContextProvider for BrokenProvider {
    async fn context(&self, _: &TenantId, _: &ContextRef) -> Result<ContextRecord, ProviderError> {
        match self.0.happen(ProviderError::Unauthorized).await? {}
    }
}

struct BrokenStore(Fault);
#[async_trait]
impl SpanReader for BrokenStore {
    async fn trace(&self, _: &TenantId, _: &TraceId) -> Result<Option<StoredTrace>, ReadError> {
        match self.0.happen(ReadError::InvalidCursor("x".into())).await? {}
    }
    async fn search(&self, _: &TenantId, _: &SpanQuery) -> Result<Page<TraceSummary>, ReadError> {
        unreachable!()
    }
    async fn services(&self, _: &TenantId) -> Result<Vec<String>, ReadError> {
        unreachable!()
    }
    async fn operations(&self, _: &TenantId, _: &str) -> Result<Vec<String>, ReadError> {
        unreachable!()
    }
    async fn durations(
        &self,
        _: &TenantId,
        _: &SpanFilter,
        _: Option<TimeRange>,
    ) -> Result<Durations, ReadError> {
        unreachable!()
    }
}

/// The operation succeeds, no trace stays open, and this many steps failed.
async fn succeeds(w: &World, m: &MonitoringContextIntegration, context: &ContextRef, failures: u64) {
    let seen = m.monitor_context_performance(context, "plan", || takes(&w.time, 10)).await;
    assert_eq!(seen.map(|s| s.result), Ok(()));
    assert_eq!((m.stats().monitoring_failures, m.stats().open_traces), (failures, 0));
    assert_eq!(w.open_spans(), 0);
}

/// The steps noted in the spans that have ended.
fn noted(w: &World) -> Vec<String> {
    let spans = w.ended();
    let events = spans.iter().flat_map(|s| &s.events).filter(|e| e.name == "mplp.monitoring.failed");
    events.map(|e| plain(&e.attributes[0].value)).collect()
}

#[tokio::test(start_paused = true)]
async fn call_1_a_provider_that_fails_hangs_or_panics_leaves_the_built_in_values() {
    for fault in [Fault::Fails, Fault::Hangs, Fault::Panics] {
        let w = World::new();
        let context = w.context("ctx-1", ContextProfile::default());
        let m = w.builder_with(BrokenProvider(fault)).build().unwrap();
        assert!(m.get_context_info(&context).await.is_err());
        succeeds(&w, &m, &context, 1).await;
        assert_eq!(noted(&w), ["get_context_info"]);
        let span = w.only_span();
        assert_eq!(attribute(&span, "mplp.context.type").as_deref(), Some("unspecified"));
    }
}

#[tokio::test]
async fn call_1_an_unknown_context_is_monitored_all_the_same() {
    let w = World::new();
    let m = w.integration();
    let context: ContextRef = "nobody-knows".parse().unwrap();
    assert_eq!(m.get_context_info(&context).await, Err(ProviderError::NotFound(context.clone())));
    succeeds(&w, &m, &context, 1).await;
}

#[tokio::test]
async fn call_2_a_trace_that_cannot_start_leaves_the_operation_alone() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.builder().max_open_traces(0).build().unwrap();
    let seen = m.monitor_context_performance(&context, "plan", || takes(&w.time, 10)).await.unwrap();
    assert_eq!((seen.trace_id, seen.performance_analysis), (None, None));
    assert_eq!(m.stats().monitoring_failures, 1);
    let nameless = w.integration();
    succeeds(&w, &nameless, &context, 0).await;
    assert!(nameless.monitor_context_performance(&context, " ", || takes(&w.time, 1)).await.is_ok());
    assert_eq!(nameless.stats().monitoring_failures, 1);
    // An error still reaches people, and ends nobody else's trace.
    let failed =
        m.monitor_context_performance(&context, "plan", || async { Err::<(), _>(AgentError(1)) }).await;
    assert_eq!((failed.unwrap_err(), w.sink.all().len()), (AgentError(1), 1));
}

#[tokio::test]
async fn call_2_a_recorder_that_was_shut_down_leaves_metrics_and_baseline() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = MonitoringContextIntegration::builder(w.contexts.clone(), w.pipeline.recorder().clone())
        .metrics(&w.registry)
        .build()
        .unwrap();
    w.pipeline.shutdown(LONG).unwrap();
    let seen = m.monitor_context_performance(&context, "plan", || takes(&w.time, 10)).await.unwrap();
    assert!(seen.trace_id.is_some() && seen.performance_analysis.is_some());
    assert_eq!(w.series("mplp.context.operation.duration").len(), 1);
}

#[tokio::test]
async fn call_3_a_threshold_that_makes_no_sense_is_left_out() {
    let w = World::new();
    let thresholds =
        AlertThresholds { duration_ms: Some(Limit::above(f64::NAN, 1.0)), ..AlertThresholds::default() };
    let profile = ContextProfile { alert_thresholds: Some(thresholds), ..ContextProfile::default() };
    let context = w.context("ctx-1", profile);
    let m = w.integration();
    succeeds(&w, &m, &context, 1).await;
    assert_eq!(noted(&w), ["setup_context_monitoring"]);
    assert_eq!(w.sink.all(), []);
}

#[tokio::test]
async fn call_4_an_alert_sink_that_is_full_or_panics_is_noted() {
    for panics in [false, true] {
        let w = World::new();
        let thresholds =
            AlertThresholds { duration_ms: Some(Limit::above(1.0, 2.0)), ..AlertThresholds::default() };
        let profile = ContextProfile { alert_thresholds: Some(thresholds), ..ContextProfile::default() };
        let context = w.context("ctx-1", profile);
        let m = w.integration();
        if panics {
            w.sink.panic_always()
        } else {
            w.sink.reject_all()
        }
        succeeds(&w, &m, &context, 1).await;
        assert_eq!((noted(&w), m.stats().alerts_rejected), (vec!["raise_alert".to_owned()], 1));
    }
}

#[derive(Debug, PartialEq)]
struct Quarrelsome;
impl OperationOutcome for Quarrelsome {
    fn resources_used(&self) -> BTreeMap<String, f64> {
        panic!("no figures")
    }
}

#[tokio::test]
async fn call_4_a_result_that_panics_about_itself_is_still_returned() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let seen =
        m.monitor_context_performance(&context, "plan", || async { Ok::<_, AgentError>(Quarrelsome) }).await;
    assert_eq!(seen.unwrap().result, Quarrelsome);
    assert_eq!(noted(&w), ["measure"]);
}

#[tokio::test(start_paused = true)]
async fn call_5_a_store_that_fails_hangs_or_panics_costs_the_analysis_only() {
    for fault in [Fault::Fails, Fault::Hangs, Fault::Panics] {
        let w = World::new();
        let context = w.context("ctx-1", ContextProfile::default());
        let m = w.builder().spans(std::sync::Arc::new(BrokenStore(fault))).build().unwrap();
        succeeds(&w, &m, &context, 1).await;
        assert_eq!(noted(&w), ["analyze_context_performance"]);
        assert_eq!(w.only_span().status, trace_core::model::Status::Ok);
        let seen = m.monitor_context_performance(&context, "plan", || takes(&w.time, 10)).await.unwrap();
        assert!(seen.trace_id.is_some() && seen.performance_analysis.is_none());
    }
}

#[tokio::test]
async fn call_5_a_flush_that_fails_costs_the_analysis_only() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.builder().flush_before_analysis(|| async { Err("pipeline is gone") }).build().unwrap();
    succeeds(&w, &m, &context, 1).await;
}

#[tokio::test]
async fn call_6_an_operation_that_finishes_its_own_trace_is_returned() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let operation = || async {
        let c = current_context().unwrap();
        let ids = TraceIds { trace_id: c.trace_id, span_id: Some(c.span_id) };
        m.finish_context_trace(ids, FinishContextTrace { success: true, performance_analysis: None })
            .unwrap();
        Ok::<_, AgentError>(42)
    };
    let seen = m.monitor_with(&context, "plan", operation, |_| Default::default()).await.unwrap();
    assert_eq!(seen.result, 42);
    // Recording and finishing both found it finished; the analysis is of the finished trace.
    assert_eq!(m.stats().monitoring_failures, 2);
    assert!(seen.performance_analysis.is_some());
    assert_eq!((m.stats().open_traces, w.open_spans()), (0, 0));
}

#[tokio::test]
async fn call_7_the_error_comes_back_unchanged_whatever_the_sink_does() {
    for panics in [false, true] {
        let w = World::new();
        let context = w.context("ctx-1", ContextProfile::default());
        let m = w.integration();
        if panics {
            w.sink.panic_always()
        } else {
            w.sink.reject_all()
        }
        let failed =
            m.monitor_context_performance(&context, "plan", || async { Err::<(), _>(AgentError(9)) }).await;
        assert_eq!(failed.unwrap_err(), AgentError(9));
        assert_eq!(w.only_span().status, trace_core::model::Status::Error("agent 9 gave up".into()));
        assert_eq!((m.stats().open_traces, m.stats().monitoring_failures), (0, 1));
    }
}

#[derive(Debug)]
struct Unprintable;
impl std::fmt::Display for Unprintable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no text")
    }
}
impl std::error::Error for Unprintable {}

#[tokio::test]
async fn call_7_an_error_that_panics_when_shown_comes_back_too() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let failed =
        m.monitor_context_performance(&context, "plan", || async { Err::<(), _>(Unprintable) }).await;
    assert!(failed.is_err());
    assert_eq!(w.only_span().status, trace_core::model::Status::Error("unprintable error".into()));
}
