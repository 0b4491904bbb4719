//! An attribute in two words: most of what spans take in memory is attributes.

use super::columns::{Cell, CellKind};
use super::keys::MOST_KEYS;

/// A key by its number, a value, and the place of the next attribute of the same owner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttributeCell {
    bits: u64,
    /// The type of the value in the lowest three bits, the key's number above.
    tag: u32,
    pub(crate) next: u32,
}

const KIND_BITS: u32 = 3;

// A third of what it would be with its key as a text.
const _: () = assert!(size_of::<AttributeCell>() == 16 && MOST_KEYS as u64 == 1 << (u32::BITS - KIND_BITS));

impl AttributeCell {
    #[inline(always)]
    pub(crate) fn new(key: u32, value: Cell, next: u32) -> Self {
        Self { bits: value.bits, tag: key << KIND_BITS | value.kind as u32, next }
    }

    /// The number of its key.
    #[inline(always)]
    pub(crate) fn key(self) -> u32 {
        self.tag >> KIND_BITS
    }

    #[inline(always)]
    pub(crate) fn value(self) -> Cell {
        let kind = match self.tag & ((1 << KIND_BITS) - 1) {
            0 => CellKind::Bool,
            1 => CellKind::I64,
            2 => CellKind::F64,
            3 => CellKind::Text,
            _ => CellKind::Array,
        };
        Cell { bits: self.bits, kind }
    }

    /// Another value of the same type; see [`Cell::bits`].
    #[inline(always)]
    pub(super) fn set_bits(&mut self, bits: u64) {
        self.bits = bits;
    }

    pub(crate) fn set_value(&mut self, value: Cell) {
        *self = Self::new(self.key(), value, self.next);
    }

    #[cfg(any(feature = "otel", feature = "tracing"))]
    pub(super) fn is_text(self) -> bool {
        self.value().kind == CellKind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        for key in [0, 1, MOST_KEYS - 1] {
            for value in [Cell::bool(true), Cell::i64(-1), Cell::f64(0.5), Cell::text(7, 9)] {
                let mut cell = AttributeCell::new(key, value, 3);
                assert_eq!((cell.key(), cell.value(), cell.next), (key, value, 3));
                cell.set_value(Cell::i64(4));
                assert_eq!((cell.key(), cell.value(), cell.next), (key, Cell::i64(4), 3));
            }
        }
    }
}
