//! What the exporter and its worker share, and what the one asks of the other.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot, watch};
use trace_core::signal::ExportError;

use super::disk::Folder;
use super::log::Log;
use super::stats::{SpillCounts, SpillStats};

/// What the worker does besides reading the log; it alone calls the inner exporter.
pub(super) enum Request<B> {
    /// One attempt, past the log.
    Export(B, oneshot::Sender<Result<(), ExportError>>),
    Flush(oneshot::Sender<Result<(), ExportError>>),
}

/// What the exporter and its worker share.
pub(super) struct Shared<B> {
    log: Mutex<Log<Folder>>,
    pub(super) stats: Arc<SpillStats>,
    requests: Mutex<VecDeque<Request<B>>>,
    /// There is something to do.
    pub(super) wake: Notify,
    /// Somebody waits for the next attempt.
    pub(super) hurry: Notify,
    /// Records settled since the log began; what a flush waits for.
    pub(super) settled: watch::Sender<u64>,
    /// When set, the worker ends at the first failure, and by then.
    pub(super) stop: watch::Sender<Option<Instant>>,
    /// The worker has ended: the log is closed.
    pub(super) ended: watch::Sender<bool>,
    pub(super) fsync_interval: Option<Duration>,
}

impl<B> Shared<B> {
    pub(super) fn new(log: Log<Folder>, stats: SpillCounts, fsync_interval: Option<Duration>) -> Self {
        let shared = Self {
            log: Mutex::new(log),
            stats: Arc::default(),
            requests: Mutex::default(),
            wake: Notify::new(),
            hurry: Notify::new(),
            settled: watch::channel(0).0,
            stop: watch::channel(None).0,
            ended: watch::channel(false).0,
            fsync_interval,
        };
        shared.stats.with(|s| *s = stats);
        shared.with(|_, _| ());
        shared
    }

    /// Works on the log and then on the account, so that nobody sees the one without the other.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Log<Folder>, &mut Changes) -> T) -> T {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, failures) = (log.losses, log.failures);
        let mut changes = Changes::default();
        let result = work(&mut log, &mut changes);
        let settled = log.written.saturating_sub(log.held());
        self.stats.with(|s| {
            s.accepted += changes.accepted;
            s.delivered += changes.delivered;
            changes.lost.iter().for_each(|(reason, n)| s.lose(reason, *n));
            s.lose("spill_full", log.losses.full - before.full);
            s.lose("spill_corrupt", log.losses.corrupt - before.corrupt);
            s.disk_failures += log.failures - failures;
            (s.held, s.bytes) = (log.held(), log.bytes());
        });
        drop(log);
        self.settled.send_if_modified(|s| std::mem::replace(s, settled) != settled);
        result
    }

    /// Whether the log is empty.
    pub(super) fn holds_nothing(&self) -> bool {
        self.stats.with(|s| s.held == 0)
    }

    pub(super) fn note(&self, error: &(impl ToString + ?Sized)) {
        self.stats.with(|s| s.last_error = Some(error.to_string()));
    }

    /// Forces to the disk what has been written.
    pub(super) fn sync(&self) -> io::Result<()> {
        let result = self.with(|log, _| {
            let result = log.sync();
            log.failures += u64::from(result.is_err());
            result
        });
        result.inspect_err(|e| self.note(e))
    }

    pub(super) fn push(&self, request: Request<B>) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push_back(request);
        self.wake.notify_one();
    }

    pub(super) fn request(&self) -> Option<Request<B>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// One attempt, past the log; `None` if the worker has ended.
    pub(super) async fn attempt(&self, batch: B) -> Option<Result<(), ExportError>> {
        let (answer, result) = oneshot::channel();
        self.push(Request::Export(batch, answer));
        result.await.ok()
    }
}

/// What happened to records while the log was worked on.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) accepted: u64,
    pub(super) delivered: u64,
    pub(super) lost: Vec<(&'static str, u64)>,
}
