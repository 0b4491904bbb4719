//! The consumer's side: takes the chunks away, joins what was cut, and makes a batch.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::SpanLimits;
use super::recorder::Recorder;
use super::ring_reader::RingReader;
use crate::batch::{Columns, Home, Pool, Row, SpanBatchMut, SpanRef};
use crate::model::{SpanData, SpanId, Status, Timestamp, TraceId};

type Key = (TraceId, SpanId);

/// Takes finished spans out of a recorder. One per recorder; used by the pipeline's thread alone.
pub(crate) struct Drain {
    recorder: Recorder,
    /// Emptied columns that are handed to threads in exchange for full ones.
    pool: Arc<Pool>,
    reader: RingReader,
    open: HashMap<Key, OpenSpan>,
    /// Continuations that came before their start: a thread in teardown records into the shared slot, and another
    /// thread may add to a span whose own thread has not published it. They wait.
    early: Vec<Continuation>,
}

/// A span whose chunk was taken while it was open.
struct OpenSpan {
    data: SpanData,
    start: Moment,
}

/// What happened to a span after its chunk had been taken.
struct Continuation {
    data: SpanData,
    end: Option<Moment>,
    renamed: bool,
    /// Its status counts only if there is none yet.
    status_if_unset: bool,
    /// Passes that it has waited for its start.
    waited: u32,
}

/// Passes after which nobody waits for a start any more: a minute at the default interval.
const PATIENCE: u32 = 600;

/// A point in time as it was recorded.
#[derive(Clone, Copy)]
enum Moment {
    Ticks(u64),
    Unix(u64),
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.recorder.0.consumer.leave();
    }
}

impl Drain {
    pub(super) fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            pool: Arc::default(),
            reader: RingReader::default(),
            open: HashMap::new(),
            early: Vec::new(),
        }
    }

    /// Names the calling thread as the one to wake when a chunk fills up.
    pub(crate) fn attach_thread(&self) {
        self.recorder.0.consumer.set(std::thread::current());
    }

    /// Takes everything that has ended so far.
    pub(crate) fn drain(&mut self) -> SpanBatchMut {
        let slots: Vec<_> = self.recorder.0.slots.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut out = Columns::default();
        let mut late = Vec::new();
        let mut continued = std::mem::take(&mut self.early);
        // Rings first: what continues a span, or precedes its end, was written to a chunk before that end was
        // published.
        for ring in slots.iter().filter_map(|s| s.ring()) {
            let mut columns = self.pool.take();
            self.reader.read(&ring, &mut columns, &mut late);
            self.settle(&mut columns, &mut continued);
            out.append(&mut columns);
            self.pool.put(columns);
        }
        for slot in slots {
            let mut columns = self.pool.take();
            {
                let mut chunk = slot.lock();
                if chunk.columns.rows.is_empty() {
                    self.pool.put(columns);
                    continue;
                }
                chunk.take(&mut columns);
            }
            self.settle(&mut columns, &mut continued);
            out.append(&mut columns);
            self.pool.put(columns);
        }
        let mut batch = SpanBatchMut::from_columns(out, self.recorder.0.resource.clone());
        batch.home = Home(Some(self.pool.clone()));
        for c in continued {
            self.join(c, &mut batch);
        }
        for end in late {
            match self.open.remove(&end.key) {
                Some(open) => self.finish(open, Moment::Ticks(end.ticks), &mut batch),
                None => self.count_unmatched(),
            }
        }
        self.recorder.0.clock.realign();
        batch
    }

    /// Turns ticks into time, parks open spans, and takes continuations out.
    fn settle(&mut self, columns: &mut Columns, continued: &mut Vec<Continuation>) {
        let shared = self.recorder.0.clone();
        let mut rows = std::mem::take(&mut columns.rows);
        rows.retain_mut(|row| {
            if row.has(Row::CONTINUATION) {
                continued.push(Continuation {
                    data: SpanRef::of(columns, row, &shared.resource).to_span_data(),
                    end: row.has(Row::ENDED).then(|| Moment::of(row.end, row.has(Row::END_IS_UNIX))),
                    renamed: row.has(Row::RENAMED),
                    status_if_unset: row.has(Row::STATUS_IF_UNSET),
                    waited: 0,
                });
                return false;
            }
            if !row.has(Row::ENDED) {
                if self.open.len() >= shared.limits.open_spans {
                    // Counted when its end arrives and finds nothing.
                    return false;
                }
                let data = SpanRef::of(columns, row, &shared.resource).to_span_data();
                let start = Moment::of(row.start, row.has(Row::START_IS_UNIX));
                self.open.insert((row.trace_id, row.span_id), OpenSpan { data, start });
                return false;
            }
            let start = Moment::of(row.start, row.has(Row::START_IS_UNIX));
            let end = Moment::of(row.end, row.has(Row::END_IS_UNIX));
            (row.start, row.end) = Moment::pair(start, end, &self.recorder);
            true
        });
        columns.rows = rows;
    }

    /// Adds a continuation to its open span, and finishes the span if it has ended.
    fn join(&mut self, mut c: Continuation, batch: &mut SpanBatchMut) {
        let key = (c.data.context.trace_id, c.data.context.span_id);
        let Some(mut open) = self.open.remove(&key) else {
            c.waited += 1;
            if c.waited < PATIENCE && self.early.len() < self.recorder.0.limits.open_spans {
                self.early.push(c);
            } else if c.end.is_some() {
                self.count_unmatched();
            }
            return;
        };
        let end = c.end;
        open.merge(c, &self.recorder.0.limits);
        match end {
            Some(end) => self.finish(open, end, batch),
            None => {
                self.open.insert(key, open);
            }
        }
    }

    fn finish(&self, mut open: OpenSpan, end: Moment, batch: &mut SpanBatchMut) {
        let (start, end) = Moment::pair(open.start, end, &self.recorder);
        open.data.start = Timestamp::from_unix_nanos(start);
        open.data.end = Timestamp::from_unix_nanos(end);
        batch.push(open.data);
    }

    /// The end of a span that was left out because too many were open.
    fn count_unmatched(&self) {
        self.recorder.0.elsewhere.open_table_full.fetch_add(1, Ordering::Relaxed);
    }
}

impl Moment {
    fn of(value: u64, is_unix: bool) -> Self {
        if is_unix { Self::Unix(value) } else { Self::Ticks(value) }
    }

    /// Start and end in Unix time. An end that we measured is not before the start: the caller may have set that by
    /// another clock, and counters of two processors may differ a little.
    fn pair(start: Self, end: Self, recorder: &Recorder) -> (u64, u64) {
        let at = start.unix(recorder);
        match end {
            Self::Ticks(_) => (at, end.unix(recorder).max(at)),
            Self::Unix(t) => (at, t),
        }
    }

    fn unix(self, recorder: &Recorder) -> u64 {
        match self {
            Self::Ticks(t) => recorder.0.clock.to_unix_nanos(t),
            Self::Unix(t) => t,
        }
    }
}

impl OpenSpan {
    fn merge(&mut self, c: Continuation, limits: &SpanLimits) {
        let (mine, theirs) = (&mut self.data, c.data);
        if c.renamed {
            mine.name = theirs.name;
        }
        mine.dropped_attributes += theirs.dropped_attributes;
        mine.dropped_events += theirs.dropped_events;
        mine.dropped_links += theirs.dropped_links;
        for kv in theirs.attributes {
            match mine.attributes.iter().position(|a| a.key == kv.key) {
                Some(i) => mine.attributes[i].value = kv.value,
                None if mine.attributes.len() >= limits.attributes.into() => mine.dropped_attributes += 1,
                None => mine.attributes.push(kv),
            }
        }
        mine.events.extend(theirs.events);
        mine.dropped_events += cut(&mut mine.events, limits.events);
        mine.links.extend(theirs.links);
        mine.dropped_links += cut(&mut mine.links, limits.links);
        let replaces =
            if c.status_if_unset { mine.status == Status::Unset } else { mine.status != Status::Ok };
        if replaces && theirs.status != Status::Unset {
            mine.status = theirs.status;
        }
    }
}

/// Shortens to the limit and says by how much.
fn cut<T>(v: &mut Vec<T>, limit: u32) -> u32 {
    let over = v.len().saturating_sub(limit as usize);
    v.truncate(limit as usize);
    over as u32
}
