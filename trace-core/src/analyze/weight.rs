//! How many spans a sampled one stands for.

use crate::model::TraceState;

/// The adjusted count that a trace state tells: `2^56 / (2^56 - T)` for a rejection threshold `ot=th:T`, else 1.
///
/// The threshold is 1 to 14 hex digits, to be extended with zeros to 14 (OpenTelemetry, "Tracestate: probability
/// sampling"). What is malformed tells nothing.
pub(super) fn adjusted_count(state: &TraceState) -> f64 {
    const ALL: u64 = 1 << 56;
    let threshold = || {
        let digits = state.get("ot")?.split(';').find_map(|field| field.strip_prefix("th:"))?;
        let hex = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
        if digits.len() > 14 || !digits.bytes().all(hex) {
            return None;
        }
        Some(u64::from_str_radix(digits, 16).ok()? << (4 * (14 - digits.len())))
    };
    if state.is_empty() { 1.0 } else { threshold().map_or(1.0, |t| ALL as f64 / (ALL - t) as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_says_how_many_a_span_stands_for() {
        let count = |text: &str| adjusted_count(&TraceState::from_validated(text));
        assert_eq!([count("ot=th:8"), count("x=1,ot=rv:0;th:c"), count("ot=th:0")], [2.0, 4.0, 1.0]);
        assert!((count("ot=th:fd70a4") - 100.0).abs() < 1e-3);
        assert_eq!(count("ot=th:ffffffffffffff"), (1u64 << 56) as f64);
        for none in ["", "ot=", "ot=th:", "ot=th:xyz", "ot=th:+8", "ot=th:000000000000000", "a=th:8"] {
            assert_eq!(count(none), 1.0, "{none}");
        }
    }
}
