//! The processor that redacts.

use std::borrow::Cow;

use super::RedactBuilder;
use super::hash::KeyedHash;
use super::key_rules::{KeyRules, KeyVerdict, Remembered};
use super::pattern::{MASK, Pattern};
use crate::batch::{Edit, SpanBatchMut};
use crate::model::{Array, AttributeSet, KeyValue, LogBatchMut, Resource, Value, ValueRef};
use crate::process::resource::LastResource;
use crate::signal::SpanProcessor;

/// What is done with what must not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redaction {
    /// `***` in its place: in place of the value for a rule by key, of what was found for a pattern.
    Mask,
    /// A keyed hash in its place, so that equal values can still be recognized as equal.
    Hash,
    /// The attribute is removed. In messages and names, which cannot be removed, it is masked.
    Drop,
}

/// Removes secrets and personal data from attributes of spans, events, links, log records and the resource, from status
/// messages and event names, from bodies of log records, and on demand from span names.
///
/// Rules by key apply to values of every type, patterns to texts. Names and messages that are constants of the program
/// are not searched. Text that is searched and has no match is not copied; texts of a batch are first searched as a
/// whole for what any match must contain.
pub struct RedactProcessor {
    pub(super) keys: KeyRules,
    pub(super) patterns: Vec<Pattern>,
    pub(super) hash: Option<KeyedHash>,
    pub(super) span_names: bool,
    pub(super) resource: LastResource,
}

impl RedactProcessor {
    /// Looks for nothing yet.
    pub fn builder() -> RedactBuilder {
        RedactBuilder::default()
    }

    fn edit(&self, verdict: KeyVerdict, value: ValueRef<'_>, patterns: &[&Pattern]) -> Edit {
        match (verdict, value) {
            (KeyVerdict::Leave, _) => Edit::Keep,
            (KeyVerdict::Redact(Redaction::Drop), _) => Edit::Remove,
            (KeyVerdict::Redact(Redaction::Mask), _) => Edit::Replace(Value::from(MASK)),
            (KeyVerdict::Redact(Redaction::Hash), _) => Edit::Replace(
                self.hash.as_ref().map_or(Value::from(MASK), |h| h.of(&value.to_string()).into()),
            ),
            (KeyVerdict::LookAtValue, ValueRef::String(text)) => match self.search(text, patterns) {
                Searched::Clean => Edit::Keep,
                Searched::Redacted(text) => Edit::Replace(Value::from(text)),
                Searched::Forbidden => Edit::Remove,
            },
            (KeyVerdict::LookAtValue, ValueRef::Array(Array::String(texts))) => self.edit_array(texts),
            (KeyVerdict::LookAtValue, _) => Edit::Keep,
        }
    }

    /// Texts inside of arrays are not among those that were searched as a whole.
    #[cold]
    fn edit_array(&self, texts: &[Cow<'static, str>]) -> Edit {
        let patterns: Vec<&Pattern> = self.patterns.iter().collect();
        let mut changed = false;
        let mut out = Vec::with_capacity(texts.len());
        for text in texts {
            match self.search(text, &patterns) {
                Searched::Clean => out.push(text.clone()),
                Searched::Redacted(new) => {
                    changed = true;
                    out.push(Cow::Owned(new));
                }
                Searched::Forbidden => return Edit::Remove,
            }
        }
        if changed { Edit::Replace(Value::Array(Array::String(out))) } else { Edit::Keep }
    }

    pub(super) fn search(&self, text: &str, patterns: &[&Pattern]) -> Searched {
        let mut found: Option<String> = None;
        for pattern in patterns {
            if let Some(new) = pattern.replace(found.as_deref().unwrap_or(text), self.hash.as_ref()) {
                if pattern.redaction == Redaction::Drop {
                    return Searched::Forbidden;
                }
                found = Some(new);
            }
        }
        found.map_or(Searched::Clean, Searched::Redacted)
    }

    /// The text of a name or message, which stays in any case.
    pub(super) fn redact_text(&self, text: &str, patterns: &[&Pattern]) -> Option<String> {
        let replace = |found: Option<String>, p: &&Pattern| {
            p.replace(found.as_deref().unwrap_or(text), self.hash.as_ref()).or(found)
        };
        patterns.iter().fold(None, replace)
    }

    pub(super) fn redact_resource(&self, own: &Resource) -> Option<Resource> {
        let patterns: Vec<&Pattern> = self.patterns.iter().collect();
        let redact = |kv: &KeyValue| match self.edit(self.keys.verdict(&kv.key), kv.value.as_ref(), &patterns)
        {
            Edit::Keep => Some(kv.clone()),
            Edit::Replace(value) => Some(KeyValue { key: kv.key.clone(), value }),
            Edit::Remove => None,
        };
        let attributes: AttributeSet = own.attributes.iter().filter_map(redact).collect();
        (attributes != own.attributes).then(|| Resource { attributes, schema_url: own.schema_url.clone() })
    }
}

pub(super) enum Searched {
    Clean,
    Redacted(String),
    /// Found by a pattern that drops.
    Forbidden,
}

impl SpanProcessor for RedactProcessor {
    fn process(&self, batch: &mut SpanBatchMut) {
        let possible = |p: &&Pattern| p.is_possible_in(batch.stored_text());
        let patterns: Vec<&Pattern> = self.patterns.iter().filter(possible).collect();
        let mut keys = Remembered::new(&self.keys);
        batch
            .edit_attributes(|key, constant, value| self.edit(keys.verdict(key, constant), value, &patterns));
        if !patterns.is_empty() {
            batch.edit_texts(self.span_names, |text| self.redact_text(text, &patterns));
        }
        let resource = self.resource.of(batch.resource(), |own| self.redact_resource(own));
        batch.set_resource(resource);
    }

    fn process_logs(&self, batch: &mut LogBatchMut) {
        self.redact_logs(batch);
    }
}

impl std::fmt::Debug for RedactProcessor {
    /// Without the key of the hash.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedactProcessor")
            .field("keys", &self.keys)
            .field("patterns", &self.patterns.len())
            .field("span_names", &self.span_names)
            .finish_non_exhaustive()
    }
}
