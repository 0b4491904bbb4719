//! Where a page of a search ended.

use trace_core::model::{Timestamp, TraceId};
use trace_core::store::ReadError;

/// Where a page ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Start and id of the last trace that was answered; what follows is smaller.
    pub(super) last: (Timestamp, TraceId),
    /// Chunks whose spans began later than this hold nothing that has not been answered.
    pub(super) from: Timestamp,
}

impl Cursor {
    /// As the caller keeps it.
    pub(super) fn text(&self) -> String {
        format!("{}-{}-{}", self.last.0.unix_nanos(), self.last.1, self.from.unix_nanos())
    }

    pub(super) fn parse(text: &str) -> Result<Self, ReadError> {
        let parsed = || {
            let (start, rest) = text.split_once('-')?;
            let (id, from) = rest.split_once('-')?;
            let time = |nanos: &str| Some(Timestamp::from_unix_nanos(nanos.parse().ok()?));
            Some(Self { last: (time(start)?, id.parse().ok()?), from: time(from)? })
        };
        parsed().ok_or_else(|| ReadError::InvalidCursor(text.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_back(start: u64, id in 1u128.., from: u64) {
            let time = Timestamp::from_unix_nanos;
            let cursor = Cursor { last: (time(start), TraceId::new(id).unwrap()), from: time(from) };
            prop_assert_eq!(Cursor::parse(&cursor.text()).unwrap(), cursor);
        }

        #[test]
        fn any_text_ends_without_panic(text: String) {
            let _ = Cursor::parse(&text);
        }
    }
}
