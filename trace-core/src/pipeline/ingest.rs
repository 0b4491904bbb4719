//! Hands finished spans in that were not recorded here.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::account::Forwarded;
use super::error::{IngestError, NotTaken};
use super::ingest_queue::{IngestQueue, Ingested, Refusal};
use crate::batch::SpanBatchMut;
use crate::model::TenantId;
use crate::record::{OverflowPolicy, Recorder};

/// A way into the pipeline for finished spans: those that a receiver decoded, or that another SDK recorded. They pass
/// the same processors and reach the same destinations, and stand in the same ledger. Cheap to clone.
///
/// The way is bounded in bytes. What a source does when it is full is its [`OverflowPolicy`]; a span that is refused is
/// counted as `ingest_full`.
#[derive(Clone)]
pub struct Ingest {
    pub(super) queue: Arc<IngestQueue>,
    pub(super) forwarded: Arc<Forwarded>,
    pub(super) recorder: Recorder,
    pub(super) policy: OverflowPolicy,
    pub(super) tenant: Option<TenantId>,
}

/// What becomes of one attempt: the batch comes back, with the bytes that wait, if there is no room.
type Attempt = Result<(), (Box<Ingested>, usize)>;

impl Ingest {
    /// The same way for spans of a tenant who has proved to be that tenant: what the spans say of their tenant does
    /// not count.
    #[must_use]
    pub fn of_tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Hands a batch in. Waits for room if the policy says so and the calling thread may.
    ///
    /// # Errors
    /// If the batch was not taken; its spans are counted as lost.
    pub fn offer(&self, batch: SpanBatchMut) -> Result<(), IngestError> {
        let spans = self.receive(&batch)?;
        let waiting = match self.try_push((batch, self.tenant.clone()), spans)? {
            Ok(()) => return Ok(()),
            Err(waiting) => waiting,
        };
        let mut back = Some(waiting);
        let done = self.policy.wait(
            || {},
            || match self.try_push(*back.take()?.0, spans) {
                Ok(Ok(())) => Some(Ok(())),
                Ok(Err(again)) => {
                    back = Some(again);
                    None
                }
                Err(e) => Some(Err(e)),
            },
        );
        done.unwrap_or_else(|| Err(self.full(spans, back.map_or(0, |(_, waiting)| waiting))))
    }

    /// Hands a batch in, and lets other tasks run while it waits for room, up to the limit of the policy. Needs no
    /// particular asynchronous runtime, so the limit is looked at each time that the pipeline has taken something.
    ///
    /// # Errors
    /// As [`Ingest::offer`].
    pub async fn send(&self, batch: SpanBatchMut) -> Result<(), IngestError> {
        let spans = self.receive(&batch)?;
        let began = Instant::now();
        let limit = match self.policy {
            OverflowPolicy::Drop => std::time::Duration::ZERO,
            OverflowPolicy::Block { limit, .. } => limit,
        };
        let mut next = (batch, self.tenant.clone());
        loop {
            // Registered before the attempt, so that room made in between is noticed.
            let emptied = self.queue.emptied.notified();
            match self.try_push(next, spans)? {
                Ok(()) => return Ok(()),
                Err((_, waiting)) if began.elapsed() >= limit => return Err(self.full(spans, waiting)),
                Err((again, _)) => next = *again,
            }
            // The pipeline's thread empties the queue or closes it, so this ends.
            emptied.await;
        }
    }

    /// Hands batches in together, all of them or none, and lets other tasks run while it waits for room, as
    /// [`Ingest::send`] does. What is not taken comes back and is counted nowhere: this is for a source that keeps what
    /// was refused, such as a receiver whose client sends it again.
    ///
    /// # Errors
    /// If the batches were not taken.
    pub async fn hand_in(&self, batches: Vec<SpanBatchMut>) -> Result<(), NotTaken> {
        let spans: u64 = batches.iter().map(|b| b.len() as u64).sum();
        let mut batches: Vec<Ingested> = batches.into_iter().map(|b| (b, self.tenant.clone())).collect();
        let began = Instant::now();
        let limit = match self.policy {
            OverflowPolicy::Drop => std::time::Duration::ZERO,
            OverflowPolicy::Block { limit, .. } => limit,
        };
        // Counted before, so that none is seen to leave that did not come.
        self.forwarded.ingested.fetch_add(spans, Ordering::AcqRel);
        let why = loop {
            if self.recorder.forked_from().is_some() {
                break IngestError::Closed { spans };
            }
            // Registered before the attempt, so that room made in between is noticed.
            let emptied = self.queue.emptied.notified();
            match self.queue.push_all(&mut batches) {
                Ok(()) => return Ok(()),
                Err(None) => break IngestError::Closed { spans },
                Err(Some(waiting)) if began.elapsed() >= limit => {
                    break IngestError::Full { spans, waiting, capacity: self.queue.capacity };
                }
                Err(Some(_)) => emptied.await,
            }
        };
        self.forwarded.ingested.fetch_sub(spans, Ordering::AcqRel);
        Err(NotTaken { batches: batches.into_iter().map(|(b, _)| b).collect(), why })
    }

    fn receive(&self, batch: &SpanBatchMut) -> Result<u64, IngestError> {
        let spans = batch.len() as u64;
        self.forwarded.ingested.fetch_add(spans, Ordering::AcqRel);
        // Asks for the process: in a forked one there is nobody to take the batch.
        if self.recorder.forked_from().is_some() {
            return Err(self.closed(spans));
        }
        Ok(spans)
    }

    fn try_push(&self, batch: Ingested, spans: u64) -> Result<Attempt, IngestError> {
        match self.queue.push(batch) {
            Ok(()) => Ok(Ok(())),
            Err(Refusal::Full(batch, waiting)) => Ok(Err((batch, waiting))),
            Err(Refusal::Closed) => Err(self.closed(spans)),
        }
    }

    fn full(&self, spans: u64, waiting: usize) -> IngestError {
        self.forwarded.ingest_full.fetch_add(spans, Ordering::AcqRel);
        IngestError::Full { spans, waiting, capacity: self.queue.capacity }
    }

    fn closed(&self, spans: u64) -> IngestError {
        self.forwarded.ingest_late.fetch_add(spans, Ordering::AcqRel);
        IngestError::Closed { spans }
    }
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("policy", &self.policy).field("tenant", &self.tenant).finish()
    }
}
