//! Open drafts as the pipeline sees them: whoever records such a span holds it, so it says here that it is open.
//!
//! Every draft has an entry of its own for as long as it is used again, wherever it goes: the start of a span writes some
//! words, its end one, and neither searches, locks or allocates. The pipeline's thread reads the entries
//! once a second. The span id is also the version of the other words (a sequence lock, with ids that never repeat): what
//! was read between two equal ones belongs to that span.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};

use super::Callsite;
use super::open_spans::OpenSpan;
use super::ring_text::tail_word;
use crate::model::{SpanId, Timestamp, TraceId};

/// Words of a name; what is longer is cut.
const NAME_WORDS: usize = 6;
const NAME_BYTES: usize = 8 * NAME_WORDS;
const START_IS_UNIX: u64 = 1 << 8;
const NAME_IS_CUT: u64 = 1 << 9;
/// The name is that of the call site whose number is the upper half.
const NAME_IS_SITE: u64 = 1 << 10;

/// One draft's.
#[derive(Default)]
pub(super) struct Entry {
    /// Zero while the draft is not an open span.
    span: AtomicU64,
    /// High half first.
    trace: [AtomicU64; 2],
    start: AtomicU64,
    /// The length of the name in the lowest byte, and the bits above.
    shape: AtomicU64,
    name: [AtomicU64; NAME_WORDS],
}

/// An open span as its entry described it.
pub(super) struct Seen {
    trace_id: TraceId,
    span_id: SpanId,
    /// As it was recorded.
    pub(super) start: u64,
    shape: u64,
    name: [u64; NAME_WORDS],
}

impl Entry {
    /// Says what the span is, which is not shown yet.
    #[inline]
    pub(super) fn describe(&self, trace_id: TraceId, name: &str) {
        self.set_trace(trace_id.to_u128());
        let bytes = name.as_bytes();
        let (whole, rest) = bytes.as_chunks::<8>();
        for (word, chunk) in self.name.iter().zip(whole) {
            word.store(u64::from_le_bytes(*chunk), Ordering::Relaxed);
        }
        if let Some(word) = self.name.get(whole.len())
            && !rest.is_empty()
        {
            word.store(tail_word(bytes, rest.len() as u32), Ordering::Relaxed);
        }
        let cut = if bytes.len() > NAME_BYTES { NAME_IS_CUT } else { 0 };
        self.shape.store(bytes.len().min(NAME_BYTES) as u64 | cut, Ordering::Relaxed);
    }

    /// The same for a span that has the name of this call site.
    #[cfg(feature = "otel")]
    #[inline]
    pub(super) fn describe_as(&self, trace_id: u128, callsite: u32) {
        self.set_trace(trace_id);
        self.shape.store(u64::from(callsite) << 32 | NAME_IS_SITE, Ordering::Relaxed);
    }

    #[inline]
    fn set_trace(&self, trace_id: u128) {
        // Whoever reads something of this span sees at its second look that the one before is gone.
        fence(Ordering::Release);
        self.trace[0].store((trace_id >> 64) as u64, Ordering::Relaxed);
        self.trace[1].store(trace_id as u64, Ordering::Relaxed);
    }

    /// Shows the span that was described.
    #[inline]
    pub(super) fn open(&self, span_id: SpanId, start: u64, start_is_unix: bool) {
        if start_is_unix {
            self.shape.store(self.shape.load(Ordering::Relaxed) | START_IS_UNIX, Ordering::Relaxed);
        }
        self.start.store(start, Ordering::Relaxed);
        self.span.store(span_id.to_u64(), Ordering::Release);
    }

    /// The span is open no more.
    #[inline]
    pub(super) fn close(&self) {
        self.span.store(0, Ordering::Relaxed);
    }

    /// The span, if the draft is an open one, and stays the same while it is read.
    fn read(&self) -> Option<Seen> {
        let span_id = SpanId::new(self.span.load(Ordering::Acquire))?;
        let word = |w: &AtomicU64| w.load(Ordering::Relaxed);
        let trace = u128::from(word(&self.trace[0])) << 64 | u128::from(word(&self.trace[1]));
        let (start, shape) = (word(&self.start), word(&self.shape));
        let name = std::array::from_fn(|i| word(&self.name[i]));
        fence(Ordering::Acquire);
        let same = self.span.load(Ordering::Relaxed) == span_id.to_u64();
        same.then_some(Seen { trace_id: TraceId::new(trace)?, span_id, start, shape, name })
    }
}

impl Seen {
    pub(super) fn start_is_unix(&self) -> bool {
        self.shape & START_IS_UNIX != 0
    }

    /// With a name that ends in `…` if it was cut.
    pub(super) fn into_open_span(self, start: Timestamp) -> OpenSpan {
        OpenSpan { trace_id: self.trace_id, span_id: self.span_id, name: self.name(), start }
    }

    fn name(&self) -> String {
        if self.shape & NAME_IS_SITE != 0 {
            return Callsite::of((self.shape >> 32) as u32).map_or("", |site| site.name).to_owned();
        }
        let bytes: Vec<u8> = self.name.iter().flat_map(|word| word.to_le_bytes()).collect();
        let text = bytes.get(..self.shape as usize & 0xff).unwrap_or_default();
        // A character may have been cut in two.
        let text = text.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let cut = if self.shape & NAME_IS_CUT != 0 { "…" } else { "" };
        format!("{text}{cut}")
    }
}

/// A draft's place in the list of a recorder.
pub(super) struct Listed {
    recorder: u64,
    pub(super) entry: Arc<Entry>,
}

impl Listed {
    #[inline]
    pub(super) fn is_of(&self, recorder: u64) -> bool {
        self.recorder == recorder
    }
}

/// The entries of one recorder.
#[derive(Default)]
pub(super) struct OpenDrafts {
    entries: Mutex<Vec<Arc<Entry>>>,
    /// How many there are, also while they are looked through.
    count: AtomicUsize,
    unlisted: AtomicU64,
}

impl OpenDrafts {
    /// A place for a draft, unless there are `most` already. Then its span is counted.
    #[cold]
    pub(super) fn list(&self, recorder: u64, most: usize) -> Option<Listed> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= most {
            self.count.fetch_sub(1, Ordering::Relaxed);
            self.unlisted.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let entry = Arc::<Entry>::default();
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry.clone());
        Some(Listed { recorder, entry })
    }

    /// The same for a span that becomes a draft if there is no place, which then counts it.
    #[cfg(feature = "otel")]
    #[cold]
    pub(super) fn list_or_leave(&self, recorder: u64, most: usize) -> Option<Listed> {
        let listed = self.list(recorder, most);
        if listed.is_none() {
            self.unlisted.fetch_sub(1, Ordering::Relaxed);
        }
        listed
    }

    /// Spans that began while the list was full.
    pub(super) fn unlisted(&self) -> u64 {
        self.unlisted.load(Ordering::Relaxed)
    }

    /// Hands over the open spans, and takes out the entries of drafts that are gone. One caller at a time.
    pub(super) fn look_through(&self, mut f: impl FnMut(Seen)) {
        // Taken out meanwhile: a thread that lists a new draft does not wait for the whole of it.
        let entries = || self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = std::mem::take(&mut *entries());
        let before = all.len();
        all.retain(|entry| {
            let is_used = Arc::strong_count(entry) > 1;
            if is_used {
                entry.read().into_iter().for_each(&mut f);
            }
            is_used
        });
        self.count.fetch_sub(before - all.len(), Ordering::Relaxed);
        let mut entries = entries();
        all.append(&mut entries);
        *entries = all;
    }
}

#[cfg(test)]
#[path = "open_drafts_tests.rs"]
mod tests;
