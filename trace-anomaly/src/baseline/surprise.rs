//! From a residual to nats of surprise under a fixed reference distribution, and back.

/// The largest surprise that is told apart, in nats.
const MOST_SURPRISE: f64 = 60.0;

/// `-ln P(|T| >= |residual|)` for Student's t with eight degrees of freedom, in nats; 0 at a residual of 0 and at most
/// 60. NaN stays NaN.
///
/// Eight degrees stand for how well the spread is known after twenty values (a median absolute deviation uses 37 % of
/// what they tell) and for tails a little heavier than normal. The reference only has to be near:
/// [`Calibrator`](crate::Calibrator) corrects what is left from the history of the series.
pub fn residual_surprise(residual: f64) -> f64 {
    if residual.is_nan() {
        return f64::NAN;
    }
    (-tail(residual.abs()).ln()).min(MOST_SURPRISE)
}

/// The positive residual with this surprise: the inverse of [`residual_surprise`].
pub fn surprise_to_residual(surprise: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1e4);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if residual_surprise(middle) < surprise { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// `P(|T| >= t)` by the closed form for even degrees of freedom (Abramowitz and Stegun 26.7.4): with `s = sin(theta)`,
/// `c = cos(theta)^2` and `tan(theta) = t / sqrt(8)`, it is `1 - s (1 + c/2 + 3 c^2 / 8 + 5 c^3 / 16)`.
fn tail(t: f64) -> f64 {
    let c = 8.0 / (8.0 + t * t);
    if c < 1e-2 {
        // The difference from 1 would cancel; these are the first terms of its series.
        return c.powi(4) * (35.0 / 128.0 + c * 7.0 / 64.0);
    }
    let s = (1.0 - c).sqrt();
    1.0 - s * (1.0 + c / 2.0 + 3.0 * c * c / 8.0 + 5.0 * c * c * c / 16.0)
}
