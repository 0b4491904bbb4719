//! A queue between the pipeline and one destination, bounded in bytes and in records, shared fairly among tenants.

use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::payload::Payload;
use crate::tenant::{Shares, Slot};

/// Who waits for a flush is told how it went; nobody tells if the destination is closed.
pub(super) type FlushDone = Sender<Result<(), String>>;

/// What a destination's thread is asked to do.
pub(super) enum Job<P> {
    /// A payload of one tenant.
    Export(P, Slot),
    /// Answered when everything before it has been exported or dropped.
    Flush(FlushDone),
}

struct State<P> {
    jobs: VecDeque<Job<P>>,
    bytes: usize,
    records: usize,
    shares: Shares,
    closed: bool,
}

/// How much a queue holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    pub(super) bytes: usize,
    pub(super) records: usize,
}

impl Capacity {
    /// What tenants share: records if their number is limited, else bytes.
    fn shared(self) -> usize {
        if self.records == usize::MAX { self.bytes } else { self.records }
    }

    fn share_of(self, bytes: usize, records: usize) -> usize {
        if self.records == usize::MAX { bytes } else { records }
    }
}

/// What became of a payload that was offered.
pub(super) struct Pushed<P> {
    /// Why it does not wait, if it does not.
    pub(super) refused: Option<Refused>,
    /// What had to go for it.
    pub(super) evicted: Vec<(P, Slot)>,
}

/// Why a queue did not take a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    Closed,
}

/// First in, first out; what does not fit is refused.
pub(super) struct Queue<P> {
    state: Mutex<State<P>>,
    filled: Notify,
    capacity: Capacity,
}

impl<P> Queue<P> {
    /// No more payloads; what is queued is still handed out.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Payload> Queue<P> {
    pub(super) fn new(capacity: Capacity) -> Self {
        let (jobs, shares) = (VecDeque::new(), Shares::default());
        let state = State { jobs, bytes: 0, records: 0, shares, closed: false };
        Self { state: Mutex::new(state), filled: Notify::new(), capacity }
    }

    /// Puts a payload in, if there is room. A payload larger than the whole queue is taken when the queue is empty. If
    /// there is none, a tenant that has less than an equal share of what waits gets it at the cost of those that have
    /// most; they lose what they sent last.
    pub(super) fn push(&self, payload: P, tenant: Slot) -> Pushed<P> {
        let (bytes, records) = (payload.bytes(), payload.records() as usize);
        let share = self.capacity.share_of(bytes, records);
        let mut s = self.state();
        let mut evicted = Vec::new();
        if s.closed {
            return Pushed { refused: Some(Refused::Closed), evicted };
        }
        while !self.has_room(&s, bytes, records) {
            let may = s.shares.may_steal(tenant, share, self.capacity.shared());
            let victim = if may { s.shares.heaviest_but(tenant) } else { None };
            match victim.and_then(|victim| s.take_last_of(victim, self.capacity)) {
                Some(gone) => evicted.push(gone),
                None => return Pushed { refused: Some(Refused::Full), evicted },
            }
        }
        s.bytes += bytes;
        s.records += records;
        s.shares.add(tenant, share);
        s.jobs.push_back(Job::Export(payload, tenant));
        drop(s);
        self.filled.notify_one();
        Pushed { refused: None, evicted }
    }

    /// Puts payloads in together, if there is room for all; nobody's share shrinks for them. Like one payload, they are
    /// taken whatever their size when the queue is empty.
    pub(super) fn push_all(&self, payloads: &[P]) -> Result<(), Refused> {
        let bytes = payloads.iter().map(P::bytes).sum();
        let records = payloads.iter().map(|p| p.records() as usize).sum();
        let mut s = self.state();
        if s.closed {
            return Err(Refused::Closed);
        }
        if !self.has_room(&s, bytes, records) {
            return Err(Refused::Full);
        }
        s.bytes += bytes;
        s.records += records;
        s.shares.add(0, self.capacity.share_of(bytes, records));
        s.jobs.extend(payloads.iter().map(|p| Job::Export(p.clone(), 0)));
        drop(s);
        self.filled.notify_one();
        Ok(())
    }

    fn has_room(&self, s: &State<P>, bytes: usize, records: usize) -> bool {
        let fits = |used: usize, more, most| used == 0 || used.saturating_add(more) <= most;
        fits(s.bytes, bytes, self.capacity.bytes) && fits(s.records, records, self.capacity.records)
    }

    /// Asks for a flush behind everything that is queued.
    pub(super) fn flush(&self, done: FlushDone) {
        let mut s = self.state();
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
                let mut s = self.state();
                if let Some(job) = s.take(self.capacity) {
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
        let mut s = self.state();
        if !matches!(s.jobs.front(), Some(Job::Export(..))) {
            return None;
        }
        match s.take(self.capacity) {
            Some(Job::Export(p, _)) => Some(p),
            _ => None,
        }
    }

    /// Whether a flush is waiting, so that batching should not delay it.
    pub(super) fn is_urgent(&self) -> bool {
        let s = self.state();
        s.closed || s.jobs.iter().any(|j| matches!(j, Job::Flush(_)))
    }

    /// Resolves when the queue has changed.
    pub(super) async fn changed(&self) {
        self.filled.notified().await;
    }

    /// Takes out everything that is left.
    pub(super) fn drain(&self) -> Vec<(P, Slot)> {
        let mut s = self.state();
        (s.bytes, s.records) = (0, 0);
        s.shares.clear();
        let payload = |j| if let Job::Export(p, tenant) = j { Some((p, tenant)) } else { None };
        s.jobs.drain(..).filter_map(payload).collect()
    }
}

impl<P: Payload> State<P> {
    fn take(&mut self, capacity: Capacity) -> Option<Job<P>> {
        let job = self.jobs.pop_front()?;
        if let Job::Export(p, tenant) = &job {
            self.forget(p, *tenant, capacity);
        }
        Some(job)
    }

    fn take_last_of(&mut self, tenant: Slot, capacity: Capacity) -> Option<(P, Slot)> {
        let at = self.jobs.iter().rposition(|j| matches!(j, Job::Export(_, t) if *t == tenant))?;
        let Some(Job::Export(p, tenant)) = self.jobs.remove(at) else { return None };
        self.forget(&p, tenant, capacity);
        Some((p, tenant))
    }

    fn forget(&mut self, payload: &P, tenant: Slot, capacity: Capacity) {
        let (bytes, records) = (payload.bytes(), payload.records() as usize);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.records = self.records.saturating_sub(records);
        self.shares.remove(tenant, capacity.share_of(bytes, records));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records and bytes alike.
    #[derive(Clone, Debug, PartialEq)]
    struct Load(usize);

    impl Payload for Load {
        const SIGNAL: crate::pipeline::payload::Signal = crate::pipeline::payload::Signal::Spans;
        fn records(&self) -> u64 {
            self.0 as u64
        }
        fn bytes(&self) -> usize {
            self.0
        }
        fn merge(parts: Vec<Self>) -> Vec<Self> {
            parts
        }
        fn split(self, _: usize) -> Vec<Self> {
            vec![self]
        }
    }

    fn capacity(bytes: usize) -> Capacity {
        Capacity { bytes, records: usize::MAX }
    }

    /// Whether it was taken, and what went for it.
    fn push(q: &Queue<Load>, n: usize, tenant: Slot) -> (bool, Vec<(Load, Slot)>) {
        let pushed = q.push(Load(n), tenant);
        (pushed.refused.is_none(), pushed.evicted)
    }

    #[test]
    fn a_noisy_tenant_gives_way_to_a_quiet_one_and_never_the_other_way_round() {
        let q = Queue::new(capacity(100));
        (0..10).for_each(|_| assert!(push(&q, 10, 1).0));
        assert_eq!(push(&q, 10, 1), (false, vec![]), "full");
        assert_eq!(push(&q, 20, 2), (true, vec![(Load(10), 1), (Load(10), 1)]));
        assert_eq!(push(&q, 10, 1), (false, vec![]), "the noisy one gets nothing back");
        for _ in 0..3 {
            assert!(push(&q, 10, 2).0, "up to a half");
        }
        assert_eq!(push(&q, 10, 2), (false, vec![]), "more than a half");
        assert_eq!(push(&q, 30, 3).1.len(), 3, "a third tenant takes from both");
        let left: Vec<usize> = (1..4).map(|t| q.drain_of(t)).collect();
        assert_eq!(left.iter().sum::<usize>(), 100);
        assert!(left.iter().all(|bytes| *bytes >= 30), "{left:?}");
    }

    #[test]
    fn a_single_tenant_is_refused_what_does_not_fit_but_gets_something_in_any_case() {
        let q = Queue::new(capacity(10));
        assert!(push(&q, 1_000, 0).0, "larger than the queue, which is empty");
        assert_eq!(push(&q, 1, 0), (false, vec![]));
        q.close();
        assert_eq!(q.push(Load(1), 0).refused, Some(Refused::Closed));
    }

    #[test]
    fn records_are_bounded_and_shared_too() {
        let q = Queue::new(Capacity { bytes: usize::MAX, records: 4 });
        (0..4).for_each(|_| assert!(push(&q, 1, 1).0));
        assert_eq!(push(&q, 1, 2), (true, vec![(Load(1), 1)]));
        assert!(!push(&q, 1, 1).0);
    }

    impl Queue<Load> {
        fn drain_of(&self, tenant: Slot) -> usize {
            let s = self.state();
            let of =
                |j: &Job<Load>| if let Job::Export(p, t) = j { (*t == tenant).then_some(p.0) } else { None };
            s.jobs.iter().filter_map(of).sum()
        }
    }
}
