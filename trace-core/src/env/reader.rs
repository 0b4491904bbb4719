//! Reads single variables by the rules of the OpenTelemetry specification, and collects warnings.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

/// A variable that does not do what it seems to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvWarning {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with its value, and what happens instead.
    pub message: String,
}

impl fmt::Display for EnvWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.message)
    }
}

/// What is shown of a value that cannot be used.
const SHOWN: usize = 64;

/// Looks variables up.
pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    warnings: RefCell<Vec<EnvWarning>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, warnings: RefCell::default() }
    }

    pub(super) fn warn(&self, variable: &'static str, message: impl Into<String>) {
        let warning = EnvWarning { variable, message: message.into() };
        let mut warnings = self.warnings.borrow_mut();
        // Several settings may look at one variable.
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    pub(super) fn into_warnings(self) -> Vec<EnvWarning> {
        self.warnings.into_inner()
    }

    /// The value without blanks around it, if there is any.
    pub(super) fn text(&self, variable: &'static str) -> Option<String> {
        (self.lookup)(variable).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
    }

    pub(super) fn flag(&self, variable: &'static str) -> bool {
        let Some(value) = self.text(variable) else { return false };
        let is_true = value.eq_ignore_ascii_case("true");
        if !is_true && !value.eq_ignore_ascii_case("false") {
            self.warn(variable, format!("{} is neither true nor false; it counts as false", shown(&value)));
        }
        is_true
    }

    /// A whole number of at least `least`.
    pub(super) fn number(&self, variable: &'static str, least: u64) -> Option<u64> {
        let value = self.text(variable)?;
        match value.parse::<u64>() {
            Ok(n) if n >= least => Some(n),
            _ => {
                let problem = format!("{} is not a whole number from {least} on", shown(&value));
                self.warn(variable, format!("{problem}; the default stays"));
                None
            }
        }
    }

    /// A whole number of milliseconds.
    pub(super) fn millis(&self, variable: &'static str) -> Option<Duration> {
        self.number(variable, 0).map(Duration::from_millis)
    }

    /// A number of milliseconds of which 0 means no limit.
    pub(super) fn timeout(&self, variable: &'static str) -> Option<Duration> {
        self.millis(variable).map(|d| if d.is_zero() { Duration::MAX } else { d })
    }

    /// One of these words, in any case of letters.
    pub(super) fn word<T: Copy>(&self, variable: &'static str, words: &[(&str, T)]) -> Option<T> {
        let value = self.text(variable)?;
        let found = words.iter().find(|(word, _)| value.eq_ignore_ascii_case(word)).map(|(_, t)| *t);
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.warn(variable, format!("{} is none of {}; ignored", shown(&value), known.join(", ")));
        }
        found
    }

    /// The parts of a list with commas, in lower case, each once; `None` if the variable is unset.
    pub(super) fn list(&self, variable: &'static str) -> Option<Vec<String>> {
        let value = self.text(variable)?;
        let mut parts: Vec<String> = Vec::new();
        for part in value.split(',').map(|p| p.trim().to_ascii_lowercase()).filter(|p| !p.is_empty()) {
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        if parts.len() > 1 && parts.iter().any(|p| p == "none") {
            self.warn(variable, "lists none beside others; none is ignored");
            parts.retain(|p| p != "none");
        }
        Some(parts)
    }
}

/// A value as a warning shows it: short and without control characters.
fn shown(value: &str) -> String {
    let cut: String = value.chars().take(SHOWN).collect();
    format!("{cut:?}{}", if cut.len() < value.len() { "..." } else { "" })
}
