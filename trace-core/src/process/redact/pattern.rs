//! One pattern at work.

use regex::{Captures, Regex, RegexBuilder};

use super::hash::KeyedHash;
use super::{PatternDetector, RedactError, Redaction};

/// The largest compiled pattern, in bytes: bounds the memory and the time of a search.
const LARGEST: usize = 1 << 20;
/// What stands in place of what was there.
pub(super) const MASK: &str = "***";

/// A pattern and what to do with what it finds.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// What the text must contain for a match to be possible.
    hint: Option<Regex>,
    detector: Option<PatternDetector>,
    pub(super) redaction: Redaction,
}

impl Pattern {
    pub(super) fn built_in(detector: PatternDetector, redaction: Redaction) -> Result<Self, RedactError> {
        let hint = detector.hint().map(compile).transpose()?;
        Ok(Self { regex: compile(detector.pattern())?, hint, detector: Some(detector), redaction })
    }

    pub(super) fn custom(pattern: &str, redaction: Redaction) -> Result<Self, RedactError> {
        let regex = compile(pattern)?;
        if regex.is_match("") {
            return Err(RedactError::MatchesNothing(pattern.to_owned()));
        }
        Ok(Self { regex, hint: None, detector: None, redaction })
    }

    /// Whether the pattern can match somewhere in these texts, which lie one behind the other.
    pub(super) fn is_possible_in(&self, texts: &str) -> bool {
        self.hint.as_ref().is_none_or(|hint| hint.is_match(texts))
    }

    /// The text with what was found replaced; `None` if nothing was found. With [`Redaction::Drop`] it is masked: the
    /// caller drops what can be dropped.
    pub(super) fn replace(&self, text: &str, hash: Option<&KeyedHash>) -> Option<String> {
        if self.detector.is_some_and(|d| !d.is_possible(text)) {
            return None;
        }
        // Most texts have no match, and this answers that quickest.
        if !self.regex.is_match(text) {
            return None;
        }
        let mut out = String::new();
        let mut copied = 0;
        for found in self.regex.captures_iter(text) {
            let Some(part) = target(&found) else { continue };
            if self.detector.is_some_and(|d| !d.confirms(part.as_str())) {
                continue;
            }
            out.push_str(&text[copied..part.start()]);
            match (self.redaction, hash) {
                (Redaction::Hash, Some(hash)) => out.push_str(&hash.of(part.as_str())),
                _ => out.push_str(MASK),
            }
            copied = part.end();
        }
        if copied == 0 {
            return None;
        }
        out.push_str(&text[copied..]);
        Some(out)
    }
}

/// What a match wants replaced: its first group that took part, else all of it.
fn target<'t>(found: &Captures<'t>) -> Option<regex::Match<'t>> {
    found.iter().skip(1).flatten().next().or_else(|| found.get(0))
}

fn compile(pattern: &str) -> Result<Regex, RedactError> {
    RegexBuilder::new(pattern).size_limit(LARGEST).dfa_size_limit(2 * LARGEST).build().map_err(|e| {
        let message = match e {
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            // The last line says what, the ones before it show where.
            other => other.to_string().lines().last().unwrap_or_default().trim().to_owned(),
        };
        RedactError::Pattern { pattern: pattern.to_owned(), message }
    })
}
