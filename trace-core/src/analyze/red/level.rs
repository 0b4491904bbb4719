//! The widths of slots, from seconds to hours, and how long each is kept.

/// The widths. Each is a multiple of the one before.
pub(super) const LEVELS: usize = 5;
/// Seconds in a slot of each level.
pub(super) const WIDTH: [u64; LEVELS] = [1, 10, 60, 600, 3600];
/// Slots of each level that are kept if there is room: two minutes, twenty minutes, six hours, a day, a week.
const KEEP: [u64; LEVELS] = [120, 120, 360, 144, 168];
/// How the bytes are divided if there is no room for all.
const SHARE: [usize; LEVELS] = [2, 3, 4, 3, 2];
/// Seconds after which spans of a second are expected to be here. Later ones still count, at a higher cost.
pub(super) const GRACE: u64 = 3;

/// What is kept of each level, and how much that is; the same for all series of a tenant.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// The first slot of each level that is kept.
    pub(super) floor: [u64; LEVELS],
    /// Bytes in sealed slots of each level.
    pub(super) bytes: [usize; LEVELS],
    /// Bytes in open slots and keys.
    pub(super) other_bytes: usize,
}

impl Kept {
    pub(super) fn total(&self) -> usize {
        self.bytes.iter().sum::<usize>() + self.other_bytes
    }

    /// Moves the floors to where they belong at this second.
    pub(super) fn advance(&mut self, second: u64) {
        for l in 0..LEVELS {
            self.floor[l] = self.floor[l].max((second / WIDTH[l] + 1).saturating_sub(KEEP[l]));
        }
    }

    /// Lets the oldest sixteenth of the level go that has most over its share. `None` if no level can spare any:
    /// what the next level is still to be made of is needed.
    pub(super) fn shorten(&mut self, second: u64) -> Option<usize> {
        let over = |l: &usize| self.bytes[*l] / SHARE[*l];
        let spare = |l: usize| {
            let needed = match WIDTH.get(l + 1) {
                Some(next) => second.saturating_sub(2 * GRACE) / next * (next / WIDTH[l]),
                None => second / WIDTH[l],
            };
            needed.saturating_sub(self.floor[l])
        };
        let level = (0..LEVELS).filter(|l| self.bytes[*l] > 0 && spare(*l) > 0).max_by_key(over)?;
        let step = (spare(level) / 16).clamp(1, spare(level));
        self.floor[level] += step;
        Some(level)
    }

    /// The first second that a level holds.
    pub(super) fn since(&self, level: usize) -> u64 {
        self.floor[level] * WIDTH[level]
    }

    /// The first second that is handed out for a range that begins with this one: that of the narrowest slot around
    /// it that is kept.
    pub(super) fn slot_around(&self, second: u64) -> u64 {
        let mut level = LEVELS - 1;
        while level > 0 && self.since(level - 1) <= second {
            level -= 1;
        }
        (second / WIDTH[level] * WIDTH[level]).max(self.since(LEVELS - 1))
    }

    /// The end of the seconds that are handed out for a range from `from` that ends before `second`: a slot that begins
    /// before the range is not handed out if the range's beginning is there in narrower ones.
    pub(super) fn slot_before(&self, second: u64, from: u64) -> u64 {
        let mut level = LEVELS - 1;
        while level > 0 && self.since(level - 1) <= (second / WIDTH[level] * WIDTH[level]).max(from) {
            level -= 1;
        }
        second.div_ceil(WIDTH[level]) * WIDTH[level]
    }

    /// The level that a range is rounded to: the coarsest with at most a hundredth of its length.
    pub(super) fn precision(seconds: u64) -> usize {
        (0..LEVELS).rev().find(|l| WIDTH[*l] * 100 <= seconds).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_rounded_by_at_most_a_hundredth() {
        let level = |s| WIDTH[Kept::precision(s)];
        assert_eq!([1, 60, 999, 1000].map(level), [1, 1, 1, 10]);
        assert_eq!([3600, 6000, 86_400, 604_800].map(level), [10, 60, 600, 3600]);
    }

    #[test]
    fn what_the_next_level_is_made_of_is_not_spared() {
        let second = 1_756_900_000;
        let mut kept = Kept { bytes: [1; LEVELS], ..Kept::default() };
        kept.advance(second);
        while kept.shorten(second).is_some() {}
        for l in 0..LEVELS - 1 {
            assert!(kept.since(l) <= (second - 2 * GRACE) / WIDTH[l + 1] * WIDTH[l + 1], "{l}");
        }
        assert!(kept.floor[0] > second - 20);
    }
}
