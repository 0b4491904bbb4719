//! How much a log record may hold.

use crate::model::AnyValue;

/// How much a log record may hold. What is over it is cut off or left out, and counted on the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// The most attributes; 128 by default (`OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT`). The first ones stay.
    pub attributes: usize,
    /// The most characters of a text in an attribute; without limit by default
    /// (`OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT`).
    pub value_length: usize,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { attributes: 128, value_length: usize::MAX }
    }
}

impl LogLimits {
    /// Cuts the texts of a value.
    #[inline]
    pub(super) fn cut(&self, value: &mut AnyValue) {
        if self.value_length != usize::MAX {
            self.cut_texts(value);
        }
    }

    fn cut_texts(&self, value: &mut AnyValue) {
        match value {
            // As many bytes as that have no more characters.
            AnyValue::String(text) if text.len() > self.value_length => {
                if let Some((at, _)) = text.char_indices().nth(self.value_length) {
                    text.to_mut().truncate(at);
                }
            }
            AnyValue::List(list) => list.iter_mut().for_each(|v| self.cut_texts(v)),
            AnyValue::Map(entries) => entries.iter_mut().for_each(|(_, v)| self.cut_texts(v)),
            _ => {}
        }
    }
}
