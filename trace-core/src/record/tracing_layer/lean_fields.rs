//! Writes `tracing` fields as the values of a record.

use std::error::Error;
use std::fmt::Debug;

use tracing::field::{Field, Visit};

use super::arena::WORDS;
use crate::record::ring::{
    MAX_TEXT, SHORT_TEXT, START_WORDS, TAG_BOOL, TAG_F64, TAG_I64, TAG_SHORT, TAG_TEXT, Word, put,
};
use crate::record::ring_text::{put_short_text, put_text};

/// Writes the values of a call site's first fields behind the head of a record, as long as they are plain ones.
pub(super) struct LeanFields<'w> {
    words: &'w [Word; WORDS],
    /// Where the next value goes.
    pub(super) to: usize,
    pub(super) tags: u64,
    /// Values so far.
    pub(super) count: usize,
    max_text: usize,
    /// Every value so far could be written.
    pub(super) fits: bool,
}

impl<'w> LeanFields<'w> {
    #[inline]
    pub(super) fn new(words: &'w [Word; WORDS], max_text: usize) -> Self {
        let max_text = max_text.min(MAX_TEXT);
        Self { words, to: START_WORDS as usize, tags: 0, count: 0, max_text, fits: true }
    }

    /// Whether a value of so many words has room and is the next one's.
    #[inline(always)]
    fn takes(&mut self, field: &Field, words: usize) -> bool {
        self.fits &= field.index() == self.count && self.to + words <= WORDS;
        self.fits
    }

    #[inline(always)]
    fn put(&mut self, field: &Field, tag: u64, value: u64) {
        if self.takes(field, 1) {
            put(self.words, self.to, value);
            self.wrote(tag, self.to);
        }
    }

    #[inline(always)]
    fn wrote(&mut self, tag: u64, last: usize) {
        self.to = last + 1;
        self.tags |= tag << (4 * self.count);
        self.count += 1;
    }
}

impl Visit for LeanFields<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, TAG_BOOL, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, TAG_I64, value.cast_unsigned());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.record_i64(field, value),
            Err(_) => self.fits = false,
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, TAG_F64, value.to_bits());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if value.len() <= SHORT_TEXT {
            if self.takes(field, 2) {
                let last = put_short_text(self.words, self.to, value.as_bytes());
                self.wrote(TAG_SHORT, last);
            }
        } else if value.len() > self.max_text {
            self.fits = false;
        } else if self.takes(field, 1 + value.len().div_ceil(8)) {
            put(self.words, self.to, value.len() as u64);
            let last = put_text(self.words, self.to, value.as_bytes());
            self.wrote(TAG_TEXT, last);
        }
    }

    fn record_error(&mut self, _: &Field, _: &(dyn Error + 'static)) {
        self.fits = false;
    }

    /// What has to be formatted runs the user's code, which may trace: not here.
    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {
        self.fits = false;
    }
}
