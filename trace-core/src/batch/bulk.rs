//! Many things at once.

use super::columns::{AttributeCell, Cell, Columns, List, NONE, Text};

impl Columns {
    /// Adds the attributes of a span, all at once.
    #[inline(always)]
    pub(crate) fn push_attributes(
        &mut self,
        attributes: impl ExactSizeIterator<Item = (Text, Cell)>,
    ) -> List {
        let (first, count) = (self.attributes.len() as u32, attributes.len() as u32);
        let Some(more) = count.checked_sub(1) else { return List::EMPTY };
        let last = first + more;
        self.attributes.extend((first..=last).zip(attributes).map(|(at, (key, value))| {
            let next = if at == last { NONE } else { at + 1 };
            AttributeCell { key, value, next }
        }));
        List { first, last }
    }
}

impl Cell {
    /// An integer.
    #[cfg(all(test, trace_loom))]
    pub(crate) fn as_i64(self) -> Option<i64> {
        (self.kind == super::columns::CellKind::I64).then_some(self.bits.cast_signed())
    }

    /// Where a text lies, and its length.
    #[cfg(test)]
    pub(crate) fn as_text(self) -> Option<(u32, u32)> {
        let text = self.kind == super::columns::CellKind::Text;
        text.then_some(((self.bits >> 32) as u32, self.bits as u32))
    }
}
