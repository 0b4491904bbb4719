//! The thread on which an observer runs, and the queue before it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::{RequestObservation, RequestObserver, WindowsObserver};

/// Requests that wait for an observer at most. What comes in during [`GATHER`] must fit.
const QUEUE: usize = 16_384;
/// How long the thread lets requests gather after the first, so that it is woken once for many of them: a wake-up
/// costs the thread that serves requests more than all of the rest.
const GATHER: Duration = Duration::from_millis(20);
/// Requests that are shown, and then counted, at once. Windows are locked for so long.
const AT_ONCE: usize = 256;

/// What became of the requests that observers should have been told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObserverStats {
    /// Calls of an observer that returned.
    pub observed: u64,
    /// Calls of an observer that panicked.
    pub panicked: u64,
    /// Requests for which the queue had no room.
    pub dropped: u64,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// The first request has come, or the last handle has gone.
    changed: Condvar,
    observed: AtomicU64,
    panicked: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    requests: Vec<RequestObservation>,
    closed: bool,
}

/// Hands requests to an observer, in order, without ever waiting for it. The thread ends, after what is queued,
/// when this is dropped; nobody waits for that.
#[derive(Debug)]
pub(super) struct ObserverThread(Arc<Shared>);

/// Shows requests to an observer, and says for how many of them it panicked.
type Show = Box<dyn Fn(&[RequestObservation]) -> usize + Send>;

impl ObserverThread {
    pub(super) fn start(observer: Arc<dyn RequestObserver>) -> std::io::Result<Self> {
        Self::start_with(Box::new(move |requests| {
            let panics = |request| catch_unwind(AssertUnwindSafe(|| observer.observe(request))).is_err();
            requests.iter().filter(|request| panics(request)).count()
        }))
    }

    /// Fills windows, with many requests at a time.
    pub(super) fn start_windows(windows: WindowsObserver) -> std::io::Result<Self> {
        Self::start_with(Box::new(move |requests| {
            match catch_unwind(AssertUnwindSafe(|| windows.observe_all(requests))) {
                Ok(()) => 0,
                Err(_) => requests.len(),
            }
        }))
    }

    fn start_with(show: Show) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        std::thread::Builder::new().name("mplp-observe".to_owned()).spawn(move || {
            // What an observer does is not to become a trace itself.
            crate::record::suppress();
            of_thread.run(&show);
        })?;
        Ok(Self(shared))
    }

    pub(super) fn offer(&self, request: RequestObservation) {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.requests.len() >= QUEUE {
            drop(queue);
            self.0.dropped.fetch_add(1, Relaxed);
            return;
        }
        queue.requests.push(request);
        let is_first = queue.requests.len() == 1;
        drop(queue);
        if is_first {
            self.0.changed.notify_one();
        }
    }

    pub(super) fn stats(&self) -> ObserverStats {
        let Shared { observed, panicked, dropped, .. } = &*self.0;
        ObserverStats {
            observed: observed.load(Relaxed),
            panicked: panicked.load(Relaxed),
            dropped: dropped.load(Relaxed),
        }
    }
}

impl Drop for ObserverThread {
    fn drop(&mut self) {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn run(&self, show: &Show) {
        let mut requests = Vec::new();
        while self.take(&mut requests) {
            for some in requests.chunks(AT_ONCE) {
                let panicked = show(some);
                self.panicked.fetch_add(panicked as u64, Relaxed);
                self.observed.fetch_add((some.len() - panicked) as u64, Relaxed);
            }
            requests.clear();
        }
    }

    /// Waits for requests and takes them all; `false` when there are none and will be none.
    fn take(&self, into: &mut Vec<RequestObservation>) -> bool {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |queue: &mut Queue| queue.requests.is_empty() && !queue.closed;
        let queue = self.changed.wait_while(queue, idle).unwrap_or_else(PoisonError::into_inner);
        let gathered = self.changed.wait_timeout_while(queue, GATHER, |queue| !queue.closed);
        let (mut queue, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut queue.requests, into);
        !into.is_empty()
    }
}
