//! Workflows of agents: validation, allocation of resources, execution with parallel agents, cleanup.
//!
//! The agents read, parse, count, sort and hash generated documents, and wait for their tools, so that a trace of a
//! workflow shows time that was really spent.

mod agent;
mod engine;
mod error;
mod request;
mod resources;

pub use engine::{AgentResult, WorkflowEngine, WorkflowResult, WorkflowRun};
pub use error::WorkflowError;
pub use request::{AgentRequest, ResourceRequirements, WorkflowRequest};
pub use resources::{Allocation, ResourcePool, Resources};
