//! Hands log records in that were not made here.

use std::sync::Arc;

use crate::log::{LogIntake, NoRoom};
use crate::model::{LogBatchMut, TenantId};

/// A way into the pipeline for log records of others: what a receiver decoded. They keep their own resource and scopes,
/// pass the same processors, and reach the same destinations. Cheap to clone.
#[derive(Clone)]
pub struct LogIngest {
    pub(super) intake: Arc<LogIntake>,
    pub(super) tenant: Option<TenantId>,
}

/// Log records were not taken. They are in no account: who handed them in still has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogIngestError {
    /// Too much is waiting already.
    #[error("there is no room for log records now; send them again later")]
    Full,
    /// There is no destination for logs, or the pipeline has been shut down.
    #[error("there is no destination for logs, or the pipeline is shut down")]
    Closed,
}

impl LogIngest {
    /// The same way for records of a tenant who has proved to be that tenant: what they say of their tenant does not
    /// count.
    #[must_use]
    pub fn of_tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Hands batches in, all of them or none. Never waits.
    ///
    /// # Errors
    /// If they were not taken. Then nothing is counted.
    pub fn hand_in(&self, batches: Vec<LogBatchMut>) -> Result<(), LogIngestError> {
        let batches = batches.into_iter().map(|b| (b, self.tenant.clone())).collect();
        self.intake.hand_in(batches).map_err(|why| match why {
            NoRoom::Full => LogIngestError::Full,
            NoRoom::Closed => LogIngestError::Closed,
        })
    }
}

impl std::fmt::Debug for LogIngest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogIngest").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}
