//! What goes on, by resource.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::batch::{SpanBatchMut, SpanRef};
use crate::model::Resource;

/// Batches to pass on. A batch has one resource; nearly always there is only one.
#[derive(Default)]
pub(super) struct Output(VecDeque<SpanBatchMut>);

impl Output {
    /// Adds a copy of a span, and gives its batch and index for changes.
    pub(super) fn push(&mut self, resource: &Arc<Resource>, span: SpanRef<'_>) -> (&mut SpanBatchMut, usize) {
        let same = |b: &SpanBatchMut| Arc::ptr_eq(b.resource(), resource) || b.resource() == resource;
        let at = self.0.iter().position(same).unwrap_or_else(|| {
            self.0.push_back(SpanBatchMut::new(resource.clone()));
            self.0.len() - 1
        });
        let batch = &mut self.0[at];
        let row = batch.push_ref(span);
        (batch, row)
    }

    /// Puts a batch in front.
    pub(super) fn lead_with(&mut self, batch: SpanBatchMut) {
        if !batch.is_empty() {
            self.0.push_front(batch);
        }
    }

    /// The next batch.
    pub(super) fn next(&mut self) -> Option<SpanBatchMut> {
        self.0.pop_front()
    }

    /// Spans that wait for a batch of their own.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(SpanBatchMut::len).sum()
    }
}
