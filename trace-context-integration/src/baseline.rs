//! What is normal: the durations of past operations, by tenant, context type and operation.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trace_core::analyze::{MIN_BASELINE_SIZE, QuantileSketch, compare_with_baseline};
use trace_core::model::{BaselineComparison, Quantiles, TenantId, Timestamp};

use crate::context::ContextType;

/// How long operations usually take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerformanceBaseline {
    /// Durations, in milliseconds.
    pub duration_ms: Quantiles,
    /// Observations behind them.
    pub sample_size: u64,
}

/// What a baseline belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaselineKey {
    /// The owner.
    pub tenant: TenantId,
    /// The type of context; `None` where contexts are not told apart.
    pub context_type: Option<ContextType>,
    /// The operation's name.
    pub operation: String,
}

/// What is known of an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BaselineState {
    /// Not enough to say anything.
    Learning {
        /// Successful operations so far.
        seen: u64,
        /// How many it takes.
        needed: u64,
    },
    /// Enough.
    Ready {
        /// How long successful operations take.
        baseline: PerformanceBaseline,
        /// The share of failures, in percent (0 to 100).
        error_rate_percent: f64,
    },
}

/// The bounds of a [`BaselineStore`].
#[derive(Clone, Copy, Debug)]
pub struct BaselineConfig {
    /// How many baselines are kept; 1000 by default. The one not used for longest goes first.
    pub max_baselines: usize,
    /// How far back a baseline reaches; 24 hours by default. Forgotten in halves, so that it always covers between
    /// half of this and all of it.
    pub window: Duration,
}

impl Default for BaselineConfig {
    fn default() -> Self {
        Self { max_baselines: 1000, window: Duration::from_secs(24 * 3600) }
    }
}

/// Baselines, learned from successful operations. Each takes at most 33 KB, most far less.
#[derive(Debug, Default)]
pub struct BaselineStore {
    config: BaselineConfig,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    entries: HashMap<BaselineKey, Entry>,
    uses: u64,
}

/// Two halves of the window.
#[derive(Debug, Default)]
struct Entry {
    older: Half,
    newer: Half,
    newer_since: Timestamp,
    last_used: u64,
}

#[derive(Clone, Debug, Default)]
struct Half {
    durations: QuantileSketch,
    failures: u64,
}

impl Entry {
    fn rotate(&mut self, now: Timestamp, half: Duration) {
        let age = now.since(self.newer_since);
        if age < half {
            return;
        }
        let newer = std::mem::take(&mut self.newer);
        self.older = if age < half.saturating_mul(2) { newer } else { Half::default() };
        self.newer_since = now;
    }

    fn whole(&self) -> Half {
        let mut all = self.older.clone();
        all.durations.merge(&self.newer.durations);
        all.failures += self.newer.failures;
        all
    }
}

impl BaselineStore {
    /// An empty store.
    pub fn new(config: BaselineConfig) -> Self {
        Self { config, known: Mutex::default() }
    }

    /// Learns from a successful operation. Durations that are negative or not finite are left out.
    pub fn observe(&self, key: &BaselineKey, duration_ms: f64, now: Timestamp) {
        self.update(key, now, |half| {
            half.durations.insert(duration_ms);
        });
    }

    /// Counts a failed operation. Its duration is not learned: operations often fail faster than they succeed.
    pub fn observe_failure(&self, key: &BaselineKey, now: Timestamp) {
        self.update(key, now, |half| half.failures += 1);
    }

    /// A duration against what is normal; `None` while fewer than
    /// [`MIN_BASELINE_SIZE`] successful operations are known.
    pub fn compare(&self, key: &BaselineKey, duration_ms: f64, now: Timestamp) -> Option<BaselineComparison> {
        compare_with_baseline(duration_ms, &self.read(key, now)?.durations)
    }

    /// What is known of an operation.
    pub fn state(&self, key: &BaselineKey, now: Timestamp) -> BaselineState {
        let past = self.read(key, now).unwrap_or_default();
        let seen = past.durations.count();
        let q = |q| past.durations.quantile(q);
        match (q(0.5), q(0.95), q(0.99)) {
            (Some(p50), Some(p95), Some(p99)) if seen >= MIN_BASELINE_SIZE => BaselineState::Ready {
                baseline: PerformanceBaseline { duration_ms: Quantiles { p50, p95, p99 }, sample_size: seen },
                error_rate_percent: 100.0 * past.failures as f64 / (seen + past.failures) as f64,
            },
            _ => BaselineState::Learning { seen, needed: MIN_BASELINE_SIZE },
        }
    }

    /// How many baselines there are.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, key: &BaselineKey, now: Timestamp) -> Option<Half> {
        let mut known = self.lock();
        let entry = known.entries.get_mut(key)?;
        entry.rotate(now, self.config.window / 2);
        Some(entry.whole())
    }

    fn update(&self, key: &BaselineKey, now: Timestamp, f: impl FnOnce(&mut Half)) {
        let mut known = self.lock();
        known.uses += 1;
        let uses = known.uses;
        if !known.entries.contains_key(key) {
            known.make_room(self.config.max_baselines.max(1));
            known.entries.insert(key.clone(), Entry { newer_since: now, ..Entry::default() });
        }
        if let Some(entry) = known.entries.get_mut(key) {
            entry.rotate(now, self.config.window / 2);
            entry.last_used = uses;
            f(&mut entry.newer);
        }
    }
}

impl Known {
    fn make_room(&mut self, max: usize) {
        while self.entries.len() >= max {
            let oldest = self.entries.iter().min_by_key(|(_, e)| e.last_used).map(|(k, _)| k.clone());
            match oldest {
                Some(key) => self.entries.remove(&key),
                None => return,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(operation: &str) -> BaselineKey {
        BaselineKey {
            tenant: TenantId::default(),
            context_type: Some(ContextType::Pipeline),
            operation: operation.into(),
        }
    }

    fn at(hours: u64) -> Timestamp {
        Timestamp::from_unix_secs(hours * 3600)
    }

    #[test]
    fn nothing_is_said_before_enough_is_known() {
        let store = BaselineStore::default();
        for _ in 0..19 {
            store.observe(&key("op"), 100.0, at(1));
        }
        assert_eq!(store.compare(&key("op"), 150.0, at(1)), None);
        assert_eq!(store.state(&key("op"), at(1)), BaselineState::Learning { seen: 19, needed: 20 });
        store.observe(&key("op"), 100.0, at(1));
        let c = store.compare(&key("op"), 150.0, at(1)).unwrap();
        assert!((c.delta_percent - 50.0).abs() < 2.0, "{c:?}");
        assert_eq!(store.compare(&key("other"), 150.0, at(1)), None);
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let store = BaselineStore::default();
        for _ in 0..20 {
            store.observe(&key("op"), 100.0, at(1));
        }
        for _ in 0..20 {
            store.observe(&key("op"), 10.0, at(14));
        }
        let size = |hour| match store.state(&key("op"), at(hour)) {
            BaselineState::Ready { baseline, .. } => baseline.sample_size,
            BaselineState::Learning { seen, .. } => seen,
        };
        assert_eq!(size(15), 40);
        assert_eq!(size(27), 20);
        assert_eq!(size(100), 0);
    }

    #[test]
    fn failures_make_the_error_rate_and_nothing_else() {
        let store = BaselineStore::default();
        for _ in 0..30 {
            store.observe(&key("op"), 100.0, at(1));
        }
        for _ in 0..10 {
            store.observe_failure(&key("op"), at(1));
        }
        let BaselineState::Ready { baseline, error_rate_percent } = store.state(&key("op"), at(1)) else {
            panic!("still learning");
        };
        assert_eq!((baseline.sample_size, error_rate_percent), (30, 25.0));
    }

    #[test]
    fn the_number_of_baselines_is_bounded() {
        let store = BaselineStore::new(BaselineConfig { max_baselines: 2, ..BaselineConfig::default() });
        for name in ["a", "b", "a", "c"] {
            store.observe(&key(name), 1.0, at(1));
        }
        assert_eq!(store.len(), 2);
        assert!(matches!(store.state(&key("a"), at(1)), BaselineState::Learning { seen: 2, .. }));
        assert!(matches!(store.state(&key("b"), at(1)), BaselineState::Learning { seen: 0, .. }));
    }
}
