//! What workflows share.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::WorkflowError;

/// An amount of everything that can be allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Processor cores.
    pub cpu_cores: u32,
    /// Memory in MB.
    pub memory_mb: u32,
    /// Storage in MB.
    pub storage_mb: u32,
}

impl Resources {
    fn minus(self, other: Self) -> Self {
        Self {
            cpu_cores: self.cpu_cores.saturating_sub(other.cpu_cores),
            memory_mb: self.memory_mb.saturating_sub(other.memory_mb),
            storage_mb: self.storage_mb.saturating_sub(other.storage_mb),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            cpu_cores: self.cpu_cores.saturating_add(other.cpu_cores),
            memory_mb: self.memory_mb.saturating_add(other.memory_mb),
            storage_mb: self.storage_mb.saturating_add(other.storage_mb),
        }
    }
}

/// A fixed amount of resources that is handed out and comes back. Clones share it.
#[derive(Clone, Debug)]
pub struct ResourcePool {
    capacity: Resources,
    free: Arc<Mutex<Resources>>,
}

impl ResourcePool {
    /// A pool of this much.
    pub fn new(capacity: Resources) -> Self {
        Self { capacity, free: Arc::new(Mutex::new(capacity)) }
    }

    /// What is free.
    pub fn free(&self) -> Resources {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all of it, or nothing.
    ///
    /// # Errors
    /// If there is not enough of something, which is named.
    pub fn allocate(&self, wanted: Resources) -> Result<Allocation, WorkflowError> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shortage) = WorkflowError::shortage(wanted, *free, self.capacity) {
            return Err(shortage);
        }
        *free = free.minus(wanted);
        Ok(Allocation { resources: wanted, pool: self.clone() })
    }
}

/// Resources in use; they go back to their pool when this is dropped, however the work ends.
#[derive(Debug)]
pub struct Allocation {
    resources: Resources,
    pool: ResourcePool,
}

impl Allocation {
    /// How much it is.
    pub fn resources(&self) -> Resources {
        self.resources
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = free.plus(self.resources);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: Resources = Resources { cpu_cores: 2, memory_mb: 100, storage_mb: 100 };

    #[test]
    fn resources_come_back_when_the_work_panics() {
        let pool = ResourcePool::new(SOME);
        let inner = pool.clone();
        let result = std::panic::catch_unwind(move || {
            let _held = inner.allocate(Resources { cpu_cores: 1, ..Resources::default() });
            assert_eq!(inner.free().cpu_cores, 1);
            panic!("on purpose");
        });
        assert!(result.is_err());
        assert_eq!(pool.free(), SOME);
    }

    #[test]
    fn what_is_short_is_named_and_nothing_is_taken() {
        let pool = ResourcePool::new(SOME);
        let error = pool.allocate(Resources { memory_mb: 101, ..SOME }).unwrap_err();
        assert_eq!(error.to_string(), "not enough memory (MB): 101 wanted, 100 free of 100");
        assert_eq!(pool.free(), SOME);
    }
}
