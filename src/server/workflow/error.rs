//! Why a workflow did not complete.

use super::Resources;

/// Why a workflow did not complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkflowError {
    /// The request cannot be carried out by anyone.
    #[error("{0}")]
    Invalid(String),
    /// There is not enough of something.
    #[error("not enough {what}: {wanted} wanted, {free} free of {capacity}")]
    Resources {
        /// Of what.
        what: &'static str,
        /// How much was wanted.
        wanted: u32,
        /// How much was free.
        free: u32,
        /// How much there is at all.
        capacity: u32,
    },
    /// An agent failed.
    #[error("{agent} failed: {message}")]
    Agent {
        /// The agent.
        agent: String,
        /// What happened.
        message: String,
    },
}

impl WorkflowError {
    /// Finds what there is not enough of.
    pub(super) fn shortage(wanted: Resources, free: Resources, capacity: Resources) -> Option<Self> {
        let kinds = [
            ("cpu cores", wanted.cpu_cores, free.cpu_cores, capacity.cpu_cores),
            ("memory (MB)", wanted.memory_mb, free.memory_mb, capacity.memory_mb),
            ("storage (MB)", wanted.storage_mb, free.storage_mb, capacity.storage_mb),
        ];
        let short = kinds.into_iter().find(|(_, wanted, free, _)| wanted > free);
        short.map(|(what, wanted, free, capacity)| Self::Resources { what, wanted, free, capacity })
    }
}
