//! How far the destination has come.

/// A place in the log: where the next frame to deliver begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cursor {
    pub(super) segment: u64,
    /// In bytes, within the segment.
    pub(super) offset: u64,
    /// Records before it since the log began.
    pub(super) records: u64,
}

const NAME: &str = "mplp-spill";

impl Cursor {
    /// A line of text, with a CRC32C: `mplp-spill 1 SEGMENT OFFSET RECORDS CRC`.
    pub(super) fn to_text(self) -> String {
        let Self { segment, offset, records } = self;
        let body = format!("{NAME} 1 {segment} {offset} {records}");
        format!("{body} {:08x}\n", crc32c::crc32c(body.as_bytes()))
    }

    /// `None` if the text is not whole.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
        let (body, crc) = text.rsplit_once(' ')?;
        if u32::from_str_radix(crc, 16).ok()? != crc32c::crc32c(body.as_bytes()) {
            return None;
        }
        let numbers = body.strip_prefix(NAME)?.strip_prefix(" 1 ")?;
        let mut numbers = numbers.split(' ').map(|n| n.parse::<u64>().ok());
        let mut number = || numbers.next().flatten();
        Some(Self { segment: number()?, offset: number()?, records: number()? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_as_written_and_nothing_else_is(
            (segment, offset, records) in any::<(u64, u64, u64)>(), cut: prop::sample::Index, other: Vec<u8>,
        ) {
            let cursor = Cursor { segment, offset, records };
            let text = cursor.to_text();
            prop_assert_eq!(Cursor::parse(text.as_bytes()), Some(cursor));
            prop_assert_eq!(Cursor::parse(&text.as_bytes()[..cut.index(text.len())]), None);
            prop_assert_eq!(Cursor::parse(&other), None);
        }
    }
}
