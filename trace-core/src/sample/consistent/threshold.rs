//! Rejection thresholds and randomness: the two numbers that a consistent decision compares.

use std::fmt;
use std::str::FromStr;

use crate::model::TraceId;
use crate::sample::InvalidRatio;

/// The bits of a trace id that are random: the low 56 (W3C Trace Context level 2, section 3.2.2.3.1). The version
/// and variant of a UUID lie above them.
const BITS: u32 = 56;
const ALL: u64 = 1 << BITS;
/// Hex digits of a threshold or randomness.
const DIGITS: u32 = 14;

/// How much is rejected: a trace is kept if its [`Randomness`] is at least this. From 0, which keeps all, to
/// `2^56 - 1`, which keeps one trace of `2^56`; there is no threshold that keeps none.
///
/// Its text is the `th` of an OpenTelemetry trace state: up to 14 hex digits without trailing zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Threshold(u64);

/// The number that all who sample a trace share. Its text is the `rv` of an OpenTelemetry trace state: 14 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Randomness(u64);

/// A text is not a threshold or randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {form} lower-case hex digits")]
pub struct InvalidHex {
    what: &'static str,
    form: &'static str,
}

impl Threshold {
    /// Keeps everything.
    pub const ALWAYS: Self = Self(0);
    /// Keeps the least that can be said, one of `2^56`.
    pub const RAREST: Self = Self(ALL - 1);

    /// The threshold that keeps this share, `round((1 - p) * 2^56)`; a share below `2^-56` counts as that.
    ///
    /// # Errors
    /// If the share is not a number above 0 and up to 1.
    pub fn from_probability(probability: f64) -> Result<Self, InvalidRatio> {
        if !(probability > 0.0 && probability <= 1.0) {
            return Err(InvalidRatio(probability));
        }
        // Scaling by a power of two is exact, so a small share keeps all its digits.
        let kept = ((probability * ALL as f64).round() as u64).max(1);
        Ok(Self(ALL - kept))
    }

    /// The nearest threshold with at most this many hex digits, besides leading `f`s: a short text, for a share that
    /// is off by less than `16^(1 - digits)` of itself.
    #[must_use]
    pub fn with_precision(self, digits: u32) -> Self {
        let leading = (!(self.0 << (64 - BITS))).leading_zeros() / 4;
        let digits = (digits.max(1) + leading).min(DIGITS);
        let unit = 1u64 << (4 * (DIGITS - digits));
        let nearest = (self.0 + unit / 2) / unit * unit;
        Self(if nearest < ALL { nearest } else { self.0 / unit * unit })
    }

    /// The number itself, below `2^56`.
    pub const fn to_u64(self) -> u64 {
        self.0
    }

    /// The share that is kept.
    pub fn probability(self) -> f64 {
        (ALL - self.0) as f64 / ALL as f64
    }

    /// How many traces a kept one stands for: `2^56 / (2^56 - T)`.
    pub fn adjusted_count(self) -> f64 {
        ALL as f64 / (ALL - self.0) as f64
    }

    /// Whether a trace is kept.
    #[inline]
    pub const fn keeps(self, randomness: Randomness) -> bool {
        randomness.0 >= self.0
    }
}

impl Randomness {
    /// That of a trace whose trace state names none: the low 56 bits of its id.
    #[inline]
    pub const fn of_trace(id: TraceId) -> Self {
        Self(id.to_u128() as u64 & (ALL - 1))
    }

    /// The low 56 bits of a number.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & (ALL - 1))
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0");
        }
        let zeros = self.0.trailing_zeros() / 4;
        write!(f, "{:0width$x}", self.0 >> (4 * zeros), width = (DIGITS - zeros) as usize)
    }
}

impl fmt::Display for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:014x}", self.0)
    }
}

fn hex(text: &str) -> Option<u64> {
    let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if !text.bytes().all(lower) { None } else { u64::from_str_radix(text, 16).ok() }
}

impl FromStr for Threshold {
    type Err = InvalidHex;

    fn from_str(text: &str) -> Result<Self, InvalidHex> {
        let invalid = InvalidHex { what: "a sampling threshold", form: "1 to 14" };
        if !(1..=DIGITS as usize).contains(&text.len()) {
            return Err(invalid);
        }
        hex(text).map(|v| Self(v << (4 * (DIGITS as usize - text.len())))).ok_or(invalid)
    }
}

impl FromStr for Randomness {
    type Err = InvalidHex;

    fn from_str(text: &str) -> Result<Self, InvalidHex> {
        let invalid = InvalidHex { what: "a randomness value", form: "14" };
        if text.len() != DIGITS as usize {
            return Err(invalid);
        }
        hex(text).map(Self).ok_or(invalid)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(p: f64) -> Threshold {
        Threshold::from_probability(p).unwrap()
    }

    #[test]
    fn thresholds_are_written_as_in_the_specification() {
        let written =
            [(1.0, "0"), (0.5, "8"), (0.25, "c"), (0.75, "4"), (0.01, "fd70a4"), (1.0 / 3.0, "aaaab")];
        for (p, text) in written {
            assert_eq!(of(p).with_precision(5).to_string(), text, "{p}");
        }
        assert_eq!(of(0.01).to_string(), "fd70a3d70a3d71");
        assert_eq!(of(f64::MIN_POSITIVE), Threshold::RAREST);
        assert_eq!(Threshold::RAREST.with_precision(1).to_string(), "ffffffffffffff");
        assert_eq!("8".parse::<Threshold>().unwrap().adjusted_count(), 2.0);
        assert_eq!(Threshold::ALWAYS.adjusted_count(), 1.0);
    }

    #[test]
    fn what_is_no_probability_or_no_hex_is_refused() {
        for bad in [0.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Threshold::from_probability(bad).is_err(), "{bad}");
        }
        for bad in ["", "g", "8A", "+8", " 8", "000000000000001"] {
            assert!(bad.parse::<Threshold>().is_err(), "{bad}");
        }
        for bad in ["", "8", "0000000000000g", "0000000000000A", "000000000000000"] {
            assert!(bad.parse::<Randomness>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(t in 0..ALL, r in 0..ALL) {
            let (t, r) = (Threshold(t), Randomness(r));
            prop_assert_eq!(t.to_string().parse(), Ok(t));
            prop_assert!(t.to_string().len() <= 14 && (t.0 == 0 || !t.to_string().ends_with('0')));
            prop_assert_eq!(r.to_string().parse(), Ok(r));
        }

        #[test]
        fn probability_and_count_are_inverse(p in 1e-15f64..=1.0) {
            let t = of(p);
            prop_assert!((t.probability() / p - 1.0).abs() < 0.01);
            prop_assert!((t.probability() * t.adjusted_count() - 1.0).abs() < 1e-12);
        }

        #[test]
        fn fewer_digits_change_the_probability_by_little(p in 1e-9f64..=1.0, digits in 1u32..6) {
            let (exact, short) = (of(p), of(p).with_precision(digits));
            let off = (short.probability() / exact.probability() - 1.0).abs();
            prop_assert!(off <= 16f64.powi(1 - digits as i32), "{off} {exact} {short}");
        }

        #[test]
        fn a_higher_probability_keeps_what_a_lower_one_keeps(a in 1e-9f64..=1.0, b in 1e-9f64..=1.0, r in 0..ALL) {
            let (low, high) = (of(a.min(b)), of(a.max(b)));
            prop_assert!(!low.keeps(Randomness(r)) || high.keeps(Randomness(r)));
        }
    }
}
