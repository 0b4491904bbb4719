//! Redaction of log records.

use std::borrow::Cow;

use super::key_rules::{KeyVerdict, Remembered};
use super::pattern::{MASK, Pattern};
use super::processor::Searched;
use super::{RedactProcessor, Redaction};
use crate::model::{AnyValue, LogBatchMut, LogRecord};

impl RedactProcessor {
    /// Attributes, nested ones too, as those of spans; bodies as messages, which stay in any case.
    pub(super) fn redact_logs(&self, batch: &mut LogBatchMut) {
        let patterns: Vec<&Pattern> = self.patterns.iter().collect();
        let mut keys = Remembered::new(&self.keys);
        for record in &mut batch.records {
            record.attributes.retain_mut(|(key, value)| {
                let constant = if let Cow::Borrowed(key) = key { Some(*key) } else { None };
                self.keep(keys.verdict(key, constant), value, &patterns)
            });
            self.redact_words(record, &patterns);
        }
        batch.resource = self.resource.of(&batch.resource, |own| self.redact_resource(own));
    }

    fn redact_words(&self, record: &mut LogRecord, patterns: &[&Pattern]) {
        match &mut record.body {
            AnyValue::String(text) => self.redact_in_place(text, patterns),
            body => {
                if !self.look_into(body, patterns) {
                    *body = MASK.into();
                }
            }
        }
        self.redact_in_place(&mut record.event_name, patterns);
        self.redact_in_place(&mut record.severity_text, patterns);
    }

    /// Constants of the program are not searched.
    fn redact_in_place(&self, text: &mut Cow<'static, str>, patterns: &[&Pattern]) {
        if let Cow::Owned(own) = text
            && let Some(new) = self.redact_text(own, patterns)
        {
            *own = new;
        }
    }

    /// Redacts the value of a key; `false` if it has to go.
    fn keep(&self, verdict: KeyVerdict, value: &mut AnyValue, patterns: &[&Pattern]) -> bool {
        match verdict {
            KeyVerdict::Leave => true,
            KeyVerdict::Redact(Redaction::Drop) => false,
            KeyVerdict::Redact(Redaction::Mask) => {
                *value = MASK.into();
                true
            }
            KeyVerdict::Redact(Redaction::Hash) => {
                *value = self.hash.as_ref().map_or(MASK.into(), |h| h.of(&value.to_string()).into());
                true
            }
            KeyVerdict::LookAtValue => self.look_into(value, patterns),
        }
    }

    /// Redacts what patterns find; `false` if one finds what has to go.
    fn look_into(&self, value: &mut AnyValue, patterns: &[&Pattern]) -> bool {
        match value {
            AnyValue::String(text) => match self.search(text, patterns) {
                Searched::Clean => true,
                Searched::Redacted(new) => {
                    *text = new.into();
                    true
                }
                Searched::Forbidden => false,
            },
            // Bytes are often a text that nobody has decoded.
            AnyValue::Bytes(bytes) => {
                match std::str::from_utf8(bytes).map(|text| self.search(text, patterns)) {
                    Ok(Searched::Redacted(new)) => {
                        *bytes = new.into_bytes();
                        true
                    }
                    Ok(Searched::Forbidden) => false,
                    Ok(Searched::Clean) | Err(_) => true,
                }
            }
            AnyValue::List(list) => list.iter_mut().all(|v| self.look_into(v, patterns)),
            AnyValue::Map(entries) => {
                entries.retain_mut(|(key, v)| self.keep(self.keys.verdict(key), v, patterns));
                true
            }
            AnyValue::Empty | AnyValue::Bool(_) | AnyValue::I64(_) | AnyValue::F64(_) => true,
        }
    }
}
