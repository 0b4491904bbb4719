//! Settings of a redaction.

use super::hash::KeyedHash;
use super::key_rules::KeyRules;
use super::pattern::Pattern;
use super::{PatternDetector, RedactError, RedactProcessor, Redaction};
use crate::process::resource::LastResource;

/// Rules for keys, and patterns, that one processor may have.
const MOST: usize = 64;

/// Keys whose values are secrets by their name. `*` stands for any characters.
const SECRET_KEYS: [&str; 16] = [
    "*password*",
    "*passwd*",
    "*passphrase*",
    "*secret*",
    "*credential*",
    "*authorization*",
    "*api_key*",
    "*api-key*",
    "*apikey*",
    "*access_key*",
    "*private_key*",
    "*access_token*",
    "*refresh_token*",
    "*auth_token*",
    "http.request.header.cookie",
    "http.response.header.set-cookie",
];

/// Collects what a [`RedactProcessor`] looks for.
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct RedactBuilder {
    keys: Vec<(String, Redaction)>,
    except: Vec<String>,
    detectors: Vec<(PatternDetector, Redaction)>,
    patterns: Vec<(String, Redaction)>,
    hash_key: Option<Vec<u8>>,
    span_names: bool,
}

impl RedactBuilder {
    /// Redacts the values of keys that fit: `*` stands for any characters, `?` for one, letters match in either case.
    /// The first rule that fits decides.
    pub fn key(mut self, glob: impl Into<String>, redaction: Redaction) -> Self {
        self.keys.push((glob.into(), redaction));
        self
    }

    /// Leaves the values of keys that fit alone, whatever else is asked for.
    pub fn except_key(mut self, glob: impl Into<String>) -> Self {
        self.except.push(glob.into());
        self
    }

    /// Redacts what a built-in detector finds.
    pub fn detector(mut self, detector: PatternDetector, redaction: Redaction) -> Self {
        self.detectors.push((detector, redaction));
        self
    }

    /// Redacts what a regular expression finds (syntax of the `regex` crate, time linear in the text). If it has a
    /// group, only what the first group that took part matched is replaced.
    pub fn pattern(mut self, regex: impl Into<String>, redaction: Redaction) -> Self {
        self.patterns.push((regex.into(), redaction));
        self
    }

    /// All detectors, and keys such as `*password*`, `*secret*` and `*authorization*`.
    pub fn usual_secrets(mut self, redaction: Redaction) -> Self {
        self.keys.extend(SECRET_KEYS.map(|key| (key.to_owned(), redaction)));
        self.detectors.extend(PatternDetector::ALL.map(|d| (d, redaction)));
        self
    }

    /// The key of [`Redaction::Hash`], at least 16 bytes and secret. Processes with the same key give the same hashes.
    pub fn hash_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.hash_key = Some(key.into());
        self
    }

    /// Whether patterns are also looked for in span names; false by default, since names should have few values.
    pub fn span_names(mut self, yes: bool) -> Self {
        self.span_names = yes;
        self
    }

    /// The processor.
    ///
    /// # Errors
    /// A pattern that cannot be used, more than 64 rules or patterns, or a hash without a key.
    pub fn build(self) -> Result<RedactProcessor, RedactError> {
        let bounded = |what, given| match given {
            0..=MOST => Ok(()),
            _ => Err(RedactError::TooMany { what, given, most: MOST }),
        };
        bounded("rules for keys", self.keys.len().max(self.except.len()))?;
        bounded("patterns", self.patterns.len() + self.detectors.len())?;
        let hash = self.hash_key.as_deref().and_then(KeyedHash::new);
        let redactions = self.keys.iter().chain(&self.patterns).map(|(_, r)| r);
        let mut redactions = redactions.chain(self.detectors.iter().map(|(_, r)| r));
        let asked = redactions.any(|r| *r == Redaction::Hash) || self.hash_key.is_some();
        if hash.is_none() && asked {
            return Err(RedactError::NoHashKey);
        }
        let mut patterns = Vec::new();
        // In an order that makes sense, whatever order they were named in.
        for detector in PatternDetector::ALL {
            if let Some((_, redaction)) = self.detectors.iter().find(|(d, _)| *d == detector) {
                patterns.push(Pattern::built_in(detector, *redaction)?);
            }
        }
        for (pattern, redaction) in &self.patterns {
            patterns.push(Pattern::custom(pattern, *redaction)?);
        }
        Ok(RedactProcessor {
            keys: KeyRules::new(&self.keys, &self.except),
            patterns,
            hash,
            span_names: self.span_names,
            resource: LastResource::default(),
        })
    }
}

impl std::fmt::Debug for RedactBuilder {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedactBuilder")
            .field("keys", &self.keys)
            .field("detectors", &self.detectors)
            .field("patterns", &self.patterns)
            .finish_non_exhaustive()
    }
}
