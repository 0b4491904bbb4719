//! The cell of counters: one sum of integers and one of doubles, in shards.

use super::shard::Shards;
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

    /// Adds. `false` if a sum of doubles would leave the finite range.
    #[inline]
    pub(super) fn add(&self, value: Number) -> bool {
        let shard = self.0.mine();
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

    /// The total of all shards; a double if a double was ever added, or if no `i64` holds it.
    pub(super) fn total(&self, monotonic: bool) -> Number {
        let (mut integers, mut doubles, mut has_doubles) = (0i128, 0.0, false);
        for shard in self.0.iter() {
            let bits = shard.get(INTEGERS);
            integers += if monotonic { i128::from(bits) } else { i128::from(bits as i64) };
            doubles += shard.get_f64(DOUBLES);
            has_doubles |= shard.get(DOUBLE_COUNT) != 0;
        }
        match i64::try_from(integers) {
            Ok(v) if !has_doubles => Number::I64(v),
            _ => Number::F64((integers as f64 + doubles).clamp(f64::MIN, f64::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_stay_integers_until_a_double_is_added() {
        let cell = SumCell::new(2);
        cell.add(Number::I64(1 << 60));
        cell.add(Number::I64(1));
        assert_eq!(cell.total(true), Number::I64((1 << 60) + 1));
        cell.add(Number::F64(0.5));
        assert_eq!(cell.total(true), Number::F64((1u64 << 60) as f64));
    }

    #[test]
    fn a_sum_above_i64_becomes_a_double_and_a_negative_one_stays() {
        let cell = SumCell::new(1);
        cell.add(Number::I64(i64::MAX));
        cell.add(Number::I64(i64::MAX));
        assert_eq!(cell.total(true), Number::F64(2.0 * i64::MAX as f64));
        let cell = SumCell::new(1);
        cell.add(Number::I64(-3));
        assert_eq!(cell.total(false), Number::I64(-3));
    }

    #[test]
    fn a_sum_that_would_become_infinite_is_refused() {
        let cell = SumCell::new(1);
        assert!(cell.add(Number::F64(f64::MAX)));
        assert!(!cell.add(Number::F64(f64::MAX)));
        assert_eq!(cell.total(true), Number::F64(f64::MAX));
    }
}
