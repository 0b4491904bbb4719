//! Each switch, when off, takes away exactly what it names.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "the whole file is a test")]

mod support;

use support::*;
use trace_context_integration::context::{AlertThresholds, ContextType, Limit};
use trace_context_integration::profile::ContextProfile;
use trace_context_integration::provider::ContextRecord;
use trace_context_integration::{IntegrationSwitches, MonitoringContextIntegration};
use trace_core::model::{Priority, TenantId};

const ON: IntegrationSwitches = IntegrationSwitches {
    context_aware_monitoring: true,
    performance_by_context: true,
    context_based_alerting: true,
    context_metrics_correlation: true,
};

/// What can be seen from outside after the same work.
#[derive(Clone, Debug, PartialEq)]
struct Effects {
    /// The priority on the span: known from the context alone.
    priority: Option<String>,
    /// Whether an operation of one type of context is held against operations of another.
    shares_baseline: bool,
    /// Alerts of the context's threshold.
    threshold_alerts: usize,
    /// Whether metrics name the context.
    metrics_name_context: bool,
    /// Whether alerts are labelled with the context.
    alerts_name_context: bool,
    /// Alerts of failed operations.
    failure_alerts: usize,
}

async fn effects(switches: IntegrationSwitches) -> Effects {
    let w = World::new();
    let m = w.builder().switches(switches).build().unwrap();
    let thresholds =
        AlertThresholds { duration_ms: Some(Limit::above(500.0, 5_000.0)), ..AlertThresholds::default() };
    let profile = || ContextProfile {
        priority: Some(Priority::High),
        alert_thresholds: Some(thresholds.clone()),
        ..ContextProfile::default()
    };
    let one = w.context("one", profile());
    let other: trace_context_integration::context::ContextRef = "other".parse().unwrap();
    let parallel = ContextProfile { context_type: Some(ContextType::Parallel), ..profile() };
    w.contexts.insert(&TenantId::default(), ContextRecord::new(other.clone()).monitoring(parallel));
    for _ in 0..25 {
        run(&w, &m, &one, 100).await;
    }
    // The built-in threshold is 5000 ms, the contexts' own 500 ms.
    let shares_baseline = run(&w, &m, &other, 600).await;
    let failed = m.monitor_context_performance(&one, "plan", || async { Err::<(), _>(AgentError(1)) }).await;
    assert!(failed.is_err());
    let alerts = w.sink.all();
    let of = |kind: &str| alerts.iter().filter(|a| a.kind.as_str() == kind).count();
    assert!(alerts.iter().all(|a| a.labels.contains_key("operation")));
    Effects {
        priority: attribute(&w.ended()[0], "mplp.priority"),
        shares_baseline,
        threshold_alerts: of("threshold_exceeded"),
        metrics_name_context: w
            .series("mplp.context.operation.duration")
            .iter()
            .all(|(s, _)| s.contains("mplp.context.id")),
        alerts_name_context: alerts.iter().all(|a| a.labels.contains_key("context_id")),
        failure_alerts: of("workflow_execution_failed"),
    }
}

/// Whether there was a baseline to hold the operation against.
async fn run(
    w: &World,
    m: &MonitoringContextIntegration,
    context: &trace_context_integration::context::ContextRef,
    ms: u64,
) -> bool {
    let seen = m.monitor_context_performance(context, "plan", || takes(&w.time, ms)).await.unwrap();
    seen.performance_analysis.unwrap().baseline.is_some()
}

fn all_on() -> Effects {
    Effects {
        priority: Some("high".into()),
        shares_baseline: false,
        threshold_alerts: 1,
        metrics_name_context: true,
        alerts_name_context: true,
        failure_alerts: 1,
    }
}

#[tokio::test]
async fn with_everything_on_everything_is_there() {
    assert_eq!(effects(ON).await, all_on());
}

#[tokio::test]
async fn without_context_aware_monitoring_nothing_is_known_of_a_context() {
    let off = IntegrationSwitches { context_aware_monitoring: false, ..ON };
    // Nothing is known, so both contexts are of the unspecified type and have the built-in threshold.
    let without =
        Effects { priority: Some("normal".into()), shares_baseline: true, threshold_alerts: 0, ..all_on() };
    assert_eq!(effects(off).await, without);
}

#[tokio::test]
async fn without_performance_by_context_types_share_a_baseline() {
    let off = IntegrationSwitches { performance_by_context: false, ..ON };
    assert_eq!(effects(off).await, Effects { shares_baseline: true, ..all_on() });
}

#[tokio::test]
async fn without_context_based_alerting_thresholds_raise_nothing() {
    let off = IntegrationSwitches { context_based_alerting: false, ..ON };
    assert_eq!(effects(off).await, Effects { threshold_alerts: 0, ..all_on() });
}

#[tokio::test]
async fn without_metrics_correlation_no_dimension_names_the_context() {
    let off = IntegrationSwitches { context_metrics_correlation: false, ..ON };
    let without = Effects { metrics_name_context: false, alerts_name_context: false, ..all_on() };
    assert_eq!(effects(off).await, without);
}

#[tokio::test]
async fn context_ids_in_metrics_are_bounded() {
    let w = World::new();
    let m = w.builder().max_context_ids(2).build().unwrap();
    for name in ["a", "b", "c", "d", "a"] {
        let context = w.context(name, ContextProfile::default());
        run(&w, &m, &context, 1).await;
    }
    let ids: Vec<_> = w
        .series("mplp.context.operation.duration")
        .into_iter()
        .map(|(s, n)| (s.split(' ').next().unwrap().trim_start_matches("mplp.context.id=").to_owned(), n))
        .collect();
    assert_eq!(ids, [("a".to_owned(), 2), ("b".to_owned(), 1), ("other".to_owned(), 2)]);
}
