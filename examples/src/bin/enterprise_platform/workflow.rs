//! The workflow in its four phases, each a span.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mplp_trace::TraceModule;
use mplp_trace::core::model::{Severity, TraceIds};
use mplp_trace::core::record::InSpan;
use mplp_trace::core::service::{AlertRequest, MetricSample};
use mplp_trace::core::{async_span, span};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub(crate) use crate::request::{Task, WorkflowError, WorkflowRequest};
use crate::resources::{Allocation, ResourcePool};

/// Runs workflows.
#[derive(Clone)]
pub(crate) struct Workflows {
    pub(crate) module: Arc<TraceModule>,
    pub(crate) pool: Arc<ResourcePool>,
}

/// What a workflow found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkflowResult {
    pub(crate) sum: i64,
    pub(crate) processed_items: usize,
    pub(crate) duration_ms: f64,
}

impl Workflows {
    /// Runs a workflow, and tells which span shows it.
    pub(crate) async fn execute(
        &self,
        request: &WorkflowRequest,
    ) -> (Option<TraceIds>, Result<WorkflowResult, WorkflowError>) {
        // A child of the request's server span, which the monitoring layer made active.
        let root = async_span!(
            "workflow_execution",
            workflow.id = request.workflow_id,
            workflow.type = request.workflow_type,
            priority = request.priority.as_str()
        );
        let trace = root.context().map(|c| TraceIds { trace_id: c.trace_id, span_id: Some(c.span_id) });
        let phases = self.phases(request, trace).in_span(root);
        let result = phases.record_result(|root, result| {
            root.set_attribute("workflow.status", if result.is_ok() { "completed" } else { "failed" });
            root.record_outcome(result);
        });
        let result = result.await;
        if let Err(error) = &result
            && !matches!(error, WorkflowError::Invalid(_))
        {
            self.alert(request, trace, error);
        }
        (trace, result)
    }

    async fn phases(
        &self,
        request: &WorkflowRequest,
        trace: Option<TraceIds>,
    ) -> Result<WorkflowResult, WorkflowError> {
        validate(request)?;
        let allocation = self.allocate(request)?;
        let result = self.core(request, trace).await;
        clean_up(allocation); // whatever the result is
        result
    }

    fn allocate(&self, request: &WorkflowRequest) -> Result<Allocation, WorkflowError> {
        let span = span!("resource_allocation", resource.type = "compute_and_storage");
        let allocation = self.pool.allocate(request.resource_requirements);
        span.record_outcome(&allocation);
        let allocation = allocation?;
        let taken = allocation.resources();
        span.set_attribute("resource.cpu_cores", i64::from(taken.cpu_cores));
        span.set_attribute("resource.memory_mb", i64::from(taken.memory_mb));
        span.set_attribute("resource.storage_mb", i64::from(taken.storage_mb));
        Ok(allocation)
    }

    async fn core(
        &self,
        request: &WorkflowRequest,
        trace: Option<TraceIds>,
    ) -> Result<WorkflowResult, WorkflowError> {
        let span = async_span!(
            "workflow_execution_core",
            execution.mode = "distributed",
            execution.parallel_tasks = request.parallel_tasks
        );
        self.measure(trace, "execution_start", |sample| {
            sample.value("workflow.estimated_duration_ms", request.estimated_duration_ms())
        });
        let result = agents(request).in_span(span).record_outcome().await?;
        self.measure(trace, "execution_complete", |sample| {
            sample
                .value("workflow.actual_duration_ms", result.duration_ms)
                .value("workflow.processed_items", result.processed_items as f64)
        });
        Ok(result)
    }

    /// Hands a sample in. It never waits, and a refusal is counted by the service: no workflow fails for it.
    fn measure(&self, trace: Option<TraceIds>, phase: &str, fill: impl FnOnce(MetricSample) -> MetricSample) {
        let Some(trace) = trace else { return };
        let service = self.module.service();
        let mut sample = fill(MetricSample::new(phase, service.now()));
        sample.memory_usage_mb = self.module.process().sample().map(|usage| usage.memory_mb);
        let _ = service.record_metric(&trace.trace_id.to_string(), sample);
    }

    /// Raises the alert. It goes to a bounded queue: the answer to the client does not wait for its delivery.
    fn alert(&self, request: &WorkflowRequest, trace: Option<TraceIds>, error: &WorkflowError) {
        let mut alert = AlertRequest::new("workflow_execution_failed", Severity::Critical);
        alert.workflow_id = Some(request.workflow_id.clone());
        alert.trace_id = trace.map(|t| t.trace_id.to_string());
        alert.error = Some(error.to_string());
        alert.labels.insert("workflow_type".to_owned(), request.workflow_type.clone());
        let _ = self.module.service().send_alert(alert);
    }
}

fn validate(request: &WorkflowRequest) -> Result<(), WorkflowError> {
    let span = span!("workflow_validation", validation.type = "schema_and_permissions");
    let valid = request.validate();
    span.record_outcome(&valid);
    valid
}

fn clean_up(allocation: Allocation) {
    let _span = span!("result_processing_and_cleanup");
    drop(allocation);
}

/// Runs the agents, a few at a time. When the client goes away, the set is dropped, and they end with it.
async fn agents(request: &WorkflowRequest) -> Result<WorkflowResult, WorkflowError> {
    let started = Instant::now();
    let places = Arc::new(Semaphore::new(request.parallel_tasks as usize));
    let mut running = JoinSet::new();
    for task in request.tasks.iter().cloned() {
        // Started here, where the phase is active: its task runs elsewhere.
        let span = async_span!("agent_task", agent.name = task.agent);
        let places = places.clone();
        running.spawn(async move {
            let _place = places.acquire_owned().await;
            add_up(&task).in_span(span).record_outcome().await
        });
    }
    let mut sum = 0_i64;
    while let Some(done) = running.join_next().await {
        let done =
            done.map_err(|e| WorkflowError::Agent { agent: "(unknown)".to_owned(), reason: e.to_string() })?;
        sum = sum.saturating_add(done?);
    }
    let duration_ms = started.elapsed().as_secs_f64() * 1e3;
    Ok(WorkflowResult { sum, processed_items: request.tasks.len(), duration_ms })
}

async fn add_up(task: &Task) -> Result<i64, WorkflowError> {
    tokio::time::sleep(Duration::from_millis(task.tool_ms.into())).await;
    let numbers = task.input.split_whitespace().map(|word| {
        let reason = || format!("{word:?} is not a number");
        word.parse::<i64>().map_err(|_| WorkflowError::Agent { agent: task.agent.clone(), reason: reason() })
    });
    numbers.sum()
}
