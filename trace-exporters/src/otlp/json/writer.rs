//! JSON without a tree: values are appended, commas come by themselves.

use std::io::Write as _;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends one value.
pub(super) struct Json<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Json<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    pub(super) fn object(&mut self, fields: impl FnOnce(&mut Self)) {
        self.out.push(b'{');
        fields(self);
        self.out.push(b'}');
    }

    /// The key of the next value.
    pub(super) fn key(&mut self, key: &str) -> &mut Self {
        self.comma(b'{');
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self
    }

    pub(super) fn array<T>(
        &mut self,
        values: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) {
        self.out.push(b'[');
        for value in values {
            self.comma(b'[');
            each(self, value);
        }
        self.out.push(b']');
    }

    /// A list that is left out if it is empty.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        values: impl IntoIterator<Item = T>,
        each: impl FnMut(&mut Self, T),
    ) {
        let mut values = values.into_iter().peekable();
        if values.peek().is_some() {
            self.key(key).array(values, each);
        }
    }

    /// No value ends in the bracket that opens one.
    fn comma(&mut self, opening: u8) {
        if self.out.last() != Some(&opening) {
            self.out.push(b',');
        }
    }

    /// A text that is left out if it is empty.
    pub(super) fn text(&mut self, key: &str, v: &str) {
        if !v.is_empty() {
            self.key(key).string(v);
        }
    }

    /// A number that is left out if it is zero.
    pub(super) fn number(&mut self, key: &str, v: i64) {
        if v != 0 {
            self.key(key).integer(v);
        }
    }

    /// A 64-bit number that is left out if it is zero.
    pub(super) fn long(&mut self, key: &str, v: u64) {
        if v != 0 {
            self.key(key).quoted(v);
        }
    }

    pub(super) fn integer(&mut self, v: i64) {
        self.written(format_args!("{v}"));
    }

    /// A 64-bit number, which a reader of doubles would spoil.
    pub(super) fn quoted(&mut self, v: impl std::fmt::Display) {
        self.written(format_args!("\"{v}\""));
    }

    pub(super) fn double(&mut self, v: f64) {
        match v {
            v if v.is_nan() => self.written(format_args!("\"NaN\"")),
            f64::INFINITY => self.written(format_args!("\"Infinity\"")),
            f64::NEG_INFINITY => self.written(format_args!("\"-Infinity\"")),
            // The shortest digits that read back as the same number, with an exponent where that is shorter.
            v => self.written(format_args!("{v:?}")),
        }
    }

    pub(super) fn bool(&mut self, v: bool) {
        self.written(format_args!("{v}"));
    }

    pub(super) fn hex(&mut self, id: &[u8]) {
        self.out.push(b'"');
        for byte in id {
            self.out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        self.out.push(b'"');
    }

    pub(super) fn string(&mut self, text: &str) {
        self.out.push(b'"');
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|b| *b < 0x20 || matches!(b, b'"' | b'\\')) {
            self.out.extend_from_slice(&rest[..at]);
            match rest[at] {
                b @ (b'"' | b'\\') => self.out.extend([b'\\', b]),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                b => self.written(format_args!("\\u{b:04x}")),
            }
            rest = &rest[at + 1..];
        }
        self.out.extend_from_slice(rest);
        self.out.push(b'"');
    }

    fn written(&mut self, text: std::fmt::Arguments<'_>) {
        // Appending to memory does not fail.
        let _ = self.out.write_fmt(text);
    }
}
