//! Finished spans on their way from an ingest to the pipeline's thread.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

use tokio::sync::Notify;

use crate::batch::SpanBatchMut;
use crate::model::TenantId;

/// A batch, and whose it is known to be.
pub(super) type Ingested = (SpanBatchMut, Option<TenantId>);

/// Bounded in bytes.
pub(super) struct IngestQueue {
    state: Mutex<State>,
    /// Told whenever there is room again.
    pub(super) emptied: Notify,
    pub(super) capacity: usize,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Ingested>,
    bytes: usize,
    closed: bool,
    consumer: Option<Thread>,
}

/// Why a batch was not taken; it comes back.
pub(super) enum Refusal {
    Full(Box<Ingested>, usize),
    Closed,
}

impl IngestQueue {
    pub(super) fn new(capacity: usize) -> Self {
        Self { state: Mutex::default(), emptied: Notify::new(), capacity }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names the calling thread as the one that takes batches out.
    pub(super) fn attach_thread(&self) {
        self.state().consumer = Some(std::thread::current());
    }

    /// Puts a batch in. One that is larger than the whole queue is taken when the queue is empty.
    pub(super) fn push(&self, batch: Ingested) -> Result<(), Refusal> {
        let bytes = batch.0.byte_size();
        let mut s = self.state();
        if s.closed {
            return Err(Refusal::Closed);
        }
        let fits = s.bytes == 0 || s.bytes.saturating_add(bytes) <= self.capacity;
        let result = if fits {
            s.bytes += bytes;
            s.batches.push_back(batch);
            Ok(())
        } else {
            Err(Refusal::Full(Box::new(batch), s.bytes))
        };
        if let Some(consumer) = &s.consumer {
            consumer.unpark();
        }
        result
    }

    /// Puts batches in together, or none of them; `Err(Some(waiting))` is for want of room, `Err(None)` at the end.
    pub(super) fn push_all(&self, batches: &mut Vec<Ingested>) -> Result<(), Option<usize>> {
        let bytes: usize = batches.iter().map(|b| b.0.byte_size()).sum();
        let mut s = self.state();
        if s.closed {
            return Err(None);
        }
        let fits = s.bytes == 0 || s.bytes.saturating_add(bytes) <= self.capacity;
        let result = if fits {
            s.bytes += bytes;
            s.batches.extend(batches.drain(..));
            Ok(())
        } else {
            Err(Some(s.bytes))
        };
        if let Some(consumer) = &s.consumer {
            consumer.unpark();
        }
        result
    }

    /// Everything that waits.
    pub(super) fn take(&self) -> VecDeque<Ingested> {
        let mut s = self.state();
        s.bytes = 0;
        let batches = std::mem::take(&mut s.batches);
        drop(s);
        if !batches.is_empty() {
            self.emptied.notify_waiters();
        }
        batches
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
        self.emptied.notify_waiters();
    }
}
