//! What a [`super::MemoryStore`] has of one tenant: batches in order of arrival, and indexes into them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::Bound;

use super::stored::{NO_ROOT, root_rank};
use super::{Durations, Page, ReadError, SpanFilter, SpanQuery, StoredSpan, StoredTrace, TraceSummary};
use crate::batch::{SpanBatch, SpanRef};
use crate::model::{SpanId, TimeRange, Timestamp, TraceId};

/// What the indexes need for a span and for a trace; estimates that cover the hash and tree nodes.
const SPAN_INDEX_BYTES: usize = 16;
const TRACE_INDEX_BYTES: usize = 320;

struct Held {
    batch: SpanBatch,
    received: Timestamp,
    bytes: usize,
}

struct Entry {
    /// Batch number and row, in order of arrival.
    spans: VecDeque<(u64, u32)>,
    rank: u8,
    root_name: Box<str>,
    service: Box<str>,
    root_start: Timestamp,
    root_end: Timestamp,
    start: Timestamp,
    end: Timestamp,
    span_count: u64,
    error_count: u64,
    evicted: u64,
}

#[derive(Default)]
pub(super) struct Index {
    batches: VecDeque<Held>,
    first: u64,
    bytes: usize,
    traces: HashMap<TraceId, Entry>,
    by_start: BTreeSet<(Timestamp, TraceId)>,
    operations: BTreeMap<String, BTreeMap<String, u64>>,
    pub(super) evicted_spans: u64,
    pub(super) received_spans: u64,
}

impl Index {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn span_count(&self) -> u64 {
        self.received_spans - self.evicted_spans
    }

    pub(super) fn trace_count(&self) -> usize {
        self.traces.len()
    }

    /// Adds a batch, and returns the traces whose local root it ended.
    pub(super) fn insert(&mut self, batch: SpanBatch, received: Timestamp) -> Vec<TraceSummary> {
        let number = self.first + self.batches.len() as u64;
        let service = batch.resource().service_name().to_owned();
        let before = self.traces.len();
        let mut ended = Vec::new();
        for (row, span) in batch.iter().enumerate() {
            if self.add(&span, &service, number, row as u32) {
                ended.push(span.trace_id());
            }
        }
        let new_traces = self.traces.len() - before;
        let bytes = batch.byte_size() + batch.len() * SPAN_INDEX_BYTES + new_traces * TRACE_INDEX_BYTES;
        self.bytes += bytes;
        self.received_spans += batch.len() as u64;
        self.batches.push_back(Held { batch, received, bytes });
        ended.sort_unstable();
        ended.dedup();
        ended.iter().filter_map(|id| Some(summary(*id, self.traces.get(id)?))).collect()
    }

    /// Whether the span was a local root.
    fn add(&mut self, span: &SpanRef<'_>, service: &str, number: u64, row: u32) -> bool {
        let id = span.trace_id();
        let (start, end) = (span.start(), span.end());
        let rank = root_rank(span.parent_span_id(), span.parent_is_remote());
        let entry = self.traces.entry(id).or_insert_with(|| Entry {
            spans: VecDeque::new(),
            rank: u8::MAX,
            root_name: Box::default(),
            service: Box::default(),
            root_start: start,
            root_end: end,
            start,
            end,
            span_count: 0,
            error_count: 0,
            evicted: 0,
        });
        if entry.span_count == 0 {
            self.by_start.insert((start, id));
        } else if start < entry.start {
            self.by_start.remove(&(entry.start, id));
            self.by_start.insert((start, id));
        }
        entry.spans.push_back((number, row));
        entry.span_count += 1;
        entry.error_count += u64::from(span.is_error());
        entry.start = entry.start.min(start);
        entry.end = entry.end.max(end);
        if (rank, start) < (entry.rank, entry.root_start) {
            entry.rank = rank;
            entry.root_name = span.name().into();
            entry.service = service.into();
            (entry.root_start, entry.root_end) = (start, end);
        }
        let names = match self.operations.get_mut(service) {
            Some(names) => names,
            None => self.operations.entry(service.to_owned()).or_default(),
        };
        match names.get_mut(span.name()) {
            Some(n) => *n += 1,
            None => drop(names.insert(span.name().to_owned(), 1)),
        }
        rank < NO_ROOT
    }

    /// When the latest batch arrived.
    pub(super) fn latest(&self) -> Timestamp {
        self.batches.back().map_or(Timestamp::default(), |held| held.received)
    }

    /// Lets go what arrived before a moment.
    pub(super) fn evict_before(&mut self, oldest: Timestamp) {
        while self.batches.front().is_some_and(|held| held.received < oldest) {
            self.evict_one();
        }
    }

    /// Lets the oldest batch go. `false` if there is none.
    pub(super) fn evict_one(&mut self) -> bool {
        let Some(held) = self.batches.pop_front() else { return false };
        self.forget(&held, self.first);
        self.first += 1;
        true
    }

    fn forget(&mut self, held: &Held, number: u64) {
        self.bytes -= held.bytes;
        self.evicted_spans += held.batch.len() as u64;
        let service = held.batch.resource().service_name();
        for span in held.batch.iter() {
            let id = span.trace_id();
            if let Some(entry) = self.traces.get_mut(&id) {
                while entry.spans.front().is_some_and(|(n, _)| *n == number) {
                    entry.spans.pop_front();
                    entry.evicted += 1;
                }
                if entry.spans.is_empty() {
                    self.by_start.remove(&(entry.start, id));
                    self.traces.remove(&id);
                }
            }
            if let Some(names) = self.operations.get_mut(service) {
                if let Some(n) = names.get_mut(span.name()) {
                    *n -= 1;
                    if *n == 0 {
                        names.remove(span.name());
                    }
                }
                if names.is_empty() {
                    self.operations.remove(service);
                }
            }
        }
    }

    fn span(&self, at: (u64, u32)) -> Option<SpanRef<'_>> {
        self.batches.get((at.0 - self.first) as usize)?.batch.get(at.1 as usize)
    }

    pub(super) fn trace(&self, id: &TraceId) -> Option<StoredTrace> {
        let entry = self.traces.get(id)?;
        let mut seen = HashSet::<SpanId>::new();
        let mut spans = Vec::with_capacity(entry.spans.len());
        for at in &entry.spans {
            let Some(held) = self.batches.get((at.0 - self.first) as usize) else { continue };
            let Some(span) = held.batch.get(at.1 as usize) else { continue };
            // A retried delivery may bring a span twice.
            if seen.insert(span.span_id()) {
                spans.push(StoredSpan { resource: held.batch.resource().clone(), span: span.to_span_data() });
            }
        }
        spans.sort_by_key(|s| s.span.start);
        Some(StoredTrace { trace_id: *id, spans, incomplete: entry.evicted > 0 })
    }

    pub(super) fn search(&self, query: &SpanQuery) -> Result<Page<TraceSummary>, ReadError> {
        let first = (query.range.map_or(Timestamp::default(), |r| r.start), TraceId::MIN);
        let mut upper = match query.range {
            Some(r) => Bound::Excluded((r.end, TraceId::MIN)),
            None => Bound::Unbounded,
        };
        if let Some(text) = &query.cursor {
            let at = parse_cursor(text)?;
            if query.range.is_none_or(|r| at.0 < r.end) {
                upper = Bound::Excluded(at);
            }
        }
        let size = query.page_size();
        let mut page = Page { items: Vec::new(), next_cursor: None };
        let past_the_end = matches!(upper, Bound::Excluded(u) if u <= first);
        if past_the_end {
            return Ok(page);
        }
        let matching = self
            .by_start
            .range((Bound::Included(first), upper))
            .rev()
            .filter_map(|key| Some((key, self.traces.get(&key.1)?)))
            .filter(|(_, entry)| self.matches(query, entry));
        let mut last = None;
        for (key, entry) in matching {
            if page.items.len() == size {
                page.next_cursor = last.map(cursor);
                break;
            }
            page.items.push(summary(key.1, entry));
            last = Some(*key);
        }
        Ok(page)
    }

    fn matches(&self, query: &SpanQuery, entry: &Entry) -> bool {
        let duration = duration(entry);
        if query.error_only && entry.error_count == 0
            || query.min_duration.is_some_and(|d| duration < d)
            || query.max_duration.is_some_and(|d| duration > d)
        {
            return false;
        }
        query.filter.is_empty()
            || entry.spans.iter().filter_map(|at| self.span(*at)).any(|s| query.filter.matches(s))
    }

    pub(super) fn durations(&self, filter: &SpanFilter, range: Option<TimeRange>) -> Durations {
        let mut durations = Durations::default();
        // By trace, so that a span that came twice counts once.
        for entry in self.traces.values() {
            let mut seen = HashSet::<SpanId>::with_capacity(entry.spans.len());
            let spans = entry.spans.iter().filter_map(|at| self.span(*at));
            let inside = |s: &SpanRef<'_>| range.is_none_or(|r| r.start <= s.start() && s.start() < r.end);
            for span in spans.filter(inside).filter(|s| filter.matches(*s)) {
                if seen.insert(span.span_id()) {
                    let ms = span.duration().as_secs_f64() * 1e3;
                    durations.milliseconds.insert_weighted(ms, span.adjusted_count());
                    durations.errors += u64::from(span.is_error());
                }
            }
        }
        durations
    }

    pub(super) fn services(&self) -> Vec<String> {
        self.operations.keys().cloned().collect()
    }

    pub(super) fn operations(&self, service: &str) -> Vec<String> {
        self.operations.get(service).map_or_else(Vec::new, |names| names.keys().cloned().collect())
    }
}

fn duration(e: &Entry) -> std::time::Duration {
    if e.rank < NO_ROOT { e.root_end.since(e.root_start) } else { e.end.since(e.start) }
}

fn summary(trace_id: TraceId, e: &Entry) -> TraceSummary {
    TraceSummary {
        trace_id,
        root_name: e.root_name.to_string(),
        service: e.service.to_string(),
        start: e.start,
        duration_ms: duration(e).as_secs_f64() * 1e3,
        span_count: e.span_count,
        error_count: e.error_count,
    }
}

fn cursor((start, id): (Timestamp, TraceId)) -> String {
    format!("{}-{id}", start.unix_nanos())
}

fn parse_cursor(text: &str) -> Result<(Timestamp, TraceId), ReadError> {
    let parsed = text
        .split_once('-')
        .and_then(|(nanos, id)| Some((Timestamp::from_unix_nanos(nanos.parse().ok()?), id.parse().ok()?)));
    parsed.ok_or_else(|| ReadError::InvalidCursor(text.chars().take(64).collect()))
}
