//! Which feature made a path short.

use super::path::average_path;
use super::tree::PADDING;

/// `c(n)` for every size that a node can have.
#[derive(Clone, Debug)]
pub(super) struct AveragePaths(Vec<f64>);

impl AveragePaths {
    pub(super) fn up_to(sample_size: usize) -> Self {
        Self((0..=sample_size).map(average_path).collect())
    }

    /// How much a cut shortens the expected path of a row that goes on with `child` of `parent` rows. `None` for
    /// padding.
    pub(super) fn credit(&self, cut: f64, parent: u16, child: u16) -> Option<f64> {
        if cut == PADDING {
            return None;
        }
        let before = self.0.get(usize::from(parent))?;
        let after = self.0.get(usize::from(child))?;
        Some(before - 1.0 - after)
    }
}

/// Makes the first `features` shares sum to 1.
pub(super) fn normalise(shares: &mut [f64], features: usize) {
    let used = features.min(shares.len());
    let shares = &mut shares[..used];
    for share in shares.iter_mut() {
        *share = share.max(0.0);
    }
    let sum: f64 = shares.iter().sum();
    for share in shares.iter_mut() {
        *share = if sum > 0.0 { *share / sum } else { 1.0 / used as f64 };
    }
}
