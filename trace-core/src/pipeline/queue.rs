//! A queue between the pipeline and one destination, bounded in bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::payload::Payload;

/// What a destination's thread is asked to do.
pub(super) enum Job<P> {
    Export(P),
    /// Answered when everything before it has been exported or dropped.
    Flush(oneshot::Sender<Result<(), String>>),
}

struct State<P> {
    jobs: VecDeque<Job<P>>,
    bytes: usize,
    closed: bool,
}

/// First in, first out; what does not fit is refused.
pub(super) struct Queue<P> {
    state: Mutex<State<P>>,
    filled: Notify,
    capacity: usize,
}

impl<P> Queue<P> {
    /// No more payloads; what is queued is still handed out.
    pub(super) fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.filled.notify_one();
    }
}

impl<P: Payload> Queue<P> {
    pub(super) fn new(capacity: usize) -> Self {
        let state = State { jobs: VecDeque::new(), bytes: 0, closed: false };
        Self { state: Mutex::new(state), filled: Notify::new(), capacity }
    }

    /// Puts a payload in; gives it back if there is no room or the queue is closed. A payload larger than the
    /// whole queue is taken when the queue is empty.
    pub(super) fn push(&self, payload: P) -> Result<(), P> {
        let bytes = payload.bytes();
        let mut s = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if s.closed || (s.bytes > 0 && s.bytes + bytes > self.capacity) {
            return Err(payload);
        }
        s.bytes += bytes;
        s.jobs.push_back(Job::Export(payload));
        drop(s);
        self.filled.notify_one();
        Ok(())
    }

    /// Asks for a flush behind everything that is queued.
    pub(super) fn flush(&self, done: oneshot::Sender<Result<(), String>>) {
        let mut s = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if s.closed {
            return;
        }
        s.jobs.push_back(Job::Flush(done));
        drop(s);
        self.filled.notify_one();
    }

    /// The next job; waits for one. `None` when the queue is closed and empty.
    pub(super) async fn pop(&self) -> Option<Job<P>> {
        loop {
            {
                let mut s = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(job) = take(&mut s) {
                    return Some(job);
                }
                if s.closed {
                    return None;
                }
            }
            // A notification that comes between the look and this call is kept.
            self.filled.notified().await;
        }
    }

    /// The next job, if it is a payload that is there already.
    pub(super) fn try_pop_payload(&self) -> Option<P> {
        let mut s = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(s.jobs.front(), Some(Job::Export(_))) {
            return None;
        }
        match take(&mut s) {
            Some(Job::Export(p)) => Some(p),
            _ => None,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed
    }

    /// Whether a flush is waiting, so that batching should not delay it.
    pub(super) fn is_urgent(&self) -> bool {
        let s = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        s.closed || s.jobs.iter().any(|j| matches!(j, Job::Flush(_)))
    }

    /// Resolves when the queue has changed.
    pub(super) async fn changed(&self) {
        self.filled.notified().await;
    }

    /// Takes out everything that is left.
    pub(super) fn drain(&self) -> Vec<P> {
        let mut s = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        s.bytes = 0;
        s.jobs.drain(..).filter_map(|j| if let Job::Export(p) = j { Some(p) } else { None }).collect()
    }
}

fn take<P: Payload>(s: &mut State<P>) -> Option<Job<P>> {
    let job = s.jobs.pop_front()?;
    if let Job::Export(p) = &job {
        s.bytes = s.bytes.saturating_sub(p.bytes());
    }
    Some(job)
}
