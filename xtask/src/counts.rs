//! Counting results: what test runners print, and the closing line of our own commands.

use std::fmt;
use std::ops::AddAssign;

/// Results by kind. Its text is the closing line `N passed, N failed, N skipped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) skipped: u32,
}

impl Counts {
    pub(crate) const PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    pub(crate) const FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };
    pub(crate) const SKIPPED: Self = Self { passed: 0, failed: 0, skipped: 1 };

    /// Reads libtest's `test result: ok. 3 passed; 0 failed; 1 ignored; ...`; other lines are `None`.
    pub(crate) fn from_libtest(line: &str) -> Option<Self> {
        let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let count = |label: &str| {
            numbers.split(';').find_map(|part| part.trim().strip_suffix(label)?.trim().parse().ok())
        };
        Some(Self { passed: count("passed")?, failed: count("failed")?, skipped: count("ignored")? })
    }

    /// Reads our own closing line; other lines are `None`.
    pub(crate) fn from_closing_line(line: &str) -> Option<Self> {
        let mut parts = line.split(", ");
        let mut count = |label: &str| parts.next()?.strip_suffix(label)?.parse().ok();
        let counts =
            Self { passed: count(" passed")?, failed: count(" failed")?, skipped: count(" skipped")? };
        parts.next().is_none().then_some(counts)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtest_lines_are_read_and_others_are_not() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s";
        assert_eq!(Counts::from_libtest(line), Some(Counts { passed: 12, failed: 3, skipped: 1 }));
        assert_eq!(Counts::from_libtest("running 3 tests"), None);
        assert_eq!(Counts::from_libtest("test result: ok. x passed; 0 failed; 0 ignored"), None);
    }

    #[test]
    fn the_closing_line_reads_back_as_written() {
        let counts = Counts { passed: 7, failed: 0, skipped: 2 };
        assert_eq!(Counts::from_closing_line(&counts.to_string()), Some(counts));
        assert_eq!(Counts::from_closing_line("7 passed, 0 failed, 2 skipped, 1 more"), None);
        assert_eq!(Counts::from_closing_line("7 passed"), None);
    }
}
