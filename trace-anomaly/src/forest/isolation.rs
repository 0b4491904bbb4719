//! The forest: trees in shared flat arrays, grown and scored.

use super::ForestConfig;
use super::attribution::{self, AveragePaths};
use super::path::score_of;
use super::tree::{MISSING_RIGHT, Scratch, TreeMut, depth_for, grow};
use crate::error::FitError;
use crate::random::SplitMix64;

/// An isolation forest over rows of any number of features.
///
/// Scores are comparable only within one forest; [`Calibrator`](crate::Calibrator) turns them into probabilities.
#[derive(Clone, Debug)]
pub struct IsolationForest {
    dim: usize,
    depth: usize,
    /// Trees that have been grown, the first ones of the arrays.
    grown: usize,
    capacity: usize,
    sample_size: usize,
    cut: Vec<f64>,
    feature: Vec<u32>,
    leaf: Vec<f32>,
    size: Vec<u16>,
    paths: AveragePaths,
    random: SplitMix64,
    picks: Vec<u32>,
    scratch: Scratch,
}

impl IsolationForest {
    /// Grows a forest from a table: row-major values, `features` to a row. The same rows, settings and seed give
    /// the same forest on every platform.
    ///
    /// # Errors
    /// No whole rows, or settings outside of their ranges.
    ///
    /// # Examples
    /// ```
    /// use trace_anomaly::{ForestConfig, IsolationForest};
    /// let table: Vec<f64> = (0..1000).flat_map(|i| [(i % 10) as f64, (i % 7) as f64]).collect();
    /// let forest = IsolationForest::fit(&table, 2, &ForestConfig::default(), 42)?;
    /// assert!(forest.score(&[90.0, -5.0]) > forest.score(&[5.0, 3.0]));
    /// # Ok::<(), trace_anomaly::FitError>(())
    /// ```
    pub fn fit(rows: &[f64], features: usize, config: &ForestConfig, seed: u64) -> Result<Self, FitError> {
        config.validate()?;
        if rows.is_empty() || features == 0 {
            return Err(FitError::Empty);
        }
        if !rows.len().is_multiple_of(features) {
            return Err(FitError::Ragged { values: rows.len(), features });
        }
        let mut forest = Self::seedling(features, config, seed);
        for tree in 0..config.trees {
            forest.regrow(tree, rows);
        }
        Ok(forest)
    }

    /// A forest without trees. The settings must be valid and `dim` positive.
    pub(super) fn seedling(dim: usize, config: &ForestConfig, seed: u64) -> Self {
        let depth = depth_for(config.sample_size);
        let slots = config.trees << depth;
        Self {
            dim,
            depth,
            grown: 0,
            capacity: config.trees,
            sample_size: config.sample_size,
            cut: vec![0.0; slots],
            feature: vec![0; slots],
            leaf: vec![0.0; slots],
            size: vec![0; slots * 2],
            paths: AveragePaths::up_to(config.sample_size),
            random: SplitMix64::new(seed),
            picks: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Replaces tree `index` by one grown from a fresh sample without replacement. `index` is at most [`trees`],
    /// which adds a tree.
    ///
    /// [`trees`]: Self::trees
    pub(super) fn regrow(&mut self, index: usize, rows: &[f64]) {
        let available = rows.len() / self.dim;
        let wanted = self.sample_size.min(available);
        self.picks.clear();
        self.picks.extend(0..available as u32);
        // The first steps of a Fisher-Yates shuffle.
        for i in 0..wanted {
            let j = i + self.random.below(available - i);
            self.picks.swap(i, j);
        }
        let slots = index << self.depth..(index + 1) << self.depth;
        let mut tree = TreeMut {
            cut: &mut self.cut[slots.clone()],
            feature: &mut self.feature[slots.clone()],
            leaf: &mut self.leaf[slots.clone()],
            size: &mut self.size[slots.start * 2..slots.end * 2],
        };
        let picks = &mut self.picks[..wanted];
        grow(&mut tree, rows, self.dim, picks, &mut self.random, &mut self.scratch);
        self.grown = self.grown.max(index + 1);
    }

    /// How many features a row has.
    pub fn features(&self) -> usize {
        self.dim
    }

    /// How many trees vote.
    pub fn trees(&self) -> usize {
        self.grown
    }

    /// How many trees there will be at most.
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How isolated a row is: `2^(-E(h)/c(n))`, between 0 and 1. About 0.5 and below is ordinary, 1 is isolated by
    /// the first cut. A short row misses its last features, further values are ignored. Does not allocate.
    pub fn score(&self, row: &[f64]) -> f64 {
        let mut sum = 0.0;
        for tree in 0..self.grown {
            let base = tree << self.depth;
            let cuts = &self.cut[base..base + (1 << self.depth)];
            let features = &self.feature[base..base + (1 << self.depth)];
            let mut node = 0;
            for _ in 0..self.depth {
                node = 2 * node + 1 + usize::from(goes_right(row, features[node], cuts[node]));
            }
            sum += f64::from(self.leaf[base + node + 1 - (1 << self.depth)]);
        }
        score_of(sum, self.grown)
    }

    /// The share of each feature in the score of this row, written to `shares` (which has one place a feature; more
    /// places become 0). The shares are not negative and make 1.
    ///
    /// A cut that sends a row into a part of `m` of `n` rows shortens its expected path by
    /// `c(n) - 1 - c(m)`, where `c` is the average path length; the cut's feature gets that as credit (a debit
    /// if the path grows longer, which is what happens to ordinary rows). Credits are summed over all trees, what
    /// is below zero is dropped, and the rest is scaled to 1. A row without any credit is shared equally.
    pub fn contributions(&self, row: &[f64], shares: &mut [f64]) {
        shares.fill(0.0);
        let slots = 1 << self.depth;
        for tree in 0..self.grown {
            let base = tree << self.depth;
            let mut node = 0;
            for _ in 0..self.depth {
                let (feature, cut) = (self.feature[base + node], self.cut[base + node]);
                let child = 2 * node + 1 + usize::from(goes_right(row, feature, cut));
                let size = &self.size[base * 2..(base + slots) * 2];
                if let Some(credit) = self.paths.credit(cut, size[node], size[child])
                    && let Some(share) = shares.get_mut((feature & !MISSING_RIGHT) as usize)
                {
                    *share += credit;
                }
                node = child;
            }
        }
        attribution::normalise(shares, self.dim);
    }
}

/// Where a row goes at a cut.
#[inline]
fn goes_right(row: &[f64], feature: u32, cut: f64) -> bool {
    match row.get((feature & !MISSING_RIGHT) as usize) {
        Some(value) if !value.is_nan() => *value > cut,
        _ => feature & MISSING_RIGHT != 0,
    }
}
