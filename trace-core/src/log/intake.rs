//! Where log records wait for the pipeline's thread: bounded in bytes, in parts that threads do not share.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::Thread;

use crate::model::{LogBatchMut, LogRecord, TenantId};
use crate::record::Recorder;

/// More parts than threads that log at the same moment, mostly.
const SHARDS: usize = 16;
/// Bytes that a part takes out of the common room at once, so that it is not asked for each record.
const GRANT: usize = 64 << 10;
/// After so many records the pipeline's thread is woken.
const WAKE: usize = 512;
/// The most records whose memory is kept for the next ones.
const MOST_KEPT: usize = 4096;

/// Records on their way to the pipeline's thread.
pub(crate) struct LogIntake {
    shards: [Shard; SHARDS],
    /// Empty memory for the part that is taken from next.
    spare: Mutex<Vec<LogRecord>>,
    handed_in: Mutex<HandedInQueue>,
    /// Bytes for which there still is room. A single batch may take more than there is.
    free: AtomicIsize,
    capacity: usize,
    /// Whether anybody wants records.
    wanted: AtomicBool,
    consumer: Mutex<Option<Thread>>,
    /// Records that could not be counted elsewhere, in a process that was forked while a part was locked.
    forked: AtomicU64,
}

/// Two cache lines, which are fetched together.
#[repr(align(128))]
#[derive(Default)]
struct Shard(Mutex<State>);

#[derive(Default)]
struct State {
    records: Vec<LogRecord>,
    granted: usize,
    used: usize,
    counts: IntakeCounts,
    closed: bool,
}

#[derive(Default)]
struct HandedInQueue {
    batches: Vec<HandedIn>,
    bytes: usize,
    received: u64,
    closed: bool,
}

/// Records from elsewhere, and whose they are known to be.
pub(crate) type HandedIn = (LogBatchMut, Option<TenantId>);

/// What became of records before the pipeline's thread saw them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IntakeCounts {
    /// All that came.
    pub(crate) received: u64,
    /// Of these, refused for want of room.
    pub(crate) full: u64,
    /// Of these, refused because they came after the shutdown.
    pub(crate) late: u64,
    /// Of these, refused because nobody will take them in this process.
    pub(crate) forked: u64,
}

/// Why batches were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    Full,
    Closed,
}

thread_local! {
    static INDEX: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// A number that neighbours in time do not share.
#[inline]
fn thread_index() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let index = INDEX.try_with(Cell::get).unwrap_or(0);
    if index != usize::MAX {
        return index;
    }
    let index = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
    let _ = INDEX.try_with(|i| i.set(index));
    index
}

fn unpoisoned<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LogIntake {
    pub(crate) fn new(capacity: usize, wanted: bool) -> Self {
        Self {
            shards: Default::default(),
            spare: Mutex::default(),
            handed_in: Mutex::default(),
            free: AtomicIsize::new(isize::try_from(capacity).unwrap_or(isize::MAX)),
            capacity,
            wanted: AtomicBool::new(wanted),
            consumer: Mutex::default(),
            forked: AtomicU64::new(0),
        }
    }

    /// Whether anybody wants records. What nobody wants is not counted either.
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Names the calling thread as the one that takes records out.
    pub(crate) fn attach_thread(&self) {
        *unpoisoned(&self.consumer) = Some(std::thread::current());
    }

    /// Puts a record in, or counts why not.
    #[inline]
    pub(crate) fn push(&self, record: LogRecord, recorder: &Recorder) {
        let bytes = record.byte_size();
        let Some(mut s) = self.shard(recorder) else {
            self.forked.fetch_add(1, Ordering::Relaxed);
            return;
        };
        s.counts.received += 1;
        // What is refused is dropped after the lock.
        let _refused = if s.closed {
            s.counts.late += 1;
            record
        } else if s.used + bytes > s.granted && !self.grant(&mut s, bytes) {
            s.counts.full += 1;
            record
        } else {
            s.used += bytes;
            s.records.push(record);
            let wake = s.records.len().is_multiple_of(WAKE);
            drop(s);
            if wake {
                self.wake();
            }
            return;
        };
        drop(s);
    }

    /// The part of this thread; `None` in a process that was forked while somebody had it.
    #[inline]
    fn shard(&self, recorder: &Recorder) -> Option<MutexGuard<'_, State>> {
        let Shard(shard) = &self.shards[thread_index() % SHARDS];
        match shard.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(p)) => Some(p.into_inner()),
            Err(TryLockError::WouldBlock) if recorder.forked_from().is_some() => None,
            Err(TryLockError::WouldBlock) => Some(unpoisoned(shard)),
        }
    }

    #[cold]
    fn grant(&self, s: &mut State, bytes: usize) -> bool {
        let missing = s.used + bytes - s.granted;
        let taken = [missing.max(GRANT), missing].into_iter().find(|n| self.reserve(*n));
        s.granted += taken.unwrap_or(0);
        taken.is_some()
    }

    fn reserve(&self, bytes: usize) -> bool {
        let bytes = isize::try_from(bytes).unwrap_or(isize::MAX);
        let take = |free: isize| (free >= bytes).then(|| free - bytes);
        self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok()
    }

    fn release(&self, bytes: usize) {
        self.free.fetch_add(isize::try_from(bytes).unwrap_or(isize::MAX), Ordering::AcqRel);
    }

    fn wake(&self) {
        if let Some(thread) = &*unpoisoned(&self.consumer) {
            thread.unpark();
        }
    }

    /// Puts batches in together, or none of them, which then are in no count.
    pub(crate) fn hand_in(&self, batches: Vec<HandedIn>) -> Result<(), NoRoom> {
        if !self.is_wanted() {
            return Err(NoRoom::Closed);
        }
        let records = || batches.iter().flat_map(|(b, _)| &b.records);
        let (n, bytes) = (records().count() as u64, records().map(LogRecord::byte_size).sum());
        let mut queue = unpoisoned(&self.handed_in);
        if queue.closed {
            return Err(NoRoom::Closed);
        }
        if !self.reserve(bytes) {
            // More than there ever is room for is taken when there is nothing else.
            if bytes <= self.capacity || queue.bytes > 0 {
                return Err(NoRoom::Full);
            }
            self.free.fetch_sub(isize::try_from(bytes).unwrap_or(isize::MAX), Ordering::AcqRel);
        }
        queue.bytes += bytes;
        queue.received += n;
        queue.batches.extend(batches);
        drop(queue);
        self.wake();
        Ok(())
    }

    /// Everything that waits: this process's own records in the order in which they were seen, and what was handed in.
    pub(crate) fn take(&self) -> (Vec<LogRecord>, Vec<HandedIn>) {
        let mut own: Vec<LogRecord> = Vec::new();
        let mut parts = 0;
        let mut spare = unpoisoned(&self.spare);
        for Shard(shard) in &self.shards {
            let mut s = unpoisoned(shard);
            if s.records.is_empty() {
                continue;
            }
            // The memory stays with the threads that log, which is quicker than new one.
            std::mem::swap(&mut s.records, &mut spare);
            self.release(std::mem::take(&mut s.granted));
            s.used = 0;
            drop(s);
            parts += 1;
            own.append(&mut spare);
            if spare.capacity() > MOST_KEPT {
                *spare = Vec::new();
            }
        }
        drop(spare);
        if parts > 1 {
            own.sort_by_key(|r| r.observed);
        }
        let mut queue = unpoisoned(&self.handed_in);
        self.release(std::mem::take(&mut queue.bytes));
        (own, std::mem::take(&mut queue.batches))
    }

    /// Takes nothing in any more; what waits can still be taken out.
    pub(crate) fn close(&self) {
        unpoisoned(&self.handed_in).closed = true;
        self.shards.iter().for_each(|Shard(shard)| unpoisoned(shard).closed = true);
    }

    pub(crate) fn counts(&self) -> IntakeCounts {
        let mut counts = self.uncounted();
        counts.received += unpoisoned(&self.handed_in).received;
        self.shards.iter().for_each(|Shard(shard)| counts += unpoisoned(shard).counts);
        counts
    }

    /// The same without waiting for locks: whoever held one may not exist in this process.
    pub(crate) fn counts_without_waiting(&self) -> IntakeCounts {
        let mut counts = self.uncounted();
        if let Ok(queue) = self.handed_in.try_lock() {
            counts.received += queue.received;
        }
        for Shard(shard) in &self.shards {
            if let Ok(s) = shard.try_lock() {
                counts += s.counts;
            }
        }
        counts
    }

    fn uncounted(&self) -> IntakeCounts {
        let forked = self.forked.load(Ordering::Relaxed);
        IntakeCounts { received: forked, forked, ..IntakeCounts::default() }
    }
}

impl std::ops::AddAssign for IntakeCounts {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.full += other.full;
        self.late += other.late;
        self.forked += other.forked;
    }
}
