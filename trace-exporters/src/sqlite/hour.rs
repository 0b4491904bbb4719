//! The hour a span began in, which names its file.

use trace_core::model::Timestamp;

const NANOS: u64 = 3_600_000_000_000;
const PREFIX: &str = "spans-";
const SUFFIX: &str = ".sqlite";

/// An hour of Unix time, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Hour(u64);

impl Hour {
    pub(super) fn of(at: Timestamp) -> Self {
        Self(at.unix_nanos() / NANOS)
    }

    pub(super) fn start(self) -> Timestamp {
        Timestamp::from_unix_nanos(self.0.saturating_mul(NANOS))
    }

    /// The first moment that is no longer in it.
    pub(super) fn end(self) -> Timestamp {
        self.next().start()
    }

    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    pub(super) fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Whole microseconds from the start of the hour to a moment in it.
    pub(super) fn micros(self, at: Timestamp) -> u32 {
        // 3.6e9 at most, which fits.
        (at.unix_nanos().saturating_sub(self.start().unix_nanos()).min(NANOS) / 1000) as u32
    }

    /// The last moment of a microsecond.
    pub(super) fn last_moment(self, micros: u32) -> Timestamp {
        Timestamp::from_unix_nanos(self.start().unix_nanos() + u64::from(micros) * 1000 + 999)
    }

    /// `spans-YYYYMMDDHH.sqlite`.
    pub(super) fn file_name(self) -> String {
        let (year, month, day) = civil(self.0 / 24);
        format!("{PREFIX}{year:04}{month:02}{day:02}{:02}{SUFFIX}", self.0 % 24)
    }

    /// The hour of a file; `None` if it is none of ours.
    pub(super) fn of_file(name: &str) -> Option<Self> {
        let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        if digits.len() != 10 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let part = |range: std::ops::Range<usize>| digits.get(range)?.parse::<u64>().ok();
        let (year, month, day, hour) = (part(0..4)?, part(4..6)?, part(6..8)?, part(8..10)?);
        let found = Self(days(year, month, day)? * 24 + hour);
        // Only the name that we would give: no 30th of February, no hour 24.
        (found.file_name() == name).then_some(found)
    }
}

/// Year, month and day of a day since 1970-01-01. Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days`.
fn civil(day: u64) -> (u64, u64, u64) {
    let z = day + 719_468;
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * of_year + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, of_year - (153 * mp + 2) / 5 + 1)
}

/// The same backwards: `days_from_civil`.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let y = year - u64::from(month <= 2);
    let (era, year_of_era) = (y / 400, y % 400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_is_named_after_its_hour() {
        for (seconds, name) in [
            (0, "spans-1970010100.sqlite"),
            (951_826_554, "spans-2000022912.sqlite"),
            (1_760_000_000, "spans-2025100908.sqlite"),
        ] {
            assert_eq!(Hour::of(Timestamp::from_unix_secs(seconds)).file_name(), name);
        }
        for name in ["spans-2025023000.sqlite", "spans-2025100924.sqlite", "spans-2025.sqlite", "state.json"]
        {
            assert_eq!(Hour::of_file(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_lies_in_the_hour_that_its_file_names(nanos: u64) {
            let at = Timestamp::from_unix_nanos(nanos);
            let hour = Hour::of(at);
            prop_assert_eq!(Hour::of_file(&hour.file_name()), Some(hour));
            prop_assert!(hour.start() <= at && (at < hour.end() || hour.end() <= hour.start()));
            prop_assert!(hour.last_moment(hour.micros(at)) >= at);
        }
    }
}
