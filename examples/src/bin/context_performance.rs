//! Operations monitored by the context they belong to: learned, slow, failing, cancelled.
//! `cargo run -p examples --bin context_performance`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::time::Duration;

use mplp_trace::alerting::RecordFilter;
use mplp_trace::context_integration::context::{
    AlertThresholds, ContextRef, ContextType, Limit, MonitoringLevel,
};
use mplp_trace::context_integration::profile::ContextProfile;
use mplp_trace::context_integration::provider::{ContextRecord, InMemoryContextProvider};
use mplp_trace::context_integration::{MonitoringContextIntegration, OperationOutcome};
use mplp_trace::core::async_span;
use mplp_trace::core::model::{AlertKind, AlertRecord, SpanData, Status, TenantId};
use mplp_trace::core::record::InSpan;
use mplp_trace::core::store::{SpanFilter, SpanQuery, SpanReader};
use mplp_trace::{TraceConfig, TraceModule};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const LIMIT: Duration = Duration::from_secs(5);

/// What an operation returns says what it did.
struct Plan {
    steps: u64,
}

impl OperationOutcome for Plan {
    fn operations_completed(&self) -> u64 {
        self.steps
    }
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("agent {agent} gave up")]
struct AgentError {
    agent: String,
}

/// The operation: an agent asks its tool, which takes this long to answer.
async fn plan_route(tool: Duration) -> Result<Plan, AgentError> {
    tokio::time::sleep(tool).in_span(async_span!(kind: Client, "ask_tool", tool.name = "maps")).await;
    Ok(Plan { steps: 3 })
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut config = TraceConfig::default();
    config.opentelemetry.service.name = "planner".to_owned();
    config.opentelemetry.tracing.sampling_rate = 1.0;
    let module = Arc::new(TraceModule::from_config(config)?);
    module.set_global();

    let contexts = InMemoryContextProvider::new();
    let context: ContextRef = "trip-to-kyoto".parse()?;
    contexts.insert(&TenantId::default(), ContextRecord::new(context.clone()).monitoring(profile()));
    let monitoring = integration(&module, contexts)?;

    println!("1. Twenty-one quick runs: the first twenty are learned from, the last is compared with them.");
    let quick = || plan_route(Duration::from_millis(2));
    for _ in 0..20 {
        let observed = monitoring.monitor_context_performance(&context, "plan_route", quick).await?;
        let analysis = observed.performance_analysis.ok_or("no analysis")?;
        assert_eq!(
            (observed.result.steps, analysis.baseline),
            (3, None),
            "nothing is made up while learning"
        );
    }
    let observed = monitoring.monitor_context_performance(&context, "plan_route", quick).await?;
    let baseline = observed.performance_analysis.and_then(|a| a.baseline).ok_or("no baseline")?;
    println!("   baseline of {} runs: {:.1} ms", baseline.sample_size, baseline.baseline_ms);
    assert_eq!(baseline.sample_size, 20);

    println!("2. A slow run: over the threshold of the context.");
    let slow = || plan_route(Duration::from_millis(450));
    let observed = monitoring.monitor_context_performance(&context, "plan_route", slow).await?;
    let analysis = observed.performance_analysis.ok_or("no analysis")?;
    let baseline = analysis.baseline.ok_or("no baseline")?;
    println!("   {:.0} ms, {:+.0} % against the baseline", analysis.duration_ms, baseline.delta_percent);
    for advice in &analysis.recommendations {
        println!("   {}: {}", advice.kind, advice.message);
    }
    assert!(baseline.delta_percent > 100.0);
    assert!(analysis.bottlenecks.iter().any(|b| b.name == "ask_tool"), "the slow step is named");
    let alert = alert_of(&module, AlertKind::ThresholdExceeded)?;
    println!("   alert: {} {}", alert.alert.severity, alert.alert.message);
    assert_eq!(alert.alert.trace.map(|t| t.trace_id), observed.trace_id);
    assert_eq!(alert.alert.threshold, Some(400.0));

    println!("3. A failing run: the caller gets the error itself, the trace ends with it.");
    let failing = || async { Err::<Plan, _>(AgentError { agent: "hotels".to_owned() }) };
    let failed = monitoring.monitor_context_performance(&context, "book_hotel", failing).await;
    let Err(error) = failed else { return Err("the failure was lost".into()) };
    assert_eq!(error, AgentError { agent: "hotels".to_owned() });
    let span = only_span(&module, "book_hotel").await?;
    println!("   {error}: {:?}", span.status);
    assert_eq!(span.status, Status::Error(error.to_string().into()));
    let alert = alert_of(&module, AlertKind::WorkflowExecutionFailed)?;
    assert_eq!(alert.alert.trace.map(|t| t.trace_id), Some(span.context.trace_id));

    println!("4. A cancelled run: its trace and the step inside it end, and nobody is alarmed.");
    let endless = || plan_route(Duration::from_secs(3600));
    let run = monitoring.monitor_context_performance(&context, "wait_for_visa", endless);
    assert!(tokio::time::timeout(Duration::from_millis(20), run).await.is_err(), "it was cancelled");
    let span = only_span(&module, "wait_for_visa").await?;
    let status = span.attributes.iter().find(|kv| kv.key == "mplp.status").map(|kv| kv.value.to_string());
    println!("   mplp.status = {}", status.as_deref().unwrap_or("?"));
    assert_eq!((status.as_deref(), span.status), (Some("cancelled"), Status::Unset));

    let stats = monitoring.stats();
    assert_eq!((stats.open_traces, stats.monitoring_failures, stats.alerts_rejected), (0, 0, 0));
    let report = module.shutdown(LIMIT)?;
    println!("\n{report}");
    // 24 operations, of which 23 asked their tool.
    assert_eq!((report.spans.ledger.received, report.spans.ledger.open, report.lost()), (47, 0, 0));
    Ok(())
}

/// How the context wants to be watched.
fn profile() -> ContextProfile {
    ContextProfile {
        context_type: Some(ContextType::Collaborative),
        monitoring_level: Some(MonitoringLevel::Detailed),
        alert_thresholds: Some(AlertThresholds {
            duration_ms: Some(Limit::above(400.0, 4000.0)),
            ..AlertThresholds::default()
        }),
        ..ContextProfile::default()
    }
}

/// The integration over everything that the module has. All four switches are on by default.
fn integration(
    module: &Arc<TraceModule>,
    contexts: InMemoryContextProvider,
) -> Result<MonitoringContextIntegration> {
    let flushed = module.clone();
    let alerts = module.alerts().ok_or("alerting is off")?;
    let integration = MonitoringContextIntegration::builder(contexts, module.recorder().clone())
        .alerts(alerts.clone())
        .metrics(module.metrics())
        .spans(Arc::new(module.store().clone()))
        // So that an analysis sees the steps that ended just now; it blocks, so not on a thread of the runtime.
        .flush_before_analysis(move || {
            let module = flushed.clone();
            async move {
                let flush = tokio::task::spawn_blocking(move || module.flush(LIMIT));
                flush.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
            }
        });
    Ok(integration.build()?)
}

/// The record of the only alert of a kind.
fn alert_of(module: &TraceModule, kind: AlertKind) -> Result<AlertRecord> {
    let alerts = module.alerts().ok_or("alerting is off")?;
    alerts.flush(LIMIT);
    let mut records = alerts.records(&RecordFilter { kind: Some(kind), ..RecordFilter::default() });
    assert_eq!(records.len(), 1, "{records:?}");
    Ok(records.remove(0))
}

/// The only span with this name, read back from the store.
async fn only_span(module: &TraceModule, name: &str) -> Result<SpanData> {
    module.flush(LIMIT)?;
    let filter = SpanFilter { operation: Some(name.to_owned()), ..SpanFilter::default() };
    let query = SpanQuery { filter, ..SpanQuery::default() };
    let found = module.store().search(module.service().tenant(), &query).await?;
    assert_eq!(found.items.len(), 1);
    let trace = module
        .store()
        .trace(module.service().tenant(), &found.items[0].trace_id)
        .await?
        .ok_or("the trace is gone")?;
    let span = trace.spans.into_iter().find(|s| s.span.name == name);
    Ok(span.ok_or("the span is gone")?.span)
}
