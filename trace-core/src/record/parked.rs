//! Spans that were open when the pipeline took what their thread had recorded.
//!
//! They wait in columns of their own: an open span with four attributes takes some 360 bytes, its place in the index
//! included.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use super::id_hasher::IdHasher;
use crate::batch::{Columns, Row, SpanBatchMut, SpanRef};
use crate::model::{Resource, SpanData, SpanId, TraceId};

pub(super) type Key = (TraceId, SpanId);

/// Fewer rows are not worth tidying up.
const SMALL: usize = 1024;

/// Open spans, by identity.
pub(super) struct Parked {
    spans: SpanBatchMut,
    index: HashMap<Key, u32, BuildHasherDefault<IdHasher>>,
}

impl Parked {
    pub(super) fn new(resource: Arc<Resource>) -> Self {
        Self { spans: SpanBatchMut::from_columns(Columns::default(), resource), index: HashMap::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Keeps a span that has not ended. A second one of the same identity replaces the first.
    pub(super) fn park(&mut self, from: &Columns, row: &Row) {
        let at = self.spans.columns.copy_row(from, row);
        self.index.insert((row.trace_id, row.span_id), at as u32);
    }

    /// Takes a span out. What belongs to its row stays until [`Parked::tidy`].
    pub(super) fn take(&mut self, key: &Key) -> Option<Row> {
        let at = self.index.remove(key)?;
        self.spans.columns.rows.get(at as usize).copied()
    }

    /// A row that was taken out, with all that belongs to it.
    pub(super) fn span<'a>(&'a self, row: &'a Row) -> SpanRef<'a> {
        SpanRef::of(&self.spans.columns, row, &self.spans.resource)
    }

    /// Copies a row that was taken out.
    pub(super) fn copy_to(&self, row: &Row, columns: &mut Columns) {
        columns.copy_row(&self.spans.columns, row);
    }

    /// Puts a span back that was taken out as `row` and changed since.
    pub(super) fn put_back(&mut self, row: &Row, data: SpanData) {
        let (at, tenant) = (self.spans.columns.rows.len(), data.context.tenant);
        self.spans.push(data);
        let kept = &mut self.spans.columns.rows[at];
        (kept.start, kept.end, kept.bits, kept.tenant) = (row.start, 0, row.bits, tenant);
        self.index.insert((row.trace_id, row.span_id), at as u32);
    }

    /// The open spans, in no order. Their start is as it was recorded.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.index.values().filter_map(|at| self.spans.columns.rows.get(*at as usize))
    }

    /// Frees what belongs to spans that were taken out, once it is more than what is still needed.
    pub(super) fn tidy(&mut self) {
        let rows = self.spans.columns.rows.len();
        if rows < SMALL || rows < 2 * self.index.len() {
            return;
        }
        let mut tidy = Columns::default();
        let old = &self.spans.columns;
        for at in self.index.values_mut() {
            if let Some(row) = old.rows.get(*at as usize) {
                *at = tidy.copy_row(old, row) as u32;
            }
        }
        self.spans.columns = tidy;
        self.index.shrink_to_fit();
    }
}
