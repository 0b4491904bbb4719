//! How bad something is, and how urgent work is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How bad an anomaly or alert is. Ordered: `Info < Low < Medium < High < Critical`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For the record. Aliases: `debug`.
    Info,
    /// Look when convenient.
    Low,
    /// Look today. Aliases: `warn`, `warning`.
    Medium,
    /// Look now. Aliases: `error`.
    High,
    /// Wake someone. Aliases: `emergency`.
    Critical,
}

/// A text is not a severity or a priority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {found:?} is none of: {known}")]
pub struct ParseSeverityError {
    what: &'static str,
    found: String,
    known: &'static str,
}

impl Severity {
    /// All, from harmless to bad.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The canonical lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl FromStr for Severity {
    type Err = ParseSeverityError;

    /// Reads the canonical names and the aliases, in any case.
    fn from_str(s: &str) -> Result<Self, ParseSeverityError> {
        match s.to_ascii_lowercase().as_str() {
            "info" | "debug" => Ok(Self::Info),
            "low" => Ok(Self::Low),
            "medium" | "warn" | "warning" => Ok(Self::Medium),
            "high" | "error" => Ok(Self::High),
            "critical" | "emergency" => Ok(Self::Critical),
            _ => Err(ParseSeverityError {
                what: "severity",
                found: s.chars().take(64).collect(),
                known: "info, low, medium, high, critical",
            }),
        }
    }
}

/// Which severities a query wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeverityFilter(Option<u8>);

impl SeverityFilter {
    /// Whether the severity is wanted. The default filter wants all.
    pub fn matches(self, s: Severity) -> bool {
        self.0.is_none_or(|mask| mask & (1 << s as u8) != 0)
    }
}

impl FromStr for SeverityFilter {
    type Err = ParseSeverityError;

    /// One severity, a comma list (`medium,high`), or a lower bound (`>=medium`). Empty text wants all.
    fn from_str(s: &str) -> Result<Self, ParseSeverityError> {
        let s = s.trim();
        if s.is_empty() {
            return Ok(Self(None));
        }
        if let Some(bound) = s.strip_prefix(">=") {
            let min: Severity = bound.trim().parse()?;
            return Ok(Self(Some(
                Severity::ALL.iter().filter(|v| **v >= min).fold(0, |m, v| m | 1 << *v as u8),
            )));
        }
        let mut mask = 0;
        for part in s.split(',') {
            mask |= 1 << part.trim().parse::<Severity>()? as u8;
        }
        Ok(Self(Some(mask)))
    }
}

/// How urgent a piece of work is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Can wait.
    Low,
    /// The usual. Aliases: `medium`.
    #[default]
    Normal,
    /// Ahead of others.
    High,
    /// First. Aliases: `emergency`.
    Critical,
}

impl Priority {
    /// The canonical lower-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl FromStr for Priority {
    type Err = ParseSeverityError;

    fn from_str(s: &str) -> Result<Self, ParseSeverityError> {
        match s.to_ascii_lowercase().as_str() {
            "low" => Ok(Self::Low),
            "normal" | "medium" => Ok(Self::Normal),
            "high" => Ok(Self::High),
            "critical" | "emergency" => Ok(Self::Critical),
            _ => Err(ParseSeverityError {
                what: "priority",
                found: s.chars().take(64).collect(),
                known: "low, normal, high, critical",
            }),
        }
    }
}

macro_rules! text_form {
    ($($t:ty),*) => {$(
        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }
        impl Serialize for $t {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(self.as_str()) }
        }
        impl<'de> Deserialize<'de> for $t {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}
text_form!(Severity, Priority);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_map_to_the_canonical_five() {
        for (alias, severity) in [
            ("debug", Severity::Info),
            ("WARN", Severity::Medium),
            ("warning", Severity::Medium),
            ("error", Severity::High),
            ("Emergency", Severity::Critical),
        ] {
            assert_eq!(alias.parse::<Severity>().unwrap(), severity);
        }
        let err = "catastrophic".parse::<Severity>().unwrap_err().to_string();
        assert_eq!(err, r#"severity "catastrophic" is none of: info, low, medium, high, critical"#);
    }

    #[test]
    fn a_filter_reads_one_a_list_and_a_bound() {
        let matched = |f: &str| {
            let f: SeverityFilter = f.parse().unwrap();
            Severity::ALL.into_iter().filter(|s| f.matches(*s)).map(Severity::as_str).collect::<Vec<_>>()
        };
        assert_eq!(matched("high"), ["high"]);
        assert_eq!(matched("medium, high"), ["medium", "high"]);
        assert_eq!(matched(">=high"), ["high", "critical"]);
        assert_eq!(matched("").len(), 5);
        assert!("high,,low".parse::<SeverityFilter>().is_err());
    }
}
