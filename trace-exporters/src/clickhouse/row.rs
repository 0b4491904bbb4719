//! RowBinary: the values of one row after another, without names or types between them.
//!
//! Format: <https://clickhouse.com/docs/interfaces/formats/RowBinary>.

use std::borrow::Cow;

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

/// Bytes that are not what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rows are cut short or malformed")]
pub(super) struct Malformed;

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
