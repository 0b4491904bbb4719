//! A few attributes on the stack.

use crate::model::ValueRef;
use crate::record::Fields;

/// At most `N` attributes, borrowed; what does not fit is left out.
pub(super) struct FieldList<'a, const N: usize> {
    fields: [(&'static str, ValueRef<'a>); N],
    len: usize,
}

impl<'a, const N: usize> FieldList<'a, N> {
    pub(super) fn new() -> Self {
        Self { fields: [("", ValueRef::Bool(false)); N], len: 0 }
    }

    #[inline]
    pub(super) fn push(&mut self, key: &'static str, value: ValueRef<'a>) {
        if let Some(place) = self.fields.get_mut(self.len) {
            *place = (key, value);
            self.len += 1;
        }
    }

    pub(super) fn text(&mut self, key: &'static str, value: &'a str) {
        self.push(key, ValueRef::String(value));
    }

    pub(super) fn int(&mut self, key: &'static str, value: i64) {
        self.push(key, ValueRef::I64(value));
    }

    /// A size; what no integer holds is left out.
    pub(super) fn size(&mut self, key: &'static str, value: u64) {
        if let Ok(value) = i64::try_from(value) {
            self.int(key, value);
        }
    }

    pub(super) fn as_slice(&self) -> &Fields<'a> {
        &self.fields[..self.len]
    }
}
