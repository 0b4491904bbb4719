//! The attributes of spans that differ in nothing but their values.

use super::attribute_cell::AttributeCell;
use super::columns::{Cell, Columns, List, NONE};

/// Keys and types of attributes of the same columns, to be copied as they are. Their values are filled in by [`Columns::push_like`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Template {
    /// `next` counts from the first one.
    cells: Vec<AttributeCell>,
}

impl Template {
    /// Makes it one of attributes with keys of these numbers, and values of the types that these have.
    pub(crate) fn set(&mut self, attributes: impl Iterator<Item = (u32, Cell)>) {
        let cells = attributes.zip(1..).map(|((key, value), next)| AttributeCell::new(key, value, next));
        self.cells.clear();
        self.cells.extend(cells);
    }
}

impl Columns {
    /// Adds attributes like those of the template. `bits` is asked for the value of each: the bits of a [`Cell`] of the
    /// same type.
    #[inline(always)]
    pub(crate) fn push_like(&mut self, template: &Template, mut bits: impl FnMut() -> u64) -> List {
        let first = self.attributes.len();
        self.attributes.extend_from_slice(&template.cells);
        let new = self.attributes.get_mut(first..).unwrap_or_default();
        for cell in &mut *new {
            cell.set_bits(bits());
            cell.next += first as u32;
        }
        let Some((end, before)) = new.split_last_mut() else { return List::EMPTY };
        end.next = NONE;
        List { first: first as u32, last: (first + before.len()) as u32 }
    }
}

impl Cell {
    /// The value, an offset and length, or an index: what it is, the type says.
    #[inline]
    pub(crate) const fn bits(self) -> u64 {
        self.bits
    }
}
