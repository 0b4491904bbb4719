//! The bounds of an explicit histogram, and the search for a value's bucket.

use std::sync::Arc;

/// So many bounds are searched without a branch: values are as good as random to a branch predictor.
const FEW: usize = 15;

/// Ascending, finite upper bounds.
#[derive(Clone, Debug, PartialEq)]
#[repr(C)]
pub(super) struct Bounds {
    /// All, filled up with infinity, if they are few.
    few: Option<Arc<[f64; FEW + 1]>>,
    all: Arc<[f64]>,
}

impl Bounds {
    pub(super) fn new(bounds: &[f64]) -> Self {
        let few = (bounds.len() <= FEW)
            .then(|| Arc::new(std::array::from_fn(|i| bounds.get(i).copied().unwrap_or(f64::INFINITY))));
        Self { all: bounds.into(), few }
    }

    pub(super) fn all(&self) -> &Arc<[f64]> {
        &self.all
    }

    /// How many bounds lie below the finite value: a bound belongs to the bucket that it closes.
    #[inline(always)]
    pub(super) fn bucket(&self, value: f64) -> usize {
        let Some(few) = &self.few else { return self.all.partition_point(|b| *b < value) };
        // Two steps, each of three comparisons that do not wait for each other.
        let above = |i: usize| usize::from(value > few[i]);
        let four = ((above(3) + above(7) + above(11)) * 4) & 12;
        four + above(four) + above(four | 1) + above(four | 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_bounds_are_searched_alike() {
        for n in 0..40u8 {
            let list: Vec<f64> = (0..n).map(|i| f64::from(i) - 3.0).collect();
            let bounds = Bounds::new(&list);
            let near = list.iter().flat_map(|b| [b.next_down(), *b, b.next_up()]);
            for value in near.chain([f64::MIN, -0.0, 0.0, f64::MAX]) {
                let expected = list.iter().filter(|b| **b < value).count();
                assert_eq!(bounds.bucket(value), expected, "{value} among {n}");
            }
        }
    }
}
