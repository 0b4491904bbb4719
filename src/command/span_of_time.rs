//! A length of time on the command line.

use std::str::FromStr;
use std::time::Duration;

/// A length of time, such as `75s`, `2m` or `500ms`; at most a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SpanOfTime(pub(super) Duration);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time such as 75s, 2m or 500ms, at most 24h")]
pub(super) struct NoSpanOfTime;

const LONGEST: Duration = Duration::from_secs(86_400);

impl FromStr for SpanOfTime {
    type Err = NoSpanOfTime;

    fn from_str(text: &str) -> Result<Self, NoSpanOfTime> {
        let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or(NoSpanOfTime)?;
        let number: u64 = text[..unit_at].parse().map_err(|_| NoSpanOfTime)?;
        let unit_ms = match &text[unit_at..] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(NoSpanOfTime),
        };
        let time = Duration::from_millis(number.checked_mul(unit_ms).ok_or(NoSpanOfTime)?);
        if time <= LONGEST { Ok(Self(time)) } else { Err(NoSpanOfTime) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_unit_and_a_limit() {
        assert_eq!("75s".parse(), Ok(SpanOfTime(Duration::from_secs(75))));
        assert_eq!("500ms".parse(), Ok(SpanOfTime(Duration::from_millis(500))));
        for bad in ["", "75", "s", "-1s", "1.5s", "25h", "99999999999999999999s", "18446744073709551615h"] {
            assert_eq!(bad.parse::<SpanOfTime>(), Err(NoSpanOfTime), "{bad}");
        }
    }
}
