//! Tests of the sketch.

use proptest::prelude::*;

use super::*;

fn exact(sorted: &[f64], q: f64) -> f64 {
    sorted[(q * (sorted.len() - 1) as f64) as usize]
}

fn sketch(values: &[(f64, f64)]) -> QuantileSketch {
    let mut s = QuantileSketch::new();
    values.iter().for_each(|&(v, w)| assert!(s.insert_weighted(v, w)));
    s
}

/// Sums depend on the order by rounding alone.
fn assert_equal(a: &QuantileSketch, mut b: QuantileSketch) {
    assert!((a.sum - b.sum).abs() <= 1e-9 * a.sum.abs(), "{} {}", a.sum, b.sum);
    b.sum = a.sum;
    assert_eq!(*a, b);
}

fn values(magnitude: f64) -> impl Strategy<Value = Vec<(f64, f64)>> {
    let value = prop_oneof![
        8 => (-magnitude..magnitude).prop_map(f64::exp),
        1 => Just(0.0),
        1 => Just(1.0),
    ];
    let weight = prop_oneof![Just(1.0), 1.0..1000.0f64, Just(1e12)];
    proptest::collection::vec((value, weight), 0..60)
}

proptest! {
    #[test]
    fn quantiles_stay_within_one_percent(
        mut values in proptest::collection::vec((-18.0f64..18.0).prop_map(f64::exp), 1..300),
        q in 0.0f64..=1.0,
    ) {
        let sketch: QuantileSketch = values.iter().copied().collect();
        values.sort_by(f64::total_cmp);
        let (want, got) = (exact(&values, q), sketch.quantile(q).unwrap());
        prop_assert!((got - want).abs() <= want * (RELATIVE_ERROR + 1e-9), "{got} instead of {want}");
    }

    #[test]
    fn a_weight_counts_like_so_many_values(
        values in proptest::collection::vec(((-5.0f64..5.0).prop_map(f64::exp), 1u8..5), 1..50),
        q in 0.0f64..=1.0,
    ) {
        let mut weighted = QuantileSketch::new();
        let mut repeated = QuantileSketch::new();
        for &(v, n) in &values {
            weighted.insert_weighted(v, n.into());
            (0..n).for_each(|_| { repeated.insert(v); });
        }
        prop_assert_eq!(weighted.quantile(q), repeated.quantile(q));
        prop_assert_eq!(weighted.weight(), repeated.count() as f64);
        prop_assert_eq!(weighted.count(), values.len() as u64);
    }

    #[test]
    fn merging_in_any_order_and_grouping_equals_seeing_everything(
        a in values(300.0), b in values(30.0), c in values(3.0),
    ) {
        let all = sketch(&[a.clone(), b.clone(), c.clone()].concat());
        let [a, b, c] = [&a, &b, &c].map(|v| sketch(v));
        let mut left = a.clone();
        left.merge(&b);
        left.merge(&c);
        let mut right = c.clone();
        let mut inner = b.clone();
        inner.merge(&a);
        right.merge(&inner);
        let mut dense = MergedSketch::default();
        [&b, &c, &a].into_iter().for_each(|s| dense.merge(s));
        assert_equal(&all, left);
        assert_equal(&all, right);
        assert_equal(&all, dense.take());
        prop_assert_eq!(dense.take(), QuantileSketch::new(), "it is used again");
    }

    #[test]
    fn packing_loses_nothing(a in values(300.0), b in values(5.0)) {
        let (a, b) = (sketch(&a), sketch(&b));
        let mut bytes = Vec::new();
        a.pack(&mut bytes);
        b.pack(&mut bytes);
        let mut rest = &bytes[..];
        for original in [a, b] {
            let mut merged = MergedSketch::default();
            merged.merge_packed(&mut rest).unwrap();
            assert_equal(&original, merged.take());
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn bytes_that_are_no_sketch_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = MergedSketch::default().merge_packed(&mut &bytes[..]);
    }

    #[test]
    fn a_range_wider_than_the_buckets_is_collapsed_at_its_low_end_alone(
        low in -700.0f64..-100.0, high in 0.0f64..700.0, n in 1usize..50,
    ) {
        let (low, high) = (low.exp(), high.exp());
        let mut s: QuantileSketch = std::iter::repeat_n(low, n).collect();
        s.extend(std::iter::repeat_n(high, n));
        prop_assert!(s.bins.len() <= 2);
        let (p0, p100) = (s.quantile(0.0).unwrap(), s.quantile(1.0).unwrap());
        prop_assert!((p100 / high - 1.0).abs() <= RELATIVE_ERROR + 1e-9);
        prop_assert!(p0 >= low && p0 < high * 1e-17);
        prop_assert_eq!((s.min(), s.max()), (Some(low), Some(high)));
    }
}

#[test]
fn extreme_values_stay_within_one_percent() {
    for v in [f64::MIN_POSITIVE, 5e-324, 1e-300, 1e-6, 1.0, 1e300, f64::MAX] {
        let s: QuantileSketch = [v, v, v].into_iter().collect();
        assert_eq!(s.quantile(0.5), Some(v));
        let near: QuantileSketch = [v / 1.5, v, v].into_iter().collect();
        let p = near.quantile(0.9).unwrap();
        assert!((p / v - 1.0).abs() <= RELATIVE_ERROR + 1e-9, "{p} instead of {v}");
    }
}

#[test]
fn values_outside_of_the_domain_do_no_harm() {
    let mut sketch = QuantileSketch::new();
    assert_eq!((sketch.quantile(0.5), sketch.mad(), sketch.rank(1.0)), (None, None, None));
    for bad in [f64::NAN, f64::INFINITY, -1.0] {
        assert!(!sketch.insert(bad));
        assert!(bad == f64::INFINITY || !sketch.insert_weighted(1.0, bad));
    }
    assert!(!sketch.insert_weighted(1.0, 0.0));
    sketch.extend([0.0, -0.0, 1e300]);
    assert_eq!((sketch.count(), sketch.min(), sketch.max()), (3, Some(0.0), Some(1e300)));
    assert_eq!(sketch.quantile(0.0), Some(0.0));
}

#[test]
fn memory_is_bounded_however_many_values_there_are() {
    let mut s = QuantileSketch::new();
    for i in 0..200_000 {
        s.insert((f64::from(i) / 200_000.0 * 1400.0 - 700.0).exp());
    }
    assert!(s.bins.len() <= MAX_BINS as usize, "{}", s.bins.len());
    assert_eq!(s.weight(), 200_000.0);
}

#[test]
fn rank_and_mad_describe_the_spread() {
    let sketch: QuantileSketch = (1..=100).map(f64::from).collect();
    assert!((sketch.rank(50.0).unwrap() - 0.5).abs() < 0.02);
    assert_eq!((sketch.rank(1000.0), sketch.rank(0.1)), (Some(1.0), Some(0.0)));
    assert!((sketch.mad().unwrap() - 25.0).abs() < 1.5);
    assert_eq!([7.0; 9].into_iter().collect::<QuantileSketch>().rank(7.0), Some(0.5));
}

#[test]
fn a_histogram_has_every_value_once() {
    let s: QuantileSketch = [0.0, 3.0, 7.0, 70.0, 7000.0].into_iter().collect();
    assert_eq!(s.histogram(&[5.0, 50.0, 500.0]), [2.0, 1.0, 1.0, 1.0]);
    assert_eq!(s.buckets().map(|b| b.2).sum::<f64>(), 5.0);
    assert!(
        s.buckets().skip(1).zip([3.0, 7.0, 70.0, 7000.0]).all(|((low, high, _), v)| low < v && v <= high)
    );
}

#[test]
fn two_sketches_that_are_filled_at_once_hold_what_each_was_given() {
    let mut at_once = [QuantileSketch::new(), QuantileSketch::new()];
    let mut apart = at_once.clone();
    for (a, b) in
        [(1.0, 1.0), (0.0, 0.0), (7.5, 2.0), (3.0, f64::NAN), (-1.0, -1.0), (1e300, 1e300), (1e-9, 1e-9)]
    {
        let [one, other] = &mut at_once;
        QuantileSketch::insert_both((one, a), (other, b), 2.5);
        apart[0].insert_weighted(a, 2.5);
        apart[1].insert_weighted(b, 2.5);
    }
    assert_eq!(at_once, apart);
    assert_eq!((apart[0].count(), apart[1].count()), (6, 5));
}

#[test]
fn counts_end_at_the_greatest_number() {
    let mut sketch = QuantileSketch::new();
    for times in [u64::MAX, 5, 1] {
        assert!(sketch.insert_times(2.0, 1.0, times));
    }
    sketch.merge(&sketch.clone());
    assert_eq!((sketch.count(), sketch.quantile(0.5)), (u64::MAX, Some(2.0)));
}

proptest! {
    #[test]
    fn a_value_put_in_many_times_at_once_is_that_many_values(
        value in prop_oneof![Just(0.0), (-40.0f64..40.0).prop_map(f64::exp), Just(-1.0), Just(f64::NAN)],
        weight in prop_oneof![Just(1.0), Just(0.0), 1.0..1000.0f64],
        times in 0u64..40,
    ) {
        let (mut one, mut other) = (sketch(&[(3.0, 2.0)]), sketch(&[(3.0, 2.0)]));
        let put = one.insert_times(value, weight, times);
        let every = (0..times).filter(|_| other.insert_weighted(value, weight)).count();
        prop_assert_eq!(put, every > 0);
        assert_equal(&one, other);
    }
}
