//! What workflows share, and a guard that gives it back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mplp_trace::core::model::{Check, CheckStatus, ComponentHealth};
use mplp_trace::core::service::HealthCheck;
use serde::Deserialize;

use crate::workflow::WorkflowError;

/// An amount of everything that can be allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Resources {
    pub(crate) cpu_cores: u32,
    pub(crate) memory_mb: u32,
    pub(crate) storage_mb: u32,
}

impl Resources {
    /// Each amount with the same one of another, or `None` if one of them does not work out.
    fn with(self, other: Self, f: fn(u32, u32) -> Option<u32>) -> Option<Self> {
        Some(Self {
            cpu_cores: f(self.cpu_cores, other.cpu_cores)?,
            memory_mb: f(self.memory_mb, other.memory_mb)?,
            storage_mb: f(self.storage_mb, other.storage_mb)?,
        })
    }
}

/// A fixed amount that is handed out and comes back.
pub(crate) struct ResourcePool {
    state: Mutex<State>,
}

struct State {
    free: Resources,
    closed: bool,
}

impl ResourcePool {
    pub(crate) fn new(capacity: Resources) -> Self {
        Self { state: Mutex::new(State { free: capacity, closed: false }) }
    }

    pub(crate) fn free(&self) -> Resources {
        self.lock().free
    }

    /// Hands nothing out from now on: the platform is about to end.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Takes all of it, or nothing.
    pub(crate) fn allocate(self: &Arc<Self>, wanted: Resources) -> Result<Allocation, WorkflowError> {
        let mut state = self.lock();
        if state.closed {
            return Err(WorkflowError::Closing);
        }
        let left = state.free.with(wanted, u32::checked_sub);
        state.free = left.ok_or(WorkflowError::NoResources { wanted, free: state.free })?;
        Ok(Allocation { taken: wanted, pool: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without resources there are no workflows, so a closed pool makes the platform unhealthy.
impl HealthCheck for ResourcePool {
    fn component(&self) -> &str {
        "resources"
    }

    fn check(&self) -> ComponentHealth {
        let state = self.lock();
        let status = if state.closed { CheckStatus::Fail } else { CheckStatus::Pass };
        let message = format!("{:?} free{}", state.free, if state.closed { ", closed" } else { "" });
        ComponentHealth::from_checks(vec![Check { name: "pool".to_owned(), status, message }], 0, None)
    }
}

/// Resources in use. They are free again when this is dropped: after success, failure, panic or cancellation.
pub(crate) struct Allocation {
    taken: Resources,
    pool: Arc<ResourcePool>,
}

impl Allocation {
    pub(crate) fn resources(&self) -> Resources {
        self.taken
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        // What was taken fits back in.
        state.free = state.free.with(self.taken, u32::checked_add).unwrap_or(state.free);
    }
}
