//! A limit in front of a webhook.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Messages that may follow each other at once after a pause.
const BURST: u32 = 3;

/// Lets a burst of three through, then one message in each interval (GCRA, ITU-T I.371).
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    /// When the next message would be due at an even pace.
    due: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) const fn new(interval: Duration) -> Self {
        Self { interval, due: Mutex::new(None) }
    }

    /// Waits for this message's turn. A turn that is dropped while waiting is lost, which only slows down.
    pub(super) async fn turn(&self) {
        let now = Instant::now();
        let at = {
            let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
            let even = due.unwrap_or(now).max(now);
            *due = Some(even + self.interval);
            even.checked_sub(self.interval * (BURST - 1)).unwrap_or(now)
        };
        tokio::time::sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_a_burst_messages_keep_their_distance() {
        let pace = Pace::new(Duration::from_secs(1));
        let start = Instant::now();
        let mut at = Vec::new();
        for _ in 0..6 {
            pace.turn().await;
            at.push(start.elapsed().as_secs());
        }
        assert_eq!(at, [0, 0, 0, 1, 2, 3]);
    }
}
