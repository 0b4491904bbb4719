//! Half-open ranges of time, and the text forms that a query parameter takes.

use std::time::Duration;

use serde::Serialize;

use super::Timestamp;

/// From `start` (inclusive) to `end` (exclusive).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct TimeRange {
    /// First point inside.
    pub start: Timestamp,
    /// First point outside.
    pub end: Timestamp,
}

/// A text is not a time range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeRangeError {
    /// None of the accepted forms.
    #[error("time range {0:?} is none of: `30s` `5m` `1h` `7d` `2w`, `PT1H`, or `<RFC 3339>/<RFC 3339>`")]
    Malformed(String),
    /// The range is empty, reversed or of no length.
    #[error("time range {0:?} is empty: the end must lie after the start")]
    Empty(String),
    /// The range is longer than anything stored.
    #[error("time range {0:?} is longer than the limit of 366 days")]
    TooLong(String),
}

const LIMIT: Duration = Duration::from_secs(366 * 86_400);

impl TimeRange {
    /// The range of `length` that ends at `end`.
    pub fn last(length: Duration, end: Timestamp) -> Self {
        Self { start: end - length, end }
    }

    /// Whether the point lies inside.
    pub fn contains(&self, t: Timestamp) -> bool {
        self.start <= t && t < self.end
    }

    /// The length.
    pub fn duration(&self) -> Duration {
        self.end.since(self.start)
    }

    /// Reads a relative length (`30s`, `5m`, `1h`, `7d`, `2w`, or ISO 8601 `PT1H`) that ends at `now`, or an
    /// absolute `start/end` in RFC 3339.
    ///
    /// # Errors
    /// Anything else, an empty or reversed range, and ranges over 366 days.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, TimeRangeError> {
        let shown = || text.chars().take(64).collect::<String>();
        if let Some((a, b)) = text.split_once('/') {
            let (Ok(start), Ok(end)) = (a.parse::<Timestamp>(), b.parse::<Timestamp>()) else {
                return Err(TimeRangeError::Malformed(shown()));
            };
            return Self { start, end }.checked(shown);
        }
        let length = relative(text).ok_or_else(|| TimeRangeError::Malformed(shown()))?;
        if length > LIMIT {
            return Err(TimeRangeError::TooLong(shown()));
        }
        Self::last(length, now).checked(shown)
    }

    fn checked(self, shown: impl Fn() -> String) -> Result<Self, TimeRangeError> {
        if self.end <= self.start {
            Err(TimeRangeError::Empty(shown()))
        } else if self.duration() > LIMIT {
            Err(TimeRangeError::TooLong(shown()))
        } else {
            Ok(self)
        }
    }
}

fn relative(text: &str) -> Option<Duration> {
    if text.len() > 32 {
        return None;
    }
    if text.starts_with('P') {
        let d: jiff::SignedDuration = text.parse().ok()?;
        return Duration::try_from(d).ok();
    }
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let n: u64 = text[..split].parse().ok()?;
    let unit = match &text[split..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    Some(Duration::from_secs(n.checked_mul(unit)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_secs(1_756_900_000);

    #[test]
    fn every_documented_form_is_read() {
        for (text, secs) in [
            ("30s", 30),
            ("5m", 300),
            ("1h", 3600),
            ("24h", 86_400),
            ("7d", 604_800),
            ("2w", 1_209_600),
            ("PT1H", 3600),
        ] {
            assert_eq!(
                TimeRange::parse(text, NOW).unwrap(),
                TimeRange::last(Duration::from_secs(secs), NOW),
                "{text}"
            );
        }
        let r = TimeRange::parse("2025-09-03T10:00:00Z/2025-09-03T12:00:00+01:00", NOW).unwrap();
        assert_eq!(r.duration(), Duration::from_secs(3600));
    }

    #[test]
    fn invalid_ranges_say_what_is_wrong() {
        for bad in [
            "",
            "1",
            "h",
            "1y",
            "-1h",
            "1h30m",
            "tomorrow",
            "a/b",
            "99999999999999999999s",
            "18446744073709551615w",
        ] {
            assert!(matches!(TimeRange::parse(bad, NOW), Err(TimeRangeError::Malformed(_))), "{bad}");
        }
        assert!(matches!(TimeRange::parse("0s", NOW), Err(TimeRangeError::Empty(_))));
        assert!(matches!(
            TimeRange::parse("2025-09-03T12:00:00Z/2025-09-03T11:00:00Z", NOW),
            Err(TimeRangeError::Empty(_))
        ));
        assert!(matches!(TimeRange::parse("400d", NOW), Err(TimeRangeError::TooLong(_))));
    }

    #[test]
    fn a_range_is_half_open() {
        let r = TimeRange::last(Duration::from_secs(1), NOW);
        assert!(r.contains(r.start) && !r.contains(r.end));
    }
}
