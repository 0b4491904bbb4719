//! How many requests and bytes are under way, and how many come in a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::rate::Rate;
use super::{Failure, ReceiverLimits};

/// Counts requests and bytes, under way and by the second, against limits.
#[derive(Debug)]
pub(crate) struct Gate {
    requests: AtomicUsize,
    bytes: AtomicUsize,
    max_requests: usize,
    max_bytes: usize,
    requests_per_second: Option<Rate>,
    bytes_per_second: Option<Rate>,
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
            requests_per_second: Rate::new(limits.max_requests_per_second),
            bytes_per_second: Rate::new(limits.max_bytes_per_second),
        })
    }

    /// Lets a request in, unless there are too many already, or too much came within this second.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Pass, Failure> {
        let is_open = |rate: &Option<Rate>| rate.as_ref().is_none_or(Rate::is_open);
        if !is_open(&self.requests_per_second) {
            return Err(Failure::Busy("too many requests come in a second"));
        }
        if !is_open(&self.bytes_per_second) {
            return Err(Failure::Busy("too many bytes come in a second"));
        }
        if !add(&self.requests, 1, self.max_requests) {
            return Err(Failure::Busy("too many requests are under way"));
        }
        if let Some(rate) = &self.requests_per_second {
            rate.charge(1);
        }
        Ok(Pass { gate: self.clone(), bytes: 0 })
    }
}

impl Pass {
    /// Accounts for more bytes. `false` if all requests together have too many; they are not counted then.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let fits = add(&self.gate.bytes, bytes, self.gate.max_bytes);
        if fits {
            self.bytes += bytes;
            if let Some(rate) = &self.gate.bytes_per_second {
                rate.charge(bytes);
            }
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
        assert!(gate.enter().is_err());
        assert!(first.take(6) && !second.take(5) && second.take(4));
        drop(first);
        assert!(second.take(6) && !second.take(1));
        assert!(gate.enter().is_ok());
        drop(second);
        assert_eq!(gate.bytes.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_a_second_is_limited() {
        let limits = ReceiverLimits { max_requests_per_second: 2, ..Default::default() };
        let gate = Gate::new(&limits);
        let passes = [gate.enter(), gate.enter(), gate.enter()].map(|p| p.is_ok());
        assert_eq!(passes, [true, true, false]);
        let limits = ReceiverLimits { max_bytes_per_second: 1000, ..Default::default() };
        let gate = Gate::new(&limits);
        assert!(gate.enter().unwrap().take(1500));
        assert_eq!(gate.enter().unwrap_err(), Failure::Busy("too many bytes come in a second"));
        tokio::time::advance(std::time::Duration::from_millis(600)).await;
        assert!(gate.enter().is_ok());
    }
}
