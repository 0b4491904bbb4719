//! The settings of a forest.

use serde::{Deserialize, Serialize};

use crate::config::within;
use crate::error::ConfigError;

/// The settings of a forest. The defaults for trees and sample are those of the paper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ForestConfig {
    /// How many trees vote, 1 to 10,000.
    pub trees: usize,
    /// How many rows a tree is grown from, 2 to 4,096.
    #[serde(alias = "sample_size")]
    pub sample_size: usize,
    /// How many of the latest rows a [`SlidingForest`](super::SlidingForest) draws samples from, at least
    /// `sample_size`, at most 1,000,000.
    pub window: usize,
    /// A [`SlidingForest`](super::SlidingForest) replaces its oldest tree once every so many rows, 1 to 1,000,000.
    #[serde(alias = "refit_every")]
    pub refit_every: usize,
}

impl Default for ForestConfig {
    fn default() -> Self {
        Self { trees: 100, sample_size: 256, window: 2048, refit_every: 4 }
    }
}

impl ForestConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is outside of the range its documentation gives.
    pub fn validate(&self) -> Result<(), ConfigError> {
        within("forest.trees", self.trees, 1..=10_000, "1 to 10000")?;
        within("forest.sampleSize", self.sample_size, 2..=4096, "2 to 4096")?;
        within("forest.window", self.window, self.sample_size..=1_000_000, "sampleSize to 1000000")?;
        within("forest.refitEvery", self.refit_every, 1..=1_000_000, "1 to 1000000")
    }
}
