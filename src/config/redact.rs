//! What is hidden.

use serde::{Serialize, Serializer};
use trace_core::process::{PatternDetector, RedactBuilder, RedactError, RedactProcessor, Redaction};

use super::Secret;
use super::field::Field;
use super::section::Section;

/// `processing.redact`: on if the section is there without `enabled: false`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedactConfig {
    /// `mask` (the default), `hash` or `drop`.
    #[serde(serialize_with = "action")]
    pub action: Redaction,
    /// `usualSecrets`: all detectors, and keys such as `*password*`; true by default.
    pub usual_secrets: bool,
    /// Rules with an action of their own, which come before the rest: the first that fits decides.
    pub rules: Vec<RedactRule>,
    /// Keys whose values are hidden; `*` and `?` stand for any characters and for one.
    pub keys: Vec<String>,
    /// `exceptKeys`: keys whose values are left alone.
    pub except_keys: Vec<String>,
    /// Built-in detectors, if not all: `url_credentials`, `bearer_token`, `access_key`, `email`, `card_number`.
    #[serde(serialize_with = "names")]
    pub detectors: Vec<PatternDetector>,
    /// Regular expressions; if one has a group, only that is hidden.
    pub patterns: Vec<String>,
    /// `spanNames`: whether span names are searched too; false by default.
    pub span_names: bool,
    /// `hashKey`: the secret of `hash`, at least 16 bytes.
    pub hash_key: Option<Secret>,
}

/// One of `processing.redact.rules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RedactRule {
    /// What is hidden: one of `key`, `pattern` and `detector`.
    #[serde(flatten)]
    pub what: Redacted,
    /// `mask`, `hash` or `drop`; that of the section if left out.
    #[serde(serialize_with = "action")]
    pub action: Redaction,
}

/// What a rule hides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Redacted {
    /// The values of keys that fit.
    Key(String),
    /// What a regular expression finds; if it has a group, only that.
    Pattern(String),
    /// What a built-in detector finds.
    #[serde(serialize_with = "name")]
    Detector(PatternDetector),
}

fn name<S: Serializer>(detector: &PatternDetector, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(detector.name())
}

fn action<S: Serializer>(action: &Redaction, s: S) -> Result<S::Ok, S::Error> {
    let word = ACTIONS.iter().find(|(_, a)| a == action).map_or("mask", |(word, _)| word);
    s.serialize_str(word)
}

fn names<S: Serializer>(detectors: &[PatternDetector], s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(detectors.iter().map(|d| d.name()))
}

const ACTIONS: [(&str, Redaction); 3] =
    [("mask", Redaction::Mask), ("hash", Redaction::Hash), ("drop", Redaction::Drop)];

impl Default for RedactConfig {
    fn default() -> Self {
        Self {
            action: Redaction::Mask,
            usual_secrets: true,
            rules: Vec::new(),
            keys: Vec::new(),
            except_keys: Vec::new(),
            detectors: Vec::new(),
            patterns: Vec::new(),
            span_names: false,
            hash_key: None,
        }
    }
}

impl RedactConfig {
    pub(super) fn read(s: &Section<'_>) -> Option<Self> {
        let texts = |key| {
            let list = s.list(key).unwrap_or_default();
            list.iter().filter_map(Field::text).collect::<Vec<_>>()
        };
        let on = s.enabled_or(false);
        let detectors = s.list("detectors").unwrap_or_default();
        let action = s.field("action").one_of(&ACTIONS).unwrap_or(Redaction::Mask);
        let config = Self {
            action,
            rules: s.sections("rules", |s| RedactRule::read(s, action)).into_iter().flatten().collect(),
            usual_secrets: s.field("usualSecrets").flag().unwrap_or(true),
            keys: texts("keys"),
            except_keys: texts("exceptKeys"),
            detectors: detectors.iter().filter_map(|d| d.parse()).collect(),
            patterns: texts("patterns"),
            span_names: s.field("spanNames").flag().unwrap_or(false),
            hash_key: s.field("hashKey").secret(),
        };
        if !on {
            return None;
        }
        if let Err(e) = config.build() {
            s.error(format!("cannot be used: {e}"));
        }
        Some(config)
    }

    /// The processor.
    ///
    /// # Errors
    /// A pattern that cannot be used, too many rules, or a hash without a key.
    pub fn build(&self) -> Result<RedactProcessor, RedactError> {
        let mut builder = RedactProcessor::builder().span_names(self.span_names);
        if let Some(key) = &self.hash_key {
            builder = builder.hash_key(key.expose());
        }
        let all = |b: RedactBuilder,
                   items: &[String],
                   add: fn(RedactBuilder, String, Redaction) -> RedactBuilder| {
            items.iter().fold(b, |b, item| add(b, item.clone(), self.action))
        };
        builder = self.rules.iter().fold(builder, |b, rule| match &rule.what {
            Redacted::Key(glob) => b.key(glob.clone(), rule.action),
            Redacted::Pattern(regex) => b.pattern(regex.clone(), rule.action),
            Redacted::Detector(detector) => b.detector(*detector, rule.action),
        });
        builder = self.except_keys.iter().fold(builder, |b, key| b.except_key(key.clone()));
        builder = all(builder, &self.keys, RedactBuilder::key);
        builder = all(builder, &self.patterns, RedactBuilder::pattern);
        builder = self.detectors.iter().fold(builder, |b, d| b.detector(*d, self.action));
        if self.usual_secrets {
            builder = builder.usual_secrets(self.action);
        }
        builder.build()
    }
}

impl RedactRule {
    fn read(s: &Section<'_>, otherwise: Redaction) -> Option<Self> {
        let (key, pattern, detector) = (s.field("key"), s.field("pattern"), s.field("detector"));
        let action = s.field("action").one_of(&ACTIONS).unwrap_or(otherwise);
        let given = [&key, &pattern, &detector].into_iter().filter(|f| f.given()).count();
        if given != 1 {
            s.error("needs exactly one of key, pattern and detector");
            return None;
        }
        let what = key
            .text()
            .map(Redacted::Key)
            .or_else(|| pattern.text().map(Redacted::Pattern))
            .or_else(|| detector.parse().map(Redacted::Detector))?;
        Some(Self { what, action })
    }
}
