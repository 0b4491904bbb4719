//! The seven calls by themselves: misuse, identity, alerts.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "the whole file is a test")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use support::*;
use trace_context_integration::context::{AlertThresholds, ContextRef, Limit, MonitoringRule};
use trace_context_integration::integration::*;
use trace_context_integration::profile::ContextProfile;
use trace_context_integration::{ErrorInfo, IntegrationError, OutcomeMetrics};
use trace_core::model::{PerformanceTargets, Severity, TenantId, TraceIds};

/// Looks a context up and starts a trace that is set up as it wants.
async fn start(m: &MonitoringContextIntegration, context: &ContextRef, operation: &str) -> ContextTrace {
    let info = m.get_context_info(context).await.unwrap();
    let trace = m.start_context_trace(StartContextTrace::of(&info, operation)).unwrap();
    m.setup_context_monitoring(SetupContextMonitoring::of(&info, trace.ids())).unwrap();
    trace
}

fn metrics(
    trace: &ContextTrace,
    context: &ContextRef,
    ms: u64,
    used: &[(&str, f64)],
) -> RecordContextMetrics {
    let resources_used: BTreeMap<_, _> = used.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect();
    RecordContextMetrics {
        trace: trace.ids(),
        context: context.clone(),
        metrics: ContextMetrics {
            duration: Duration::from_millis(ms),
            success: true,
            context_specific: OutcomeMetrics { resources_used, ..OutcomeMetrics::default() },
        },
    }
}

fn watching(rule: &str) -> ContextProfile {
    let mut rule = MonitoringRule::new("hot", rule.parse().unwrap());
    rule.severity = Severity::High;
    let thresholds = AlertThresholds {
        duration_ms: Some(Limit::above(100.0, 1_000.0)),
        memory_usage_mb: Some(Limit::above(500.0, 800.0)),
        ..AlertThresholds::default()
    };
    ContextProfile {
        monitoring_rules: Some(vec![rule]),
        alert_thresholds: Some(thresholds),
        ..ContextProfile::default()
    }
}

#[tokio::test]
async fn thresholds_and_rules_fire_once_and_are_gone_at_the_end() {
    let w = World::new();
    let context = w.context("ctx-1", watching("cpu_usage_percent > 90 OR memory_usage_percent > 95"));
    let m = w.integration();
    let trace = start(&m, &context, "plan").await;
    let fine =
        m.record_context_metrics(metrics(&trace, &context, 50, &[("cpu_usage_percent", 20.0)])).unwrap();
    assert_eq!(fine, MetricsRecorded::default());
    let bad = [("cpu_usage_percent", 95.0), ("memory_usage_mb", 900.0)];
    let raised = m.record_context_metrics(metrics(&trace, &context, 150, &bad)).unwrap().raised;
    assert_eq!(raised.len(), 3);
    assert_eq!(
        w.sink.summary(),
        [
            "threshold_exceeded medium duration_ms",
            "threshold_exceeded critical memory_usage_mb",
            "threshold_exceeded high hot"
        ]
    );
    let alert = &w.sink.all()[1];
    assert_eq!((alert.value, alert.threshold), (Some(900.0), Some(800.0)));
    let labels: Vec<_> = alert.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(
        labels,
        ["context_id=ctx-1", "context_type=pipeline", "metric=memory_usage_mb", "operation=plan"]
    );
    assert_eq!(alert.trace, Some(trace.ids()));
    assert_eq!(w.sink.all()[2].value, Some(95.0), "the comparison that held");

    assert_eq!(m.record_context_metrics(metrics(&trace, &context, 150, &bad)).unwrap().raised, []);
    let info = m.get_context_info(&context).await.unwrap();
    m.setup_context_monitoring(SetupContextMonitoring::of(&info, trace.ids())).unwrap();
    assert_eq!(
        m.record_context_metrics(metrics(&trace, &context, 150, &bad)).unwrap().raised,
        [],
        "setting up again does not make it fire again"
    );
    let analysis = m
        .analyze_context_performance(AnalyzeContextPerformance {
            trace: trace.ids(),
            context: context.clone(),
            compare_with_baseline: true,
            generate_recommendations: true,
        })
        .await
        .unwrap();
    let breaches = analysis.recommendations.iter().filter(|r| r.kind == "inspect_breach");
    assert_eq!(breaches.map(|r| r.evidence[0].observed).collect::<Vec<_>>(), [150.0, 900.0, 95.0]);

    let again = metrics(&trace, &context, 150, &bad);
    m.finish_context_trace(trace.ids(), FinishContextTrace { success: true, ..Default::default() }).unwrap();
    assert!(matches!(m.record_context_metrics(again), Err(IntegrationError::AlreadyFinished(_))));
    assert_eq!(w.sink.all().len(), 3);
    // Another trace has its own turn.
    let next = start(&m, &context, "plan").await;
    assert_eq!(m.record_context_metrics(metrics(&next, &context, 150, &bad)).unwrap().raised.len(), 3);
}

#[tokio::test]
async fn a_missed_target_is_a_violation_once_enough_operations_say_so() {
    let w = World::new();
    let targets = PerformanceTargets { max_latency_p95_ms: Some(80.0), ..PerformanceTargets::default() };
    let profile = ContextProfile {
        performance_targets: Some(targets),
        alert_thresholds: Some(AlertThresholds::default()),
        ..ContextProfile::default()
    };
    let context = w.context("ctx-1", profile);
    let m = w.integration();
    for i in 0..20 {
        assert_eq!(w.sink.all(), [], "operation {i}");
        m.monitor_context_performance(&context, "plan", || takes(&w.time, 100)).await.unwrap();
    }
    assert_eq!(w.sink.summary(), ["sla_violation high latency_p95_ms"]);
    assert_eq!(w.sink.all()[0].threshold, Some(80.0));
}

#[tokio::test]
async fn a_second_finish_is_refused() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let trace = start(&m, &context, "plan").await;
    w.time.advance(Duration::from_millis(30));
    let done = FinishContextTrace { success: true, performance_analysis: None };
    let finished = m.finish_context_trace(trace.ids(), done.clone()).unwrap();
    assert_eq!((finished.trace, finished.duration), (trace.ids(), Duration::from_millis(30)));
    let again = m.finish_context_trace(trace.ids(), done.clone());
    assert!(matches!(again, Err(IntegrationError::AlreadyFinished(ids)) if ids == trace.ids()));
    assert!(matches!(trace.finish(done), Err(IntegrationError::AlreadyFinished(_))));
    assert_eq!(w.only_span().status, trace_core::model::Status::Ok);
}

#[tokio::test]
async fn unknown_foreign_and_mismatched_traces_are_refused() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let other = w.context("ctx-2", ContextProfile::default());
    let m = w.integration();
    let trace = start(&m, &context, "plan").await;
    let nowhere = TraceIds { trace_id: trace_core::model::TraceId::MIN, span_id: None };
    let unknown = m.finish_context_trace(nowhere, FinishContextTrace::default());
    assert!(matches!(unknown, Err(IntegrationError::UnknownTrace(_))));
    let stranger = m.for_tenant(TenantId::new("stranger").unwrap());
    let foreign = stranger.finish_context_trace(trace.ids(), FinishContextTrace::default());
    assert!(matches!(foreign, Err(IntegrationError::UnknownTrace(_))));
    let mismatch = m.record_context_metrics(metrics(&trace, &other, 1, &[])).unwrap_err();
    assert!(mismatch.to_string().ends_with("belongs to context ctx-1, not to ctx-2"), "{mismatch}");
    let error = ErrorInfo::new("k", "m");
    let wrong = RecordContextError { trace: Some(trace.ids()), context: other, error };
    assert!(matches!(m.record_context_error(wrong), Err(IntegrationError::ContextMismatch { .. })));
    assert_eq!((m.stats().open_traces, w.sink.all().len()), (1, 0));
}

#[tokio::test]
async fn a_trace_id_alone_is_enough_unless_it_is_ambiguous() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let outer = start(&m, &context, "outer").await;
    let alone = TraceIds { trace_id: outer.trace_id(), span_id: None };
    let inner = {
        let _active = trace_core::record::enter_context(outer.span_context().unwrap().clone());
        let info = m.get_context_info(&context).await.unwrap();
        m.start_context_trace(StartContextTrace::of(&info, "inner")).unwrap()
    };
    assert_eq!(inner.trace_id(), outer.trace_id());
    let done = FinishContextTrace { success: true, performance_analysis: None };
    let ambiguous = m.finish_context_trace(alone, done.clone());
    assert!(matches!(ambiguous, Err(IntegrationError::AmbiguousTrace(_))));
    inner.finish(done.clone()).unwrap();
    assert_eq!(m.finish_context_trace(alone, done).unwrap().trace, outer.ids());
    drop(outer);
    assert_eq!(w.ended().len(), 2);
}

#[tokio::test]
async fn an_error_without_a_trace_id_ends_the_only_trace_but_never_guesses() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let error =
        || RecordContextError { trace: None, context: context.clone(), error: ErrorInfo::of(&AgentError(4)) };
    let (a, b) = (start(&m, &context, "a").await, start(&m, &context, "b").await);
    let recorded = m.record_context_error(error()).unwrap();
    assert!(recorded.ended.is_none() && matches!(recorded.alert, Some(Ok(_))));
    assert_eq!(m.stats().open_traces, 2);
    drop(a);
    let recorded = m.record_context_error(error()).unwrap();
    assert_eq!(recorded.ended.unwrap().trace, b.ids());
    assert_eq!((m.stats().open_traces, w.sink.all().len()), (0, 2));
    // The guard finds it ended and leaves it alone.
    drop(b);
    let spans = w.ended();
    let status = |name: &str| attribute(spans.iter().find(|s| s.name == name).unwrap(), "mplp.status");
    assert_eq!((status("a").as_deref(), status("b").as_deref()), (Some("cancelled"), Some("failed")));
}

#[tokio::test]
async fn unusable_rules_are_refused_by_name() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let trace = start(&m, &context, "plan").await;
    let rule = |name: &str| MonitoringRule::new(name, "a > 1".parse().unwrap());
    let setup = |rules: Vec<MonitoringRule>| SetupContextMonitoring {
        trace: trace.ids(),
        context: context.clone(),
        monitoring_rules: rules,
        alert_thresholds: AlertThresholds::default(),
        performance_targets: PerformanceTargets::default(),
    };
    let twice = m.setup_context_monitoring(setup(vec![rule("a"), rule("a")])).unwrap_err();
    assert_eq!(
        twice.to_string(),
        "monitoring rule or threshold \"a\" is invalid: another rule has the same name"
    );
    assert!(m.setup_context_monitoring(setup(vec![rule(" ")])).is_err());
    let many = (0..257).map(|i| rule(&i.to_string())).collect();
    let too_many = m.setup_context_monitoring(setup(many));
    assert!(matches!(too_many, Err(IntegrationError::TooManyRules { given: 257, limit: 256 })));
}

#[tokio::test]
async fn a_guard_that_is_dropped_ends_as_its_metrics_say() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let recorded = start(&m, &context, "recorded").await;
    m.record_context_metrics(metrics(&recorded, &context, 5, &[])).unwrap();
    drop(recorded);
    drop(start(&m, &context, "unknown").await);
    let spans = w.ended();
    let of = |name: &str| spans.iter().find(|s| s.name == name).unwrap();
    assert_eq!(of("recorded").status, trace_core::model::Status::Ok);
    assert_eq!(attribute(of("unknown"), "mplp.status").as_deref(), Some("cancelled"));
}

#[tokio::test]
async fn what_the_trace_outlasts_its_analysis_by_is_recorded() {
    let w = World::new();
    let context = w.context("ctx-1", ContextProfile::default());
    let m = w.integration();
    let trace = start(&m, &context, "plan").await;
    w.time.advance(Duration::from_millis(40));
    let request = AnalyzeContextPerformance {
        trace: trace.ids(),
        context: context.clone(),
        compare_with_baseline: false,
        generate_recommendations: false,
    };
    let early = m.analyze_context_performance(request.clone()).await.unwrap();
    assert_eq!(early.duration_ms, 40.0);
    w.time.advance(Duration::from_millis(2));
    let done = FinishContextTrace { success: true, performance_analysis: Some(early) };
    m.finish_context_trace(trace.ids(), done).unwrap();
    assert_eq!(attribute(&w.only_span(), "mplp.analysis.after_ms").as_deref(), Some("2.0"));
    w.time.advance(Duration::from_millis(500));
    let late = m.analyze_context_performance(request).await.unwrap();
    assert_eq!(late.duration_ms, 42.0, "a finished trace can still be analysed");
}

#[tokio::test]
async fn an_expected_duration_is_a_target_of_its_own() {
    let w = World::new();
    let profile: ContextProfile = serde_json::from_str(
        r#"{"performance_baseline": {"duration_ms": {"p50": 50, "p95": 80, "p99": 90}, "sample_size": 100}}"#,
    )
    .unwrap();
    let context = w.context("ctx-1", profile);
    let m = w.integration();
    let seen = m.monitor_context_performance(&context, "plan", || takes(&w.time, 100)).await.unwrap();
    let analysis = seen.performance_analysis.unwrap();
    let expected = analysis.targets.iter().find(|t| t.target == "expected_duration_p95_ms").unwrap();
    assert_eq!((expected.bound, expected.observed), (80.0, 100.0));
    assert_eq!(analysis.verdict, trace_core::model::TargetVerdict::Violated);
    assert_eq!(analysis.baseline, None, "three percentiles are no distribution to rank in");
}
