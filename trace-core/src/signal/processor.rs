//! Steps that every batch passes before it is fanned out.

use crate::batch::SpanBatchMut;
use crate::model::LogBatchMut;

/// A step that sees every batch on the pipeline thread, before any destination does.
///
/// It may change spans, remove them (removals are counted as dropped, for the reason that it gives), or only look. It
/// must not block. A panic is caught and counted; the batch goes on as the step left it.
pub trait SpanProcessor: Send + Sync {
    /// Looks at or changes a batch. While [`SpanProcessor::holdings`] says that spans are held, it is called
    /// from time to time with an empty batch too.
    fn process(&self, batch: &mut SpanBatchMut);

    /// The same for log records, which pass the same steps; leaves them as they are by default. What must not leave the
    /// process in spans must not leave it in logs either: a panic costs the batch.
    fn process_logs(&self, batch: &mut LogBatchMut) {
        let _ = batch;
    }

    /// What removed spans and log records are counted as in the ledger; `processor` by default.
    fn drop_reason(&self) -> &'static str {
        "processor"
    }

    /// Adds everything that is held back to the batch, or decides against it. Called for a flush and for the shutdown,
    /// after [`SpanProcessor::process`], and again while something is held; after the shutdown nothing is asked for
    /// any more.
    fn release(&self, batch: &mut SpanBatchMut) {
        let _ = batch;
    }

    /// What the step has taken out of batches without losing it. The ledger counts by this; a step that takes nothing
    /// out need not say anything.
    fn holdings(&self) -> Holdings {
        Holdings::default()
    }
}

/// Spans that a step has taken out of batches without losing them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Held back now; pending in the ledger.
    pub held: u64,
    /// Decided against since the start; `sampled_out` in the ledger.
    pub sampled_out: u64,
}

macro_rules! forward {
    ($($ptr:ident),*) => {$(
        impl<T: SpanProcessor + ?Sized> SpanProcessor for $ptr<T> {
            fn process(&self, batch: &mut SpanBatchMut) { (**self).process(batch); }
            fn process_logs(&self, batch: &mut LogBatchMut) { (**self).process_logs(batch); }
            fn drop_reason(&self) -> &'static str { (**self).drop_reason() }
            fn release(&self, batch: &mut SpanBatchMut) { (**self).release(batch); }
            fn holdings(&self) -> Holdings { (**self).holdings() }
        }
    )*};
}
use std::sync::Arc;
forward!(Box, Arc);
