//! What a confidence means.

/// At this confidence the false-alarm rate is the configured one.
pub(crate) const ANCHOR: f64 = 0.8;

/// The scale of confidences: `1 - p^g` with `g = ln(0.2) / ln(a)`.
///
/// A confidence of 0.8 or more comes, on data like the past, exactly as often as the false-alarm rate `a` says. On
/// the default `a = 0.01`:
///
/// | confidence | one false alarm in |
/// |---|---|
/// | 0.5 | 7.3 observations |
/// | 0.8 | 100 |
/// | 0.9 | 727 |
/// | 0.95 | 5,300 |
/// | 0.99 | 530,000 |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfidenceScale {
    exponent: f64,
}

impl ConfidenceScale {
    /// The scale for a false-alarm rate per observation; taken into 1e-9 to 0.5.
    pub fn new(false_alarm_rate: f64) -> Self {
        let rate = false_alarm_rate.clamp(1e-9, 0.5);
        Self { exponent: (1.0 - ANCHOR).ln() / rate.ln() }
    }

    /// The confidence for a p-value.
    pub fn confidence(&self, p: f64) -> f64 {
        1.0 - p.clamp(0.0, 1.0).powf(self.exponent)
    }

    /// The false-alarm rate per observation that a threshold on the confidence stands for.
    pub fn false_alarm_rate(&self, confidence: f64) -> f64 {
        (1.0 - confidence.clamp(0.0, 1.0)).powf(1.0 / self.exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_anchor_is_the_false_alarm_rate() {
        for rate in [0.1, 0.01, 0.001] {
            let scale = ConfidenceScale::new(rate);
            assert!((scale.confidence(rate) - 0.8).abs() < 1e-12);
            assert!((scale.false_alarm_rate(0.8) - rate).abs() < 1e-12);
        }
    }

    #[test]
    fn the_documented_table_is_right() {
        let scale = ConfidenceScale::new(0.01);
        for (confidence, one_in) in
            [(0.5, 7.3), (0.8, 100.0), (0.9, 727.0), (0.95, 5_300.0), (0.99, 530_000.0)]
        {
            let got = 1.0 / scale.false_alarm_rate(confidence);
            assert!((got / one_in - 1.0).abs() < 0.02, "{confidence}: one in {got}");
        }
    }
}
