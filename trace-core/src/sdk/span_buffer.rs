//! Spans of the SDK that wait for the pipeline's thread, which converts them.

use std::cell::Cell;
use std::mem::size_of;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::span_data::push;
use crate::batch::{Home, Pool, SpanBatchMut};
use crate::model::Resource;
use crate::pipeline::{SourceCounts, SpanSource};
use crate::record::SpanLimits;

/// Threads take turns among the shards, so that two rarely meet.
const SHARDS: usize = 32;
/// Emptied lists of at most this many spans are used again.
const LARGEST_SPARE: usize = 4096;

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}
static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);

/// Spans by threads, each list bounded in number and in bytes.
///
/// Moving a span here costs the thread that ends it less than converting it, which is the pipeline's business.
pub(super) struct SpanBuffer {
    shards: [Shard; SHARDS],
    spare: Mutex<Vec<Vec<SpanData>>>,
    pool: Arc<Pool>,
    resource: Arc<Resource>,
    max_spans: usize,
    max_bytes: usize,
    worker: OnceLock<Thread>,
    closed: AtomicBool,
    invalid: AtomicU64,
}

/// On cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Shard(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    spans: Vec<SpanData>,
    bytes: usize,
    counts: SourceCounts,
    is_woken: bool,
}

impl SpanBuffer {
    pub(super) fn new(resource: Resource, limits: &SpanLimits) -> Self {
        Self {
            shards: Default::default(),
            spare: Mutex::default(),
            pool: Arc::default(),
            resource: Arc::new(resource),
            max_spans: limits.spans_per_thread,
            max_bytes: limits.bytes_per_thread,
            worker: OnceLock::new(),
            closed: AtomicBool::new(false),
            invalid: AtomicU64::new(0),
        }
    }

    /// Keeps the span, or drops and counts it. Never waits for the pipeline.
    pub(super) fn push(&self, span: SpanData) {
        let bytes = size_of_span(&span);
        let mut waiting = self.shard();
        waiting.counts.received += 1;
        if self.closed.load(Ordering::Relaxed) {
            waiting.counts.after_shutdown += 1;
        } else if waiting.spans.len() >= self.max_spans || waiting.bytes >= self.max_bytes {
            waiting.counts.buffer_full += 1;
        } else {
            waiting.bytes += bytes;
            waiting.spans.push(span);
            let is_filling = waiting.spans.len() >= self.max_spans / 8 || waiting.bytes >= self.max_bytes / 8;
            if is_filling && !std::mem::replace(&mut waiting.is_woken, true) {
                self.worker.get().map(Thread::unpark);
            }
        }
    }

    /// The calling thread's; any while the thread is being torn down.
    fn shard(&self) -> MutexGuard<'_, Waiting> {
        let index = SHARD.try_with(|shard| {
            if shard.get() == usize::MAX {
                shard.set(NEXT_SHARD.fetch_add(1, Ordering::Relaxed) % SHARDS);
            }
            shard.get()
        });
        self.shards[index.unwrap_or(0)].0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<SpanData>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpanSource for SpanBuffer {
    fn attach(&self, pipeline: Thread) {
        let _ = self.worker.set(pipeline);
    }

    fn take(&self) -> SpanBatchMut {
        let mut batch: Option<SpanBatchMut> = None;
        for shard in &self.shards {
            let mut waiting = shard.0.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.spans.is_empty() {
                continue;
            }
            let empty = self.spare().pop().unwrap_or_default();
            let mut spans = std::mem::replace(&mut waiting.spans, empty);
            (waiting.bytes, waiting.is_woken) = (0, false);
            drop(waiting);
            let batch = batch.get_or_insert_with(|| {
                let mut batch = SpanBatchMut::from_columns(self.pool.take(), self.resource.clone());
                batch.home = Home(Some(self.pool.clone()));
                batch
            });
            for span in spans.drain(..) {
                if !push(&mut batch.columns, &span) {
                    self.invalid.fetch_add(1, Ordering::Relaxed);
                }
            }
            let mut spare = self.spare();
            if spans.capacity() <= LARGEST_SPARE && spare.len() < SHARDS {
                spare.push(spans);
            }
        }
        batch.unwrap_or_else(|| SpanBatchMut::new(self.resource.clone()))
    }

    fn counts(&self) -> SourceCounts {
        let mut counts = SourceCounts { invalid: self.invalid.load(Ordering::Relaxed), ..Default::default() };
        for shard in &self.shards {
            counts += shard.0.lock().unwrap_or_else(PoisonError::into_inner).counts;
        }
        counts
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

/// About how many bytes a span keeps alive.
fn size_of_span(span: &SpanData) -> usize {
    let events = span.events.iter().map(|e| e.name.len() + size_of_all(&e.attributes));
    let links = span.links.iter().map(|l| size_of_all(&l.attributes));
    size_of::<SpanData>()
        + span.name.len()
        + size_of_all(&span.attributes)
        + size_of_val(&*span.events.events)
        + size_of_val(&*span.links.links)
        + events.chain(links).sum::<usize>()
}

fn size_of_all(attributes: &[KeyValue]) -> usize {
    size_of_val(attributes) + attributes.iter().map(size_of_heap).sum::<usize>()
}

/// Keys are nearly always static.
fn size_of_heap(attribute: &KeyValue) -> usize {
    use opentelemetry::Array;
    match &attribute.value {
        Value::String(s) => s.as_str().len(),
        Value::Array(Array::Bool(v)) => v.len(),
        Value::Array(Array::I64(v)) => size_of_val(&**v),
        Value::Array(Array::F64(v)) => size_of_val(&**v),
        Value::Array(Array::String(v)) => {
            size_of_val(&**v) + v.iter().map(|s| s.as_str().len()).sum::<usize>()
        }
        _ => 0,
    }
}

impl std::fmt::Debug for SpanBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpanBuffer").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::plain;
    use super::*;

    fn buffer(spans_per_thread: usize, bytes_per_thread: usize) -> SpanBuffer {
        let limits = SpanLimits { spans_per_thread, bytes_per_thread, ..SpanLimits::default() };
        SpanBuffer::new(Resource::default(), &limits)
    }

    #[test]
    fn a_thread_holds_so_many_spans_and_has_room_again_when_they_are_taken() {
        let buffer = buffer(10, usize::MAX);
        for taken in 1..=2 {
            (0..15).for_each(|_| buffer.push(plain()));
            assert_eq!(buffer.take().len(), 10);
            let counts = buffer.counts();
            assert_eq!((counts.received, counts.buffer_full), (15 * taken, 5 * taken));
        }
        assert!(buffer.take().is_empty());
    }

    #[test]
    fn a_thread_holds_so_many_bytes_wherever_a_span_keeps_them() {
        let text = || "x".repeat(10_000);
        let list = opentelemetry::Array::String(vec![text().into()]);
        let large = [Value::from(text()), Value::Array(list), Value::Array(vec![0.0; 1_250].into())];
        for value in large {
            let attributes = vec![KeyValue::new("k", value)];
            let (mut own, mut event) = (plain(), plain());
            event.events.events =
                vec![opentelemetry::trace::Event::new("e", event.end_time, attributes.clone(), 0)];
            own.attributes = attributes;
            for span in [own, event] {
                let buffer = buffer(usize::MAX, 10_000);
                (0..3).for_each(|_| buffer.push(span.clone()));
                assert_eq!(buffer.counts().buffer_full, 2);
            }
        }
    }

    #[test]
    fn the_pipeline_is_woken_once_when_a_list_fills_up() {
        let buffer = buffer(80, usize::MAX);
        buffer.attach(std::thread::current());
        let is_woken = |pushes| {
            (0..pushes).for_each(|_| buffer.push(plain()));
            buffer.shard().is_woken
        };
        assert!(!is_woken(9));
        assert!(is_woken(1));
        let (began, limit) = (std::time::Instant::now(), std::time::Duration::from_secs(60));
        std::thread::park_timeout(limit);
        assert!(began.elapsed() < limit);
        buffer.take();
        assert!(!is_woken(1));
    }
}
