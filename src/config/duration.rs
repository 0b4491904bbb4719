//! Lengths of time as text, and how they are written back.

use std::str::FromStr;
use std::time::Duration;

use serde::Serializer;

/// A length such as `500ms`, `30s`, `5m`, `1h` or `1d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Length(pub(super) Duration);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a length with a unit, up to 7 days: 500ms, 30s, 5m, 1h, 1d")]
pub(super) struct LengthError;

const LONGEST: Duration = Duration::from_secs(7 * 86_400);

impl FromStr for Length {
    type Err = LengthError;

    fn from_str(text: &str) -> Result<Self, LengthError> {
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or(LengthError)?;
        let number: u64 = text[..unit_at].parse().map_err(|_| LengthError)?;
        let unit_ms = match &text[unit_at..] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(LengthError),
        };
        let length = Duration::from_millis(number.checked_mul(unit_ms).ok_or(LengthError)?);
        if length <= LONGEST { Ok(Self(length)) } else { Err(LengthError) }
    }
}

/// As a number of milliseconds.
pub(super) fn as_ms<S: Serializer>(length: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}

/// As text that [`Length`] reads.
pub(super) fn as_text<S: Serializer>(length: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let ms = length.as_millis();
    if ms.is_multiple_of(1000) {
        serializer.collect_str(&format_args!("{}s", ms / 1000))
    } else {
        serializer.collect_str(&format_args!("{ms}ms"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, ms) in [
            ("0s", 0),
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(text.parse(), Ok(Length(Duration::from_millis(ms))), "{text}");
        }
    }

    #[test]
    fn lengths_without_unit_or_limit_are_refused() {
        for bad in [
            "",
            "5",
            "m",
            "5 m",
            "-5m",
            "5min",
            "1.5h",
            "8d",
            "99999999999999999999s",
            "18446744073709551615d",
            "５m",
        ] {
            assert_eq!(bad.parse::<Length>(), Err(LengthError), "{bad}");
        }
    }
}
