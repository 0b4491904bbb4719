//! RowBinary: the values of one row after another, without names or types between them.
//!
//! Format: <https://clickhouse.com/docs/interfaces/formats/RowBinary>.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};

use trace_core::model::{Timestamp, ValueRef};

/// A length: LEB128.
pub(super) fn put_length(out: &mut Vec<u8>, length: usize) {
    let mut rest = length;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// A `String`, or the `LowCardinality` of one.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// What rows are written into.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    text: String,
}

impl Writer {
    /// A `String` with what is shown.
    pub(super) fn shown(&mut self, value: impl Display) {
        self.text.clear();
        // Writing to a string does not fail; a value that cannot be shown would be left empty.
        let _ = write!(self.text, "{value}");
        put_text(&mut self.out, &self.text);
    }

    /// A `Map` of texts.
    pub(super) fn map<'v>(&mut self, count: usize, values: impl Iterator<Item = (&'v str, ValueRef<'v>)>) {
        put_length(&mut self.out, count);
        for (key, value) in values {
            put_text(&mut self.out, key);
            match value {
                ValueRef::String(text) => put_text(&mut self.out, text),
                other => self.shown(other),
            }
        }
    }

    /// A `DateTime64(9)`. It ends in the year 2262; what is later is put there.
    pub(super) fn time(&mut self, time: Timestamp) {
        let nanos = i64::try_from(time.unix_nanos()).unwrap_or(i64::MAX);
        self.out.extend_from_slice(&nanos.to_le_bytes());
    }

    /// A `DateTime`: whole seconds, rounded down. It ends in the year 2106; what is later is put there.
    pub(super) fn seconds(&mut self, time: Timestamp) {
        let seconds = u32::try_from(time.unix_nanos() / 1_000_000_000).unwrap_or(u32::MAX);
        self.out.extend_from_slice(&seconds.to_le_bytes());
    }
}

/// Bytes that are not what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rows are cut short or malformed")]
pub(super) struct Malformed;

/// Reads rows to the end.
pub(super) fn read_rows<T>(
    rows: &[u8],
    mut row: impl FnMut(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let (mut reader, mut all) = (Reader(rows), Vec::new());
    while !reader.is_at_end() {
        all.push(row(&mut reader)?);
    }
    Ok(all)
}

/// Reads values from the front. Claims of a length never make it allocate more than there are bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn word(&mut self) -> Result<[u8; 8], Malformed> {
        self.take(8)?.try_into().map_err(|_| Malformed)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.word().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Malformed> {
        self.word().map(i64::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64, Malformed> {
        self.word().map(f64::from_le_bytes)
    }

    /// A count of things that follow, each of at least one byte.
    fn length(&mut self) -> Result<usize, Malformed> {
        let mut length = 0_usize;
        for shift in (0..35).step_by(7) {
            let byte = *self.take(1)?.first().ok_or(Malformed)?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return if length <= self.0.len() { Ok(length) } else { Err(Malformed) };
            }
        }
        Err(Malformed)
    }

    /// A `String`. What is not UTF-8 in it is replaced: the engine does not check what others write.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let length = self.length()?;
        self.take(length).map(String::from_utf8_lossy)
    }

    /// An `Array`.
    pub(super) fn array<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let length = self.length()?;
        // Not reserved at once: an item may need much more memory than the byte that claims it.
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A `Map` of texts.
    pub(super) fn map(&mut self) -> Result<Vec<(String, String)>, Malformed> {
        self.array(|r| Ok((r.text()?.into_owned(), r.text()?.into_owned())))
    }
}
