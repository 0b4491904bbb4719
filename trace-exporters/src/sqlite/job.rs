//! What the writer thread is asked to do.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use trace_core::batch::SpanBatch;
use trace_core::signal::ExportError;

use super::catalog::HourShared;
use super::hour::Hour;

/// The answer to a job.
pub(super) type Done = oneshot::Sender<Result<(), ExportError>>;

/// Something to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Store a batch.
    Write(Write),
    /// Bring to the disk what was stored.
    Flush(Done),
    /// The same, index everything, and end.
    Shutdown(Done),
    /// A reader found the file of an hour damaged: this one, not one that was made since under the same name.
    SetAside(Hour, Arc<HourShared>, String),
}

/// A batch to store.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) batch: SpanBatch,
    pub(super) done: Done,
    /// Bounds how many wait; given back when the job is done.
    pub(super) _permit: OwnedSemaphorePermit,
}
