//! How grave a log record is.

use std::fmt;

/// The severity number of a log record: 1 to 24, in six ranges of four; 0 is unknown. Higher is graver.
///
/// Source: OpenTelemetry logs data model, "Severity Fields".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogSeverity(u8);

impl LogSeverity {
    /// Not known.
    pub const UNSPECIFIED: Self = Self(0);
    /// Fine-grained, for finding an error.
    pub const TRACE: Self = Self(1);
    /// For finding an error.
    pub const DEBUG: Self = Self(5);
    /// Something happened, as it should.
    pub const INFO: Self = Self(9);
    /// Not an error, but worth more attention.
    pub const WARN: Self = Self(13);
    /// Something failed.
    pub const ERROR: Self = Self(17);
    /// The program cannot go on.
    pub const FATAL: Self = Self(21);

    /// The severity of this number; out of range it is unknown.
    pub const fn new(number: u8) -> Self {
        if number <= 24 { Self(number) } else { Self::UNSPECIFIED }
    }

    /// The number: 0 to 24.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The short name of the specification, such as `INFO` or `WARN2`; empty if it is unknown.
    pub const fn name(self) -> &'static str {
        const NAMES: [&str; 25] = [
            "", "TRACE", "TRACE2", "TRACE3", "TRACE4", "DEBUG", "DEBUG2", "DEBUG3", "DEBUG4", "INFO",
            "INFO2", "INFO3", "INFO4", "WARN", "WARN2", "WARN3", "WARN4", "ERROR", "ERROR2", "ERROR3",
            "ERROR4", "FATAL", "FATAL2", "FATAL3", "FATAL4",
        ];
        NAMES[self.0 as usize]
    }
}

impl fmt::Display for LogSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_names_of_the_specification() {
        let named = [LogSeverity::TRACE, LogSeverity::INFO, LogSeverity::new(14), LogSeverity::new(24)];
        assert_eq!(named.map(LogSeverity::name), ["TRACE", "INFO", "WARN2", "FATAL4"]);
        assert_eq!(LogSeverity::new(25), LogSeverity::UNSPECIFIED);
        assert!(LogSeverity::ERROR > LogSeverity::WARN);
    }
}
