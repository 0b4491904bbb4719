//! Steps that every batch passes before it is fanned out.

use crate::batch::SpanBatchMut;

/// A step that sees every batch on the pipeline thread, before any destination does.
///
/// It may change spans, remove them (removals are counted as dropped by `processor`), or only look. It must not
/// block. A panic is caught and counted; the batch goes on as the step left it.
pub trait SpanProcessor: Send + Sync {
    /// Looks at or changes a batch.
    fn process(&self, batch: &mut SpanBatchMut);
}
