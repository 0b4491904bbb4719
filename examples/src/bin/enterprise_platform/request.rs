//! What a client asks for, and why it may not get it.

use axum::http::StatusCode;
use mplp_trace::core::model::Priority;
use serde::Deserialize;

use crate::resources::Resources;

/// The body of `POST /api/v1/workflows/execute`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WorkflowRequest {
    pub(crate) workflow_id: String,
    pub(crate) workflow_type: String,
    #[serde(default)]
    pub(crate) priority: Priority,
    #[serde(default = "one")]
    pub(crate) parallel_tasks: u32,
    #[serde(default)]
    pub(crate) resource_requirements: Resources,
    pub(crate) tasks: Vec<Task>,
}

/// An agent adds the numbers of its input up, after its tool has answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Task {
    pub(crate) agent: String,
    pub(crate) input: String,
    #[serde(default)]
    pub(crate) tool_ms: u32,
}

fn one() -> u32 {
    1
}

/// Why a workflow did not complete.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkflowError {
    #[error("{0}")]
    Invalid(&'static str),
    #[error("not enough resources: {wanted:?} wanted, {free:?} free")]
    NoResources { wanted: Resources, free: Resources },
    #[error("the platform is about to end")]
    Closing,
    #[error("agent {agent} failed: {reason}")]
    Agent { agent: String, reason: String },
}

impl WorkflowError {
    /// What a client can act on.
    pub(crate) fn answer(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "INVALID_WORKFLOW"),
            Self::NoResources { .. } => (StatusCode::SERVICE_UNAVAILABLE, "NO_RESOURCES"),
            Self::Closing => (StatusCode::SERVICE_UNAVAILABLE, "CLOSING"),
            Self::Agent { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "WORKFLOW_EXECUTION_FAILED"),
        }
    }
}

impl WorkflowRequest {
    /// Checks what types cannot.
    pub(crate) fn validate(&self) -> Result<(), WorkflowError> {
        match self {
            r if r.workflow_id.is_empty() => Err(WorkflowError::Invalid("workflowId is empty")),
            r if !(1..=16).contains(&r.parallel_tasks) => {
                Err(WorkflowError::Invalid("parallelTasks must be 1 to 16"))
            }
            r if !(1..=100).contains(&r.tasks.len()) => Err(WorkflowError::Invalid("tasks must be 1 to 100")),
            _ => Ok(()),
        }
    }

    pub(crate) fn estimated_duration_ms(&self) -> f64 {
        let total: f64 = self.tasks.iter().map(|t| f64::from(t.tool_ms)).sum();
        total / f64::from(self.parallel_tasks)
    }
}
