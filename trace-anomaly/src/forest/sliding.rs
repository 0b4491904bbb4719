//! A forest that follows a stream.

use super::{ForestConfig, IsolationForest};
use crate::error::ConfigError;

/// No tree is grown from fewer rows: it would isolate everything.
const FEWEST_ROWS: usize = 64;

/// An isolation forest over the latest rows of a stream.
///
/// It keeps the last [`window`](ForestConfig::window) rows. The first trees grow one with each row; after that the
/// oldest tree is replaced once every [`refit_every`](ForestConfig::refit_every) rows. A row therefore costs at
/// most one tree (some tens of microseconds), never a whole fit. Memory: `window` rows and, at 100 trees of 256
/// rows, 2/3 of a megabyte.
#[derive(Clone, Debug)]
pub struct SlidingForest {
    forest: IsolationForest,
    rows: Vec<f64>,
    window: usize,
    refit_every: usize,
    /// Where the next row goes once the window is full.
    next_row: usize,
    next_tree: usize,
    since_refit: usize,
}

impl SlidingForest {
    /// A forest that has seen nothing, for rows of `features` values (at least 1).
    ///
    /// # Errors
    /// Settings outside of their ranges.
    pub fn new(features: usize, config: &ForestConfig, seed: u64) -> Result<Self, ConfigError> {
        config.validate()?;
        crate::config::within("features", features, 1..=1_000_000, "1 to 1000000")?;
        Ok(Self::of(features, config, seed))
    }

    /// [`new`](Self::new) with settings and a number of features that are known to be valid.
    pub(crate) fn of(features: usize, config: &ForestConfig, seed: u64) -> Self {
        Self {
            forest: IsolationForest::seedling(features, config, seed),
            rows: Vec::new(),
            window: config.window,
            refit_every: config.refit_every,
            next_row: 0,
            next_tree: 0,
            since_refit: 0,
        }
    }

    /// Whether all trees have grown once.
    pub fn is_ready(&self) -> bool {
        self.forest.trees() == self.forest.capacity()
    }

    /// The score of a row, see [`IsolationForest::score`]; `None` until [`is_ready`](Self::is_ready).
    pub fn score(&self, row: &[f64]) -> Option<f64> {
        self.is_ready().then(|| self.forest.score(row))
    }

    /// See [`IsolationForest::contributions`].
    pub fn contributions(&self, row: &[f64], shares: &mut [f64]) {
        self.forest.contributions(row, shares);
    }

    /// Learns a row. A short row misses its last features, further values are ignored; a row without a single
    /// finite value is not learned.
    pub fn learn(&mut self, row: &[f64]) {
        let features = self.forest.features();
        let row = &row[..row.len().min(features)];
        if !row.iter().any(|v| v.is_finite()) {
            return;
        }
        let padded = row.iter().copied().chain(std::iter::repeat(f64::NAN)).take(features);
        let learned = self.rows.len() / features;
        if learned < self.window {
            self.rows.extend(padded);
        } else {
            let start = self.next_row * features;
            for (place, value) in self.rows[start..start + features].iter_mut().zip(padded) {
                *place = value;
            }
            self.next_row = (self.next_row + 1) % self.window;
        }
        self.since_refit += 1;
        let due = !self.is_ready() || self.since_refit >= self.refit_every;
        if learned + 1 >= FEWEST_ROWS && due {
            self.since_refit = 0;
            self.forest.regrow(self.next_tree, &self.rows);
            self.next_tree = (self.next_tree + 1) % self.forest.capacity();
        }
    }
}
