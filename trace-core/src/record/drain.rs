//! The consumer's side: takes the chunks away, joins what was cut, and makes a batch.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::chunk::Slot;
use super::continuation::{Continuation, Moment};
use super::open_spans::{OpenSpan, OpenSpans};
use super::parked::Parked;
use super::recorder::Recorder;
use super::ring_reader::RingReader;
use crate::batch::{Columns, Home, Pool, Row, SpanBatchMut, SpanRef};
use crate::model::Timestamp;

/// Takes finished spans out of a recorder. One per recorder; used by the pipeline's thread alone.
pub(crate) struct Drain {
    recorder: Recorder,
    /// Emptied columns that are handed to threads in exchange for full ones.
    pool: Arc<Pool>,
    reader: RingReader,
    open: Parked,
    /// Some span of this pass that came from elsewhere than from a ring has a tenant.
    has_tenants: bool,
    /// When open spans were last looked through, in ticks.
    looked_at: Option<u64>,
    /// Continuations that came before their start: a thread in teardown records into the shared slot, and another
    /// thread may add to a span whose own thread has not published it. They wait.
    early: Vec<Continuation>,
}

/// Passes after which nobody waits for a start any more: a minute at the default interval.
const PATIENCE: u32 = 600;

impl Drop for Drain {
    fn drop(&mut self) {
        self.recorder.0.consumer.leave();
    }
}

impl Drain {
    pub(super) fn new(recorder: Recorder) -> Self {
        Self {
            open: Parked::new(recorder.0.resource.clone()),
            recorder,
            pool: Arc::default(),
            reader: RingReader::default(),
            has_tenants: false,
            looked_at: None,
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
        let mut out = self.pool.take();
        let mut late = Vec::new();
        let mut continued = std::mem::take(&mut self.early);
        // Rings first: what continues a span, or precedes its end, was written to a chunk before that end was
        // published.
        self.reader.next_turn();
        self.has_tenants = false;
        let scale = self.recorder.clock().unix_scale();
        for ring in slots.iter().filter_map(|s| s.ring()) {
            if let Some(first) = self.reader.read(ring, &mut out, scale, &mut late) {
                self.park_from(first, &mut out);
            }
        }
        for slot in &slots {
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
            match self.open.take(&end.key) {
                Some(row) => self.finish(row, Moment::Ticks(end.ticks), &mut batch),
                None => self.count_unmatched(),
            }
        }
        if self.has_tenants || self.reader.has_tenants() {
            self.recorder.0.tenants.write(&mut batch.columns);
        }
        self.open.tidy();
        self.look_for_open_spans(&slots);
        self.recorder.0.clock.realign();
        batch
    }

    /// Parks the open spans among those that were read from a ring: the first one lies at `first`.
    fn park_from(&mut self, first: usize, columns: &mut Columns) {
        let mut rows = std::mem::take(&mut columns.rows);
        let mut kept = first;
        for at in first..rows.len() {
            let row = rows[at];
            if row.has(Row::ENDED) {
                rows[kept] = row;
                kept += 1;
            } else {
                self.park(columns, &row);
            }
        }
        rows.truncate(kept);
        columns.rows = rows;
    }

    /// Keeps an open span until its end comes. If there are too many, it is counted when that finds nothing.
    fn park(&mut self, columns: &Columns, row: &Row) {
        if self.open.len() < self.recorder.0.limits.open_spans {
            self.open.park(columns, row);
        }
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
                self.park(columns, row);
                return false;
            }
            let start = Moment::start_of(row);
            let end = Moment::of(row.end, row.has(Row::END_IS_UNIX));
            (row.start, row.end) = Moment::pair(start, end, &self.recorder);
            self.has_tenants |= !row.tenant.is_none();
            true
        });
        columns.rows = rows;
    }

    /// Adds a continuation to its open span, and finishes the span if it has ended.
    fn join(&mut self, mut c: Continuation, batch: &mut SpanBatchMut) {
        let key = (c.data.context.trace_id, c.data.context.span_id);
        let Some(mut row) = self.open.take(&key) else {
            c.waited += 1;
            if c.waited < PATIENCE && self.early.len() < self.recorder.0.limits.open_spans {
                self.early.push(c);
            } else if c.end.is_some() {
                self.count_unmatched();
            }
            return;
        };
        let mut data = self.open.span(&row).to_span_data();
        let end = c.end;
        c.merge_into(&mut data, &self.recorder.0.limits);
        match end {
            Some(end) => {
                let (start, end) = Moment::pair(Moment::start_of(&row), end, &self.recorder);
                data.start = Timestamp::from_unix_nanos(start);
                data.end = Timestamp::from_unix_nanos(end);
                let tenant = data.context.tenant;
                self.has_tenants |= !tenant.is_none();
                batch.push(data);
                batch.set_tenant(batch.len() - 1, tenant);
                if row.has(Row::REGARDLESS) {
                    batch.set_recorded_regardless(batch.len() - 1);
                }
            }
            None => {
                row.bits &= Row::REMOTE_PARENT | Row::START_IS_UNIX | Row::REGARDLESS;
                self.open.put_back(&row, data);
            }
        }
    }

    fn finish(&mut self, mut row: Row, end: Moment, batch: &mut SpanBatchMut) {
        (row.start, row.end) = Moment::pair(Moment::start_of(&row), end, &self.recorder);
        row.bits |= Row::ENDED | Row::START_IS_UNIX | Row::END_IS_UNIX;
        self.has_tenants |= !row.tenant.is_none();
        self.open.copy_to(&row, &mut batch.columns);
    }

    /// Says which spans have been open for too long, once a second.
    fn look_for_open_spans(&mut self, slots: &[&'static Slot]) {
        let shared = &self.recorder.0;
        let clock = &shared.clock;
        if self.looked_at.is_some_and(|at| clock.since(at) < Duration::from_secs(1)) {
            return;
        }
        self.looked_at = Some(clock.ticks());
        let (now, mut found) = (clock.now(), OpenSpans::default());
        for row in self.open.rows() {
            let start = Timestamp::from_unix_nanos(Moment::start_of(row).unix(&self.recorder));
            let name = || self.open.span(row).name().to_owned();
            found.add(start, now, shared.open_too_long, || OpenSpan {
                trace_id: row.trace_id,
                span_id: row.span_id,
                name: name(),
                start,
            });
        }
        for newest in slots.iter().filter_map(|s| s.ring()?.newest()) {
            let start = Timestamp::from_unix_nanos(clock.to_unix_nanos(newest.start()));
            if let Some(span) = RingReader::open_span(newest, start) {
                found.add(start, now, shared.open_too_long, || span);
            }
        }
        #[cfg(any(feature = "otel", feature = "tracing"))]
        {
            shared.drafts.look_through(|seen| {
                let start = Moment::of(seen.start, seen.start_is_unix()).unix(&self.recorder);
                let start = Timestamp::from_unix_nanos(start);
                found.add(start, now, shared.open_too_long, || seen.into_open_span(start));
            });
            found.unlisted = shared.drafts.unlisted();
        }
        #[cfg(feature = "tracing")]
        for arena in slots.iter().filter_map(|s| s.used_arena()) {
            arena.look_through(|seen| {
                let start = Timestamp::from_unix_nanos(clock.to_unix_nanos(seen.start));
                found.add(start, now, shared.open_too_long, || seen.into_open_span(start));
            });
        }
        *shared.open_spans.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// The end of a span that was left out because too many were open.
    fn count_unmatched(&self) {
        self.recorder.0.elsewhere.open_table_full.fetch_add(1, Ordering::Relaxed);
    }
}
