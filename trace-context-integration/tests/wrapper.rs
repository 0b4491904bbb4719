//! `monitor_context_performance`: how a trace ends, and what comes back.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "the whole file is a test")]

mod support;

use std::time::Duration;

use futures_util::FutureExt;
use support::*;
use trace_context_integration::context::MonitoringLevel;
use trace_context_integration::profile::ContextProfile;
use trace_context_integration::{OperationOutcome, OutcomeMetrics};
use trace_core::model::{AlertKind, Priority, Severity, Status, TargetVerdict};

#[tokio::test]
async fn a_success_returns_the_result_and_ends_the_trace() {
    let w = World::new();
    let profile = ContextProfile { priority: Some(Priority::High), ..ContextProfile::default() };
    let context = w.context("ctx-1", profile);
    let m = w.integration();
    let seen = m.monitor_context_performance(&context, "plan", || takes(&w.time, 120)).await.unwrap();
    let span = w.only_span();
    assert_eq!(seen.trace_id, Some(span.context.trace_id));
    let analysis = seen.performance_analysis.unwrap();
    assert_eq!((analysis.duration_ms, analysis.verdict), (120.0, TargetVerdict::WithinTargets));
    assert_eq!(analysis.baseline, None, "still learning");
    assert_eq!((span.name.as_ref(), span.status.clone()), ("plan", Status::Ok));
    for (key, value) in [
        ("mplp.context.id", "ctx-1"),
        ("mplp.context.type", "pipeline"),
        ("mplp.priority", "high"),
        ("mplp.monitoring.level", "basic"),
        ("mplp.result.success", "true"),
        ("mplp.execution.duration_ms", "120.0"),
        ("mplp.metrics.total_duration_ms", "120.0"),
        ("mplp.analysis.after_ms", "0.0"),
    ] {
        assert_eq!(attribute(&span, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(w.sink.all(), []);
    assert_eq!((m.stats().open_traces, m.stats().monitoring_failures), (0, 0));
    assert_eq!(
        w.series("mplp.context.operation.duration"),
        [(
            "mplp.context.id=ctx-1 mplp.context.type=pipeline mplp.operation.name=plan \
             mplp.result.success=true mplp.tenant.id=default"
                .to_owned(),
            1
        )]
    );
}

#[tokio::test]
async fn an_error_comes_back_unchanged_and_ends_the_trace_with_one_alert() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let failed =
        m.monitor_context_performance(&context, "plan", || async { Err::<(), _>(AgentError(7)) }).await;
    assert_eq!(failed.unwrap_err(), AgentError(7));
    let span = w.only_span();
    assert_eq!(span.status, Status::Error("agent 7 gave up".into()));
    let exception = &span.events[0];
    assert_eq!(exception.name, "exception");
    assert!(plain(&exception.attributes[0].value).ends_with("::AgentError"), "{exception:?}");
    assert_eq!(plain(&exception.attributes[1].value), "agent 7 gave up");
    let alerts = w.sink.all();
    assert_eq!(alerts.len(), 1);
    assert_eq!((&alerts[0].kind, alerts[0].severity), (&AlertKind::WorkflowExecutionFailed, Severity::High));
    assert_eq!(alerts[0].trace.unwrap().trace_id, span.context.trace_id);
    assert_eq!(alerts[0].error.as_deref(), Some("agent 7 gave up"));
    let errors = w.series("mplp.context.operation.errors");
    assert!(errors.len() == 1 && errors[0].0.contains("::AgentError"), "{errors:?}");
    assert_eq!(m.stats().open_traces, 0);
}

#[tokio::test]
async fn a_panic_goes_on_after_the_trace_has_ended_with_an_error() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let operation = || async {
        if m.stats().open_traces == 1 {
            panic!("agent of {context} exploded");
        }
        Ok::<(), AgentError>(())
    };
    let run = m.monitor_context_performance(&context, "plan", operation);
    let payload = std::panic::AssertUnwindSafe(run).catch_unwind().await.unwrap_err();
    assert_eq!(payload.downcast_ref::<String>().unwrap(), "agent of ctx-1 exploded");
    let span = w.only_span();
    assert_eq!(span.status, Status::Error("agent of ctx-1 exploded".into()));
    assert_eq!(attribute(&span, "mplp.status").as_deref(), Some("failed"));
    assert_eq!((w.sink.all().len(), m.stats().open_traces), (1, 0));
}

#[tokio::test]
async fn a_panic_before_the_first_await_is_no_different() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let run =
        m.monitor_context_performance(&context, "plan", || -> std::future::Ready<Result<(), AgentError>> {
            panic!("no future at all")
        });
    assert!(std::panic::AssertUnwindSafe(run).catch_unwind().await.is_err());
    assert_eq!(w.only_span().status, Status::Error("no future at all".into()));
}

#[tokio::test]
async fn a_dropped_future_ends_the_trace_and_its_children_as_cancelled() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let recorder = w.pipeline.recorder().clone();
    let operation = || async {
        let _step = recorder.span("step").start();
        std::future::pending::<Result<(), AgentError>>().await
    };
    let mut run = Box::pin(m.monitor_context_performance(&context, "plan", operation));
    assert!(run.as_mut().now_or_never().is_none());
    assert_eq!((m.stats().open_traces, w.open_spans()), (1, 2));
    drop(run);
    assert_eq!((m.stats().open_traces, w.open_spans()), (0, 0));
    let spans = w.ended();
    let root = spans.iter().find(|s| s.name == "plan").unwrap();
    let step = spans.iter().find(|s| s.name == "step").unwrap();
    assert_eq!(step.parent_span_id, Some(root.context.span_id));
    assert_eq!(attribute(root, "mplp.status").as_deref(), Some("cancelled"));
    assert_eq!(root.status, Status::Unset);
    assert_eq!(w.sink.all(), [], "a cancellation is no failure");
}

#[tokio::test]
async fn an_aborted_task_ends_the_trace_as_cancelled() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let (started, wait) = tokio::sync::oneshot::channel();
    let task = tokio::spawn({
        let (m, context) = (m.clone(), context.clone());
        async move {
            let operation = || async move {
                started.send(()).unwrap();
                std::future::pending::<Result<(), AgentError>>().await
            };
            m.monitor_context_performance(&context, "plan", operation).await
        }
    });
    wait.await.unwrap();
    assert_eq!(m.stats().open_traces, 1);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(attribute(&w.only_span(), "mplp.status").as_deref(), Some("cancelled"));
    assert_eq!(m.stats().open_traces, 0);
}

#[tokio::test]
async fn two_operations_on_one_context_are_told_apart() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let slow = m.monitor_context_performance(&context, "slow", || async {
        wait.await.unwrap();
        Ok::<_, AgentError>(())
    });
    let failing = async {
        let r = m
            .monitor_context_performance(&context, "failing", || async { Err::<(), _>(AgentError(1)) })
            .await;
        assert_eq!(m.stats().open_traces, 1, "the failure ended its own trace and no other");
        go.send(()).unwrap();
        r
    };
    let (ok, failed) = tokio::join!(slow, failing);
    assert!(failed.is_err());
    let spans = w.ended();
    let of = |name: &str| spans.iter().find(|s| s.name == name).unwrap();
    assert_ne!(of("slow").context.trace_id, of("failing").context.trace_id);
    assert_eq!(ok.unwrap().trace_id, Some(of("slow").context.trace_id));
    assert_eq!(of("slow").status, Status::Ok);
    assert_eq!(w.sink.all()[0].trace.unwrap().trace_id, of("failing").context.trace_id);
}

#[tokio::test]
async fn a_slowdown_of_half_is_reported_as_half_against_the_learned_baseline() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    for i in 0..30 {
        let seen =
            m.monitor_context_performance(&context, "plan", || takes(&w.time, 99 + i % 3)).await.unwrap();
        let baseline = seen.performance_analysis.unwrap().baseline;
        assert_eq!(baseline.is_some(), i >= 20, "operation {i}");
    }
    let seen = m.monitor_context_performance(&context, "plan", || takes(&w.time, 150)).await.unwrap();
    let analysis = seen.performance_analysis.unwrap();
    let baseline = analysis.baseline.unwrap();
    assert!((baseline.delta_percent - 50.0).abs() < 2.0, "{baseline:?}");
    assert_eq!(
        (baseline.sample_size, baseline.percentile),
        (30, 100.0),
        "it is not part of its own baseline"
    );
    let advice = &analysis.recommendations;
    assert!(advice.iter().any(|r| r.kind == "baseline_regression"), "{advice:?}");
    assert!(advice.iter().all(|r| !r.evidence.is_empty()));
    let elsewhere = m.monitor_context_performance(&context, "other", || takes(&w.time, 150)).await.unwrap();
    assert_eq!(elsewhere.performance_analysis.unwrap().baseline, None);
}

#[tokio::test]
async fn the_analysis_names_the_slow_step_with_evidence() {
    let w = World::new();
    let profile = ContextProfile {
        monitoring_level: Some(MonitoringLevel::Comprehensive),
        ..ContextProfile::default()
    };
    let context = w.context("ctx-1", profile);
    let m = w.integration();
    let operation = || async {
        for (name, ms) in [("validate", 10), ("agent.research", 85)] {
            let step = w.pipeline.recorder().span(name).start();
            w.time.advance(Duration::from_millis(ms));
            step.end();
        }
        Ok::<_, AgentError>(())
    };
    let analysis = m
        .monitor_context_performance(&context, "plan", operation)
        .await
        .unwrap()
        .performance_analysis
        .unwrap();
    let path: Vec<_> = analysis.critical_path.iter().map(|s| (s.name.as_str(), s.self_time_ms)).collect();
    assert_eq!(path, [("plan", 0.0), ("validate", 10.0), ("agent.research", 85.0)]);
    assert_eq!(analysis.bottlenecks[0].name, "agent.research");
    let advice = analysis.recommendations.iter().find(|r| r.kind == "reduce_self_time").unwrap();
    assert!(advice.message.contains("agent.research") && !advice.evidence.is_empty(), "{advice:?}");
    let root = w.ended().into_iter().find(|s| s.name == "plan").unwrap();
    assert_eq!(attribute(&root, "mplp.analysis.bottleneck").as_deref(), Some("agent.research"));
}

#[tokio::test]
async fn an_operation_inside_a_trace_is_analysed_without_its_surroundings() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let recorder = w.pipeline.recorder();
    let request = recorder.span("request").start();
    let parent = request.context().unwrap().clone();
    // Goes on at the same time in the same trace, but is none of the operation's business.
    let operation = || async {
        let elsewhere = recorder.span("elsewhere").parent(parent.clone()).start();
        let step = recorder.span("step").start();
        w.time.advance(Duration::from_millis(20));
        step.end();
        elsewhere.end();
        Ok::<_, AgentError>(())
    };
    let seen = trace_core::record::InContext::in_context(
        m.monitor_context_performance(&context, "plan", operation),
        parent.clone(),
    )
    .await
    .unwrap();
    request.end();
    assert_eq!(seen.trace_id, Some(parent.trace_id));
    let analysis = seen.performance_analysis.unwrap();
    assert_eq!(analysis.duration_ms, 20.0);
    let on_path: Vec<_> = analysis.critical_path.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(on_path, ["plan", "step"]);
    assert_eq!(analysis.bottlenecks.len(), 1);
}

struct Report;
impl OperationOutcome for Report {
    fn data_processed(&self) -> u64 {
        5_000
    }
    fn operations_completed(&self) -> u64 {
        3
    }
}

#[tokio::test]
async fn what_a_result_says_about_itself_is_recorded_from_level_detailed_on() {
    let w = World::new();
    let m = w.integration();
    for (name, level) in [("b", MonitoringLevel::Basic), ("d", MonitoringLevel::Detailed)] {
        let profile = ContextProfile { monitoring_level: Some(level), ..ContextProfile::default() };
        let context = w.context(name, profile);
        m.monitor_context_performance(&context, name, || async { Ok::<_, AgentError>(Report) })
            .await
            .unwrap();
    }
    // A type of another crate, measured from outside.
    let context = w.context(
        "v",
        ContextProfile { monitoring_level: Some(MonitoringLevel::Detailed), ..Default::default() },
    );
    let measure =
        |v: &Vec<u8>| OutcomeMetrics { data_processed: v.len() as u64, ..OutcomeMetrics::default() };
    m.monitor_with(&context, "v", || async { Ok::<_, AgentError>(vec![0; 9]) }, measure).await.unwrap();
    let spans = w.ended();
    let processed =
        |name: &str| attribute(spans.iter().find(|s| s.name == name).unwrap(), "mplp.metrics.data_processed");
    assert_eq!(processed("b"), None);
    assert_eq!(processed("d").as_deref(), Some("5000"));
    assert_eq!(processed("v").as_deref(), Some("9"));
}
