//! An exporter that answers as it is told, and batches for it.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use trace_core::batch::SpanBatch;
use trace_core::model::{Resource, SpanContext, SpanData, SpanId, Timestamp, TraceFlags, TraceId};
use trace_core::signal::{ExportError, SpanExporter};

type Answer = Result<(), ExportError>;
type Always = Arc<dyn Fn() -> Answer + Send + Sync>;

/// Gives one answer a call, and `Ok` when they are used up.
#[derive(Clone)]
pub(super) struct Answers {
    script: Arc<Mutex<VecDeque<Answer>>>,
    always: Always,
    hangs: bool,
    seen: Arc<Mutex<(usize, Vec<u64>)>>,
}

impl Answers {
    pub(super) fn new(script: impl IntoIterator<Item = Answer>) -> Self {
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        Self { script, always: Arc::new(|| Ok(())), hangs: false, seen: Arc::default() }
    }

    pub(super) fn repeating(always: impl Fn() -> Answer + Send + Sync + 'static) -> Self {
        Self { always: Arc::new(always), ..Self::new([]) }
    }

    pub(super) fn hang() -> Self {
        Self { hangs: true, ..Self::new([]) }
    }

    pub(super) fn panic() -> Self {
        Self::repeating(|| panic!("as the test wants"))
    }

    pub(super) fn calls(&self) -> usize {
        self.seen.lock().unwrap().0
    }

    /// The ids of the spans that were taken, in order.
    pub(super) fn taken(&self) -> Vec<u64> {
        self.seen.lock().unwrap().1.clone()
    }
}

#[async_trait]
impl SpanExporter for Answers {
    async fn export(&self, batch: &SpanBatch) -> Answer {
        self.seen.lock().unwrap().0 += 1;
        if self.hangs {
            std::future::pending::<()>().await;
        }
        let answer = self.script.lock().unwrap().pop_front();
        let answer = answer.unwrap_or_else(|| (self.always)());
        if answer.is_ok() {
            self.seen.lock().unwrap().1.extend(batch.iter().map(|s| s.span_id().to_u64()));
        }
        answer
    }
}

/// Spans with these ids.
pub(super) fn spans(ids: Range<u64>) -> SpanBatch {
    let span = |id| {
        let context =
            SpanContext::new(TraceId::from_random(7), SpanId::new(id).unwrap(), TraceFlags::SAMPLED);
        SpanData::new(context, "work", Timestamp::from_unix_nanos(1), Timestamp::from_unix_nanos(2))
    };
    SpanBatch::from_spans(Arc::new(Resource::service("shop")), ids.map(span))
}
