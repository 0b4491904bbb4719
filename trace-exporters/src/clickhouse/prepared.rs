//! The tables are made before they are used, once.

use std::sync::atomic::{AtomicBool, Ordering};

use trace_core::signal::ExportError;

use super::connection::{Connection, Failed};

/// The statements that make what is missing, and whether they have run.
#[derive(Debug)]
pub(super) struct Prepared {
    allowed: bool,
    statements: Vec<String>,
    done: AtomicBool,
}

impl Prepared {
    /// Nothing is made unless that is allowed.
    pub(super) fn new(allowed: bool, statements: Vec<String>) -> Self {
        Self { allowed, statements, done: AtomicBool::new(!allowed) }
    }

    /// Makes what is missing, unless that is forbidden or was done. Safe to repeat and to run twice at a time.
    pub(super) async fn prepare(&self, connection: &Connection) -> Result<(), Failed> {
        if !self.done.load(Ordering::Acquire) {
            for statement in &self.statements {
                connection.execute(statement).await?;
            }
            self.done.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// What becomes of an insert that failed. Somebody has dropped a table: it is made again before the next attempt.
    pub(super) fn judge(&self, failed: Failed) -> ExportError {
        if failed.lacks_schema && self.allowed && !failed.error.is_retryable() {
            self.done.store(false, Ordering::Release);
            return ExportError::retryable(failed.error.to_string());
        }
        failed.error
    }
}
