//! One isolation tree in flat arrays, padded to full depth.
//!
//! The cuts are in heap order: the children of cut `k` are `2k + 1` and `2k + 2`. Every path is padded to the
//! same length with cuts that always go left, so that scoring is a loop of fixed length without a branch.

use super::path::average_path;
use crate::random::SplitMix64;

/// Set in a cut's feature if rows that miss the value go right.
pub(super) const MISSING_RIGHT: u32 = 1 << 31;
/// The cut of a padding node: no number is greater.
pub(super) const PADDING: f64 = f64::INFINITY;

/// The arrays of one tree of depth `d`: `2^d` cuts (the last is unused), `2^d` leaves, `2^(d+1)` sizes.
pub(super) struct TreeMut<'a> {
    pub(super) cut: &'a mut [f64],
    pub(super) feature: &'a mut [u32],
    /// `h / c(sample)` by leaf.
    pub(super) leaf: &'a mut [f32],
    /// How many sampled rows reach a node; leaves follow the cuts.
    pub(super) size: &'a mut [u16],
}

/// Working memory for growing, reused from tree to tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    features: Vec<u32>,
    stack: Vec<Pending>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    node: usize,
    low: usize,
    high: usize,
    depth: usize,
}

/// The cuts that a tree of this sample size needs: `ceil(log2(sample))`, the height limit of the paper.
pub(super) const fn depth_for(sample_size: usize) -> usize {
    sample_size.next_power_of_two().trailing_zeros() as usize
}

/// Grows a tree from the rows that `picks` names in `rows` (row-major, `dim` values a row). Reorders `picks`.
pub(super) fn grow(
    tree: &mut TreeMut<'_>,
    rows: &[f64],
    dim: usize,
    picks: &mut [u32],
    random: &mut SplitMix64,
    scratch: &mut Scratch,
) {
    let leaves = tree.leaf.len();
    let depth_limit = leaves.trailing_zeros() as usize;
    let yardstick = average_path(picks.len());
    tree.cut.fill(PADDING);
    tree.feature.fill(0);
    tree.size.fill(0);
    scratch.stack.clear();
    scratch.stack.push(Pending { node: 0, low: 0, high: picks.len(), depth: 0 });
    while let Some(Pending { node, low, high, depth }) = scratch.stack.pop() {
        tree.size[node] = (high - low) as u16;
        let members = &mut picks[low..high];
        let cut = if depth < depth_limit && members.len() > 1 {
            choose_cut(rows, dim, members, random, &mut scratch.features)
        } else {
            None
        };
        let Some((feature, value)) = cut else {
            let path = depth as f64 + average_path(members.len());
            let normalised = if yardstick > 0.0 { path / yardstick } else { 1.0 };
            let below = 1 << (depth_limit - depth);
            let first = ((node + 1) << (depth_limit - depth)) - leaves;
            tree.leaf[first..first + below].fill(normalised as f32);
            continue;
        };
        let (left, missing_right) = divide(rows, dim, members, feature, value);
        tree.cut[node] = value;
        tree.feature[node] = feature as u32 | if missing_right { MISSING_RIGHT } else { 0 };
        let middle = low + left;
        scratch.stack.push(Pending { node: 2 * node + 1, low, high: middle, depth: depth + 1 });
        scratch.stack.push(Pending { node: 2 * node + 2, low: middle, high, depth: depth + 1 });
    }
}

/// A random feature that is not constant here, and a random value between its extremes.
fn choose_cut(
    rows: &[f64],
    dim: usize,
    members: &[u32],
    random: &mut SplitMix64,
    candidates: &mut Vec<u32>,
) -> Option<(usize, f64)> {
    candidates.clear();
    candidates.extend(0..dim as u32);
    while !candidates.is_empty() {
        let feature = candidates.swap_remove(random.below(candidates.len())) as usize;
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for &row in members {
            let value = rows[row as usize * dim + feature];
            if value.is_finite() {
                low = low.min(value);
                high = high.max(value);
            }
        }
        if low < high {
            let at = random.unit();
            let value = low * (1.0 - at) + high * at;
            // Rounding may reach the upper end, and then nothing would go right.
            return Some((feature, if value >= low && value < high { value } else { low }));
        }
    }
    None
}

/// Moves the rows that go left to the front. Returns how many they are, and whether missing values go right.
fn divide(rows: &[f64], dim: usize, members: &mut [u32], feature: usize, cut: f64) -> (usize, bool) {
    let value = |row: u32| rows[row as usize * dim + feature];
    let known = members.iter().filter(|r| value(**r).is_finite()).count();
    let right = members.iter().filter(|r| value(**r).is_finite() && value(**r) > cut).count();
    let missing_right = 2 * right > known;
    let mut left = 0;
    for i in 0..members.len() {
        let v = value(members[i]);
        let goes_right = if v.is_finite() { v > cut } else { missing_right };
        if !goes_right {
            members.swap(i, left);
            left += 1;
        }
    }
    (left, missing_right)
}
