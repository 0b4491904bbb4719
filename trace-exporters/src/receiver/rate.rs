//! How much is taken in a second.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// A bucket that fills at a rate and holds a second of it. What passes may overdraw it, so that a request larger than
/// the bucket is taken too; the next one waits until the debt is paid.
#[derive(Debug)]
pub(crate) struct Rate {
    per_second: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    left: f64,
    at: Instant,
}

impl Rate {
    /// `None` for a rate of zero, which is without limit.
    pub(crate) fn new(per_second: u64) -> Option<Self> {
        let per_second = per_second as f64;
        let state = State { left: per_second, at: Instant::now() };
        (per_second > 0.0).then(|| Self { per_second, state: Mutex::new(state) })
    }

    /// Whether anything is left now.
    pub(crate) fn is_open(&self) -> bool {
        self.with(|left| *left > 0.0)
    }

    /// Takes some out.
    pub(crate) fn charge(&self, amount: usize) {
        self.with(|left| *left -= amount as f64);
    }

    fn with<T>(&self, f: impl FnOnce(&mut f64) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let passed = now.saturating_duration_since(state.at).as_secs_f64();
        state.at = now;
        state.left = (state.left + passed * self.per_second).min(self.per_second);
        f(&mut state.left)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_open_for_its_second_and_closed_until_its_debt_is_paid() {
        assert!(Rate::new(0).is_none());
        let rate = Rate::new(100).unwrap();
        rate.charge(60);
        assert!(rate.is_open());
        rate.charge(140);
        assert!(!rate.is_open());
        tokio::time::advance(Duration::from_millis(990)).await;
        assert!(!rate.is_open());
        tokio::time::advance(Duration::from_millis(20)).await;
        assert!(rate.is_open());
        // What was not used is not saved up beyond a second.
        tokio::time::advance(Duration::from_secs(60)).await;
        rate.charge(101);
        assert!(!rate.is_open());
    }
}
