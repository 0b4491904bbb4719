//! Runs workflows, phase by phase, each phase a span.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use trace_core::model::{Scope, Severity, SpanKind, Status, TenantId, TraceIds};
use trace_core::record::{InSpan as _, Span, current_context};
use trace_core::service::{AlertRequest, TracingService};
use trace_core::store::MetricSample;

use super::agent::{self, Findings};
use super::{Allocation, ResourcePool, Resources, WorkflowError, WorkflowRequest};
use crate::module::TraceModule;

/// Runs workflows. What happens in them is recorded in the module.
#[derive(Debug)]
pub struct WorkflowEngine {
    module: Arc<TraceModule>,
    scope: Arc<Scope>,
    pool: ResourcePool,
}

/// What became of one workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowRun {
    /// The trace and its span `workflow_execution`; `None` after the shutdown of the module.
    pub trace: Option<TraceIds>,
    /// The result, or why there is none.
    pub result: Result<WorkflowResult, WorkflowError>,
}

/// What a workflow found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowResult {
    /// How long the agents took together, in milliseconds.
    pub duration_ms: f64,
    /// The share of agents that succeeded, 0 to 1. All did: one that fails fails the workflow.
    pub success_rate: f64,
    /// Documents read.
    pub processed_items: u64,
    /// Each agent, in the order of the request.
    pub agents: Vec<AgentResult>,
}

/// What one agent found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentResult {
    /// The agent.
    pub name: String,
    /// Documents read.
    pub documents: u32,
    /// A fingerprint of the findings, in hexadecimal.
    pub digest: String,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
}

/// What all workflows share: enough for some dozens of small ones at a time.
const CAPACITY: Resources = Resources { cpu_cores: 64, memory_mb: 65_536, storage_mb: 65_536 };

impl WorkflowEngine {
    /// An engine with a pool of 64 cores, and 64 GB of memory and storage each.
    pub fn new(module: Arc<TraceModule>) -> Self {
        let scope = Arc::new(Scope::from_static("workflow-service", env!("CARGO_PKG_VERSION")));
        Self { module, scope, pool: ResourcePool::new(CAPACITY) }
    }

    /// What workflows share.
    pub fn pool(&self) -> &ResourcePool {
        &self.pool
    }

    /// Runs a workflow. A failure raises the alert `workflow_execution_failed`; a request that cannot be carried out
    /// by anyone does not. If the future is dropped, its spans end as cancelled and its resources are free again.
    pub async fn execute(&self, request: &WorkflowRequest) -> WorkflowRun {
        // Within a request that is traced already it is a step of that, else it is the entry.
        let inside = current_context().is_some_and(|c| !c.is_remote);
        let kind = if inside { SpanKind::Internal } else { SpanKind::Server };
        let root = self.phase_of("workflow_execution", kind);
        root.set_attribute("workflow.id", request.workflow_id.clone());
        root.set_attribute("workflow.type", request.workflow_type.clone());
        root.set_attribute("priority", request.priority.as_str());
        let context = root.context();
        let trace = context.map(|c| TraceIds { trace_id: c.trace_id, span_id: Some(c.span_id) });

        let phases = self.phases(request, trace).in_span(root);
        let result = phases.record_result(|root, result| {
            root.set_attribute("workflow.status", if result.is_ok() { "completed" } else { "failed" });
            root.set_attribute("workflow.success", result.is_ok());
            root.record_outcome(result);
        });
        let result = result.await;
        if let Err(error) = &result
            && !matches!(error, WorkflowError::Invalid(_))
        {
            self.tell(request, trace, error);
        }
        WorkflowRun { trace, result }
    }

    async fn phases(
        &self,
        request: &WorkflowRequest,
        trace: Option<TraceIds>,
    ) -> Result<WorkflowResult, WorkflowError> {
        self.validate(request)?;

        let allocation = self.allocate(request)?;

        let execution = self.phase("workflow_execution_core");
        execution.set_attribute("execution.mode", "distributed");
        execution.set_attribute("execution.parallel_tasks", i64::from(request.parallel_tasks()));
        self.measure(trace, "execution_start", |sample| {
            sample
                .value("workflow.complexity", request.complexity())
                .value("workflow.estimated_duration_ms", request.estimated_duration_ms())
        });
        let agents = self.agents(request).in_span(execution);
        let result = agents.record_result(|execution, result| {
            if let Ok(result) = result {
                self.measure(trace, "execution_complete", |sample| {
                    sample
                        .value("workflow.actual_duration_ms", result.duration_ms)
                        .value("workflow.success_rate", result.success_rate)
                        .value("workflow.processed_items", result.processed_items as f64)
                });
                execution.set_attribute("execution.duration_ms", result.duration_ms);
                execution.set_attribute("execution.processed_items", result.processed_items as i64);
            }
            execution.set_attribute("execution.success", result.is_ok());
            execution.record_outcome(result);
        });
        let result = result.await;
        self.clean_up(allocation);
        result
    }

    fn validate(&self, request: &WorkflowRequest) -> Result<(), WorkflowError> {
        let phase = self.phase("workflow_validation");
        phase.set_attribute("validation.type", "schema_and_permissions");
        let valid = request.validate();
        phase.record_outcome(&valid);
        valid
    }

    fn allocate(&self, request: &WorkflowRequest) -> Result<Allocation, WorkflowError> {
        let phase = self.phase("resource_allocation");
        phase.set_attribute("resource.type", "compute_and_storage");
        let allocation = self.pool.allocate(request.resources());
        if let Ok(allocation) = &allocation {
            let taken = allocation.resources();
            phase.set_attribute("resource.cpu_cores", i64::from(taken.cpu_cores));
            phase.set_attribute("resource.memory_mb", i64::from(taken.memory_mb));
            phase.set_attribute("resource.storage_mb", i64::from(taken.storage_mb));
        }
        phase.record_outcome(&allocation);
        allocation
    }

    /// Gives the resources back. They go back on every other path, too, when the allocation is dropped.
    fn clean_up(&self, allocation: Allocation) {
        let phase = self.phase("result_processing_and_cleanup");
        drop(allocation);
        phase.set_status(Status::Ok);
    }

    async fn agents(&self, request: &WorkflowRequest) -> Result<WorkflowResult, WorkflowError> {
        let started = Instant::now();
        let places = Arc::new(Semaphore::new(request.parallel_tasks() as usize));
        // Dropping the set, as by a client that goes away, ends the agents.
        let mut running = JoinSet::new();
        let agents = request.agents();
        for (n, wanted) in agents.iter().cloned().enumerate() {
            let places = places.clone();
            let span = self.agent_span(&wanted.name);
            let seed = agent::seed(&format!("{}/{}", request.workflow_id, wanted.name));
            running.spawn(async move {
                // The semaphore is never closed, so an error cannot come.
                let _place = places.acquire_owned().await;
                let begun = Instant::now();
                let span = span();
                span.set_attribute("agent.name", wanted.name.clone());
                span.set_attribute("agent.documents", i64::from(wanted.documents));
                let work = async {
                    let done = agent::work(&wanted, seed).await;
                    done.map_err(|message| WorkflowError::Agent { agent: wanted.name.clone(), message })
                };
                let done = work.in_span(span).record_outcome().await;
                (n, done, begun.elapsed())
            });
        }
        let mut results: Vec<Option<AgentResult>> = vec![None; agents.len()];
        while let Some(joined) = running.join_next().await {
            let (n, findings, took) = joined.map_err(|e| WorkflowError::Agent {
                agent: "an agent".to_owned(),
                message: if e.is_panic() { "panicked".to_owned() } else { "was cancelled".to_owned() },
            })?;
            results[n] = Some(agent_result(&agents[n].name, findings?, took));
        }
        let agents: Vec<AgentResult> = results.into_iter().flatten().collect();
        Ok(WorkflowResult {
            duration_ms: started.elapsed().as_secs_f64() * 1e3,
            success_rate: 1.0,
            processed_items: agents.iter().map(|a| u64::from(a.documents)).sum(),
            agents,
        })
    }

    fn phase(&self, name: &'static str) -> Span {
        self.phase_of(name, SpanKind::Internal)
    }

    fn phase_of(&self, name: &'static str, kind: SpanKind) -> Span {
        self.module.recorder().span(name).kind(kind).scope(self.scope.clone()).start()
    }

    /// Starts the span of an agent when it is called, as a child of the span that is active now.
    fn agent_span(&self, name: &str) -> impl FnOnce() -> Span + Send + 'static {
        let (recorder, scope) = (self.module.recorder().clone(), self.scope.clone());
        let (name, parent) = (format!("agent.{name}"), current_context());
        move || {
            let builder = recorder.span(name).scope(scope);
            match parent {
                Some(parent) => builder.parent(parent).start(),
                None => builder.start(),
            }
        }
    }

    /// Hands a metric sample in. What is wrong with it is counted by the service and harms nobody here.
    fn measure(&self, trace: Option<TraceIds>, phase: &str, fill: impl FnOnce(MetricSample) -> MetricSample) {
        let Some(trace) = trace else { return };
        let service = self.service();
        let mut sample = fill(MetricSample::new(phase, service.now()));
        if let Some(usage) = self.module.process().sample() {
            let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
            sample.cpu_usage_percent = Some((usage.cpu_percent / cores).clamp(0.0, 100.0));
            sample.memory_usage_mb = Some(usage.memory_mb);
        }
        let _ = service.record_metric(&trace.trace_id.to_string(), sample);
    }

    /// Raises the alert. A queue that is full is counted by the service and harms nobody here.
    fn tell(&self, request: &WorkflowRequest, trace: Option<TraceIds>, error: &WorkflowError) {
        let mut alert = AlertRequest::new("workflow_execution_failed", Severity::Critical);
        alert.workflow_id = Some(request.workflow_id.clone());
        alert.trace_id = trace.map(|t| t.trace_id.to_string());
        alert.error = Some(error.to_string());
        alert.labels.insert("workflow_type".to_owned(), request.workflow_type.clone());
        alert
            .labels
            .insert("service".to_owned(), self.module.recorder().resource().service_name().to_owned());
        let _ = self.service().send_alert(alert);
    }

    /// The service for the tenant of the active span.
    fn service(&self) -> TracingService {
        let tenant = current_context().and_then(|c| TenantId::new(c.tenant.name()?).ok());
        self.module.service().for_tenant(tenant.unwrap_or_default())
    }
}

fn agent_result(name: &str, findings: Findings, took: Duration) -> AgentResult {
    AgentResult {
        name: name.to_owned(),
        documents: findings.documents,
        digest: format!("{:016x}", findings.digest),
        duration_ms: took.as_secs_f64() * 1e3,
    }
}
