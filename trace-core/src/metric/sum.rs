//! The cell of counters: one sum of integers and one of doubles, in shards.

use super::shard::{Shard, Shards};
use crate::model::Number;

const INTEGERS: usize = 0;
const DOUBLES: usize = 1;
/// How many doubles were added: from the first on the sum is shown as a double.
const DOUBLE_COUNT: usize = 2;
const WORDS: usize = 3;

/// A sum that threads add to at once.
pub(super) struct SumCell(Shards);

impl SumCell {
    pub(super) fn new(shards: usize) -> Self {
        Self(Shards::new(WORDS, shards, |_| 0))
    }

    pub(super) fn shards(&self) -> &Shards {
        &self.0
    }

    /// Adds to a shard. `false` if a sum of doubles would leave the finite range.
    #[inline(always)]
    pub(super) fn add(&self, shard: Shard<'_>, value: Number) -> bool {
        match value {
            Number::I64(v) => {
                // Two's complement: adding the bits of a negative number subtracts.
                shard.add(INTEGERS, v as u64);
                true
            }
            Number::F64(v) => {
                let added = shard.update_f64(DOUBLES, |sum| Some(sum + v).filter(|s| s.is_finite()));
                if added {
                    shard.add(DOUBLE_COUNT, 1);
                }
                added
            }
        }
    }

    /// The total of all shards.
    pub(super) fn total(&self, monotonic: bool) -> Total {
        let mut total = Total::default();
        for shard in self.0.iter() {
            let bits = shard.get(INTEGERS);
            total.integers += if monotonic { i128::from(bits) } else { i128::from(bits as i64) };
            total.doubles += shard.get_f64(DOUBLES);
            total.has_doubles |= shard.get(DOUBLE_COUNT) != 0;
        }
        // Two shards may add up to infinity, though neither is.
        total.doubles = total.doubles.clamp(f64::MIN, f64::MAX);
        total
    }
}

/// A sum of integers and one of doubles.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Total {
    integers: i128,
    doubles: f64,
    has_doubles: bool,
}

impl Total {
    /// One number: a double if a double was ever added, or if no `i64` holds it.
    pub(super) fn number(self) -> Number {
        match i64::try_from(self.integers) {
            Ok(v) if !self.has_doubles => Number::I64(v),
            _ => Number::F64((self.integers as f64 + self.doubles).clamp(f64::MIN, f64::MAX)),
        }
    }

    /// What was added since `before`.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            integers: self.integers - before.integers,
            doubles: self.doubles - before.doubles,
            has_doubles: self.has_doubles,
        }
    }

    /// Whether nothing was added.
    pub(super) fn is_zero(self) -> bool {
        self.integers == 0 && self.doubles == 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(cell: &SumCell, value: Number) -> bool {
        cell.add(cell.shards().mine(), value)
    }

    #[test]
    fn integers_stay_integers_until_a_double_is_added() {
        let cell = SumCell::new(2);
        add(&cell, Number::I64(1 << 60));
        add(&cell, Number::I64(1));
        assert_eq!(cell.total(true).number(), Number::I64((1 << 60) + 1));
        add(&cell, Number::F64(0.5));
        assert_eq!(cell.total(true).number(), Number::F64((1u64 << 60) as f64));
    }

    #[test]
    fn a_sum_above_i64_becomes_a_double_and_a_negative_one_stays() {
        let cell = SumCell::new(1);
        add(&cell, Number::I64(i64::MAX));
        add(&cell, Number::I64(i64::MAX));
        assert_eq!(cell.total(true).number(), Number::F64(2.0 * i64::MAX as f64));
        let cell = SumCell::new(1);
        add(&cell, Number::I64(-3));
        assert_eq!(cell.total(false).number(), Number::I64(-3));
    }

    #[test]
    fn a_sum_that_would_become_infinite_is_refused() {
        let cell = SumCell::new(1);
        assert!(add(&cell, Number::F64(f64::MAX)));
        assert!(!add(&cell, Number::F64(f64::MAX)));
        assert_eq!(cell.total(true).number(), Number::F64(f64::MAX));
    }

    #[test]
    fn a_difference_is_what_was_added_between() {
        let cell = SumCell::new(1);
        add(&cell, Number::I64(5));
        let before = cell.total(true);
        assert!(before.since(before).is_zero());
        add(&cell, Number::I64(2));
        assert_eq!(cell.total(true).since(before).number(), Number::I64(2));
    }
}
