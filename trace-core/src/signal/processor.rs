//! Steps that every batch passes before it is fanned out.

use crate::batch::SpanBatchMut;

/// A step that sees every batch on the pipeline thread, before any destination does.
///
/// It may change spans, remove them (removals are counted as dropped, for the reason that it gives), or only look. It
/// must not block. A panic is caught and counted; the batch goes on as the step left it.
pub trait SpanProcessor: Send + Sync {
    /// Looks at or changes a batch.
    fn process(&self, batch: &mut SpanBatchMut);

    /// What removed spans are counted as in the ledger; `processor` by default.
    fn drop_reason(&self) -> &'static str {
        "processor"
    }
}

macro_rules! forward {
    ($($ptr:ident),*) => {$(
        impl<T: SpanProcessor + ?Sized> SpanProcessor for $ptr<T> {
            fn process(&self, batch: &mut SpanBatchMut) { (**self).process(batch); }
            fn drop_reason(&self) -> &'static str { (**self).drop_reason() }
        }
    )*};
}
use std::sync::Arc;
forward!(Box, Arc);
