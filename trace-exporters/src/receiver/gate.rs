//! How many requests and bytes are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ReceiverLimits;

/// Counts requests and bytes under way against limits.
#[derive(Debug)]
pub(crate) struct Gate {
    requests: AtomicUsize,
    bytes: AtomicUsize,
    max_requests: usize,
    max_bytes: usize,
}

/// A request under way; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Pass {
    gate: Arc<Gate>,
    bytes: usize,
}

impl Gate {
    pub(crate) fn new(limits: &ReceiverLimits) -> Arc<Self> {
        Arc::new(Self {
            requests: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            max_requests: limits.max_requests,
            max_bytes: limits.max_bytes_in_flight,
        })
    }

    /// `None` if there are too many already.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Pass> {
        add(&self.requests, 1, self.max_requests).then(|| Pass { gate: self.clone(), bytes: 0 })
    }
}

impl Pass {
    /// Accounts for more bytes. `false` if all requests together have too many; they are not counted then.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let fits = add(&self.gate.bytes, bytes, self.gate.max_bytes);
        if fits {
            self.bytes += bytes;
        }
        fits
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.gate.requests.fetch_sub(1, Ordering::Relaxed);
        self.gate.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

fn add(count: &AtomicUsize, n: usize, most: usize) -> bool {
    let more = |v: usize| v.checked_add(n).filter(|sum| *sum <= most);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_bytes_are_limited_and_given_back() {
        let limits = ReceiverLimits { max_requests: 2, max_bytes_in_flight: 10, ..Default::default() };
        let gate = Gate::new(&limits);
        let mut first = gate.enter().unwrap();
        let mut second = gate.enter().unwrap();
        assert!(gate.enter().is_none());
        assert!(first.take(6) && !second.take(5) && second.take(4));
        drop(first);
        assert!(second.take(6) && !second.take(1));
        assert!(gate.enter().is_some());
        drop(second);
        assert_eq!(gate.bytes.load(Ordering::Relaxed), 0);
    }
}
