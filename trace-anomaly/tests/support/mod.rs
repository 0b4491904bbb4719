//! Synthetic data with a seed, and samples from it.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::f64::consts::TAU;
use std::time::Duration;

use trace_core::model::{TenantId, Timestamp};
use trace_core::signal::{Detector, Sample, Verdict};

/// Random numbers of several distributions.
pub(crate) struct Source(u64);

impl Source {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// Uniform in (0, 1): xorshift64* (Vigna 2014).
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        (bits as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (TAU * self.unit()).cos()
    }

    /// Student's t.
    pub(crate) fn student(&mut self, freedom: usize) -> f64 {
        let chi: f64 = (0..freedom).map(|_| self.normal().powi(2)).sum();
        self.normal() / (chi / freedom as f64).sqrt()
    }

    /// Poisson (Knuth).
    pub(crate) fn poisson(&mut self, mean: f64) -> f64 {
        let (limit, mut product, mut count) = ((-mean).exp(), self.unit(), 0.0);
        while product > limit {
            product *= self.unit();
            count += 1.0;
        }
        count
    }
}

/// Feeds one sample of one series, at second `at`.
pub(crate) fn feed(
    detector: &mut dyn Detector,
    series: &str,
    at: u64,
    features: &[(&'static str, f64)],
) -> Verdict {
    detector.observe(&Sample {
        tenant: &TenantId::default(),
        series,
        time: Timestamp::from_unix_nanos(at * 1_000_000_000),
        window: Duration::from_secs(1),
        features,
        events: 30,
        exemplar: None,
    })
}

/// The area under the ROC curve, ties counted half.
pub(crate) fn auroc(scores: &[f64], odd: &[bool]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut rank_sum, mut i) = (0.0, 0);
    while i < order.len() {
        let mut j = i;
        while j < order.len() && scores[order[j]] == scores[order[i]] {
            j += 1;
        }
        let middle_rank = (i + 1 + j) as f64 / 2.0;
        rank_sum += middle_rank * order[i..j].iter().filter(|k| odd[**k]).count() as f64;
        i = j;
    }
    let positives = odd.iter().filter(|o| **o).count() as f64;
    let negatives = odd.len() as f64 - positives;
    (rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives)
}

/// A window of 30 requests at this latency, whose logarithm varies by `noise`, with 1 % of errors.
pub(crate) fn request_window(source: &mut Source, level_ms: f64, noise: f64) -> [(&'static str, f64); 4] {
    let median = level_ms * (noise * source.normal()).exp();
    let p95 = median * 1.6 * (0.5 * noise * source.normal()).exp();
    [
        ("self_time_ms", median),
        ("self_time_p95_ms", p95),
        ("error_rate_percent", source.poisson(0.3) / 0.3),
        ("rate_per_s", source.poisson(30.0)),
    ]
}
