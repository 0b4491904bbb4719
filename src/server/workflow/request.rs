//! What a client asks for.

use serde::Deserialize;
use trace_core::model::Priority;

use super::{Resources, WorkflowError};

/// The body of `POST /api/v1/workflows/execute`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkflowRequest {
    /// The client's name of this workflow, 1 to 128 bytes.
    pub workflow_id: String,
    /// The kind of work, 1 to 64 bytes of letters, digits, `.`, `_` and `-`.
    pub workflow_type: String,
    /// How urgent; `normal` by default.
    #[serde(default)]
    pub priority: Priority,
    /// Agents that run at a time, 1 to 16; 3 by default.
    #[serde(default)]
    pub parallel_tasks: Option<u32>,
    /// What the workflow needs; 1 core, 256 MB of memory and 64 MB of storage by default.
    #[serde(default)]
    pub resource_requirements: ResourceRequirements,
    /// The agents, 1 to 16. By default `research`, `analysis` and `writer`.
    #[serde(default)]
    pub agents: Option<Vec<AgentRequest>>,
}

/// What a workflow needs. What is absent is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ResourceRequirements {
    /// Processor cores.
    pub cpu_cores: Option<u32>,
    /// Memory in MB.
    pub memory_mb: Option<u32>,
    /// Storage in MB.
    pub storage_mb: Option<u32>,
}

/// What one agent has to do.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentRequest {
    /// The agent, 1 to 32 bytes of letters, digits, `_` and `-`. Its span is `agent.` and this.
    pub name: String,
    /// Documents to read, up to 100,000; 40 by default.
    #[serde(default = "default_documents")]
    pub documents: u32,
    /// How long the agent waits for its tools, in milliseconds, up to 10,000; 5 by default. The wait varies by a
    /// tenth up and down.
    #[serde(default = "default_wait")]
    pub wait_ms: u32,
}

fn default_documents() -> u32 {
    40
}

fn default_wait() -> u32 {
    5
}

const MAX_AGENTS: usize = 16;
const MAX_PARALLEL: u32 = 16;
const MAX_DOCUMENTS: u32 = 100_000;
const MAX_WAIT_MS: u32 = 10_000;

impl WorkflowRequest {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first field that cannot be used, with what is allowed.
    pub fn validate(&self) -> Result<(), WorkflowError> {
        let invalid = |message: String| Err(WorkflowError::Invalid(message));
        if self.workflow_id.is_empty() || self.workflow_id.len() > 128 {
            return invalid("workflowId must have 1 to 128 bytes".to_owned());
        }
        if !is_name(&self.workflow_type, 64, "._-") {
            return invalid("workflowType must have 1 to 64 letters, digits, `.`, `_` or `-`".to_owned());
        }
        if !(1..=MAX_PARALLEL).contains(&self.parallel_tasks()) {
            return invalid(format!("parallelTasks must be 1 to {MAX_PARALLEL}"));
        }
        let agents = self.agents();
        if agents.is_empty() || agents.len() > MAX_AGENTS {
            return invalid(format!("agents must be 1 to {MAX_AGENTS}"));
        }
        for (n, agent) in agents.iter().enumerate() {
            if !is_name(&agent.name, 32, "_-") {
                return invalid(format!("agents[{n}].name must have 1 to 32 letters, digits, `_` or `-`"));
            }
            if agent.documents > MAX_DOCUMENTS {
                return invalid(format!("agents[{n}].documents must be at most {MAX_DOCUMENTS}"));
            }
            if agent.wait_ms > MAX_WAIT_MS {
                return invalid(format!("agents[{n}].waitMs must be at most {MAX_WAIT_MS}"));
            }
        }
        Ok(())
    }

    /// Agents that run at a time.
    pub fn parallel_tasks(&self) -> u32 {
        self.parallel_tasks.unwrap_or(3)
    }

    /// The agents, or the default ones.
    pub fn agents(&self) -> Vec<AgentRequest> {
        let default = |name: &str| AgentRequest {
            name: name.to_owned(),
            documents: default_documents(),
            wait_ms: default_wait(),
        };
        self.agents.clone().unwrap_or_else(|| ["research", "analysis", "writer"].map(default).to_vec())
    }

    /// What is to be allocated.
    pub fn resources(&self) -> Resources {
        let wanted = self.resource_requirements;
        Resources {
            cpu_cores: wanted.cpu_cores.unwrap_or(1),
            memory_mb: wanted.memory_mb.unwrap_or(256),
            storage_mb: wanted.storage_mb.unwrap_or(64),
        }
    }

    /// A figure for how much there is to do: documents, and what comes with each agent.
    pub fn complexity(&self) -> f64 {
        self.agents().iter().map(|a| f64::from(a.documents) / 10.0 + 1.0).sum()
    }

    /// How long it should take at least: the waits, as far as they cannot overlap.
    pub fn estimated_duration_ms(&self) -> f64 {
        let agents = self.agents();
        let longest = agents.iter().map(|a| a.wait_ms).max().unwrap_or(0);
        let total: u32 = agents.iter().map(|a| a.wait_ms).sum();
        f64::from(longest).max(f64::from(total) / f64::from(self.parallel_tasks().max(1)))
    }
}

fn is_name(text: &str, max: usize, others: &str) -> bool {
    (1..=max).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<WorkflowRequest, String> {
        let request: WorkflowRequest = serde_json::from_str(json).map_err(|e| e.to_string())?;
        request.validate().map_err(|e| e.to_string())?;
        Ok(request)
    }

    #[test]
    fn the_least_request_has_three_agents() {
        let request = read(r#"{"workflowId":"w","workflowType":"report"}"#).unwrap();
        assert_eq!((request.agents().len(), request.priority), (3, Priority::Normal));
        assert_eq!(request.estimated_duration_ms(), 5.0);
    }

    #[test]
    fn every_bad_field_is_named() {
        for (field, json) in [
            ("workflowId", r#"{"workflowId":"","workflowType":"t"}"#),
            ("workflowType", r#"{"workflowId":"w","workflowType":"a b"}"#),
            ("parallelTasks", r#"{"workflowId":"w","workflowType":"t","parallelTasks":0}"#),
            ("agents must", r#"{"workflowId":"w","workflowType":"t","agents":[]}"#),
            ("agents[0].name", r#"{"workflowId":"w","workflowType":"t","agents":[{"name":"a/b"}]}"#),
            (
                "agents[0].waitMs",
                r#"{"workflowId":"w","workflowType":"t","agents":[{"name":"a","waitMs":99999}]}"#,
            ),
            (
                "agents[0].documents",
                r#"{"workflowId":"w","workflowType":"t","agents":[{"name":"a","documents":9999999}]}"#,
            ),
            ("workflowId", r#"{"workflowType":"t"}"#),
            ("unknown field `x`", r#"{"workflowId":"w","workflowType":"t","x":1}"#),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(field), "{json}: {error}");
        }
    }
}
