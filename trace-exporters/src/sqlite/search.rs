//! Traces that match, the latest start first.
//!
//! Chunks are looked at by their latest span, the latest first. A trace counts as found where its first matching span
//! lies, and is answered once no chunk is left that could hold the first match of a trace that started later. So a page
//! looks at little more than what it answers, and the next one goes on where it ended.

use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::time::Duration;

use trace_core::batch::SpanRef;
use trace_core::model::{TenantId, Timestamp, TraceId};
use trace_core::store::{Page, ReadError, SpanQuery, TraceSummary};

use super::cursor::Cursor;
use super::hour::Hour;
use super::hour_reader::Source;
use super::read_pool::Cancelled;
use super::readers::{Asked, Readers};
use super::run::Zone;
use super::trace;

/// Chunks that a page looks at before it answers with what it has: a quarter of a second's work or so. A page may so be
/// short, or empty, and others follow.
const MOST_CHUNKS: usize = 4096;
/// How long after the end of the asked range the first matching span of a trace may begin that started inside.
const LEAD: Duration = Duration::from_secs(60);

/// A trace by which results are ordered.
type Key = (Timestamp, TraceId);

struct Search<'a> {
    readers: &'a mut Readers,
    tenant: &'a str,
    query: &'a SpanQuery,
    asked: Asked<'a>,
    /// Results are smaller than this.
    below: Option<Key>,
    /// Chunks whose latest span is later have been through a page before.
    unread: Timestamp,
    /// Chunks whose spans all began later are of no interest.
    begun_by: Timestamp,
    /// What is known of traces that were seen: when their first match began, and the line to answer; nothing if they do
    /// not match or are in `pending`.
    seen: HashMap<TraceId, Option<(Timestamp, TraceSummary)>>,
    /// Found, with the latest span of the chunk where they were, and not answered.
    pending: BTreeMap<Key, (TraceSummary, Timestamp)>,
    answered: Vec<TraceSummary>,
    chunks: usize,
}

/// What is still to be looked at in an hour: the latest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Chunk(u32),
    Source(usize),
}

/// Answers a query.
pub(super) fn search(
    readers: &mut Readers,
    tenant: &TenantId,
    query: &SpanQuery,
    cancelled: &Cancelled<'_>,
) -> Result<Page<TraceSummary>, ReadError> {
    let cursor = query.cursor.as_deref().map(Cursor::parse).transpose()?;
    let ever = Timestamp::from_unix_nanos(u64::MAX);
    // Without a filter the first span of a trace is its first match.
    let lead = if query.filter.is_empty() && !query.error_only { Duration::ZERO } else { LEAD };
    if query.range.is_some_and(|r| r.end <= r.start) {
        return Ok(Page { items: Vec::new(), next_cursor: None });
    }
    // With other conditions the failed span may be another than the matching one.
    let failed = query.error_only && query.filter.is_empty();
    let search = Search {
        asked: Asked { filter: &query.filter, failed },
        readers,
        tenant: tenant.as_str(),
        query,
        below: cursor.map(|c| c.last),
        unread: cursor.map_or(ever, |c| c.from),
        begun_by: query.range.map_or(ever, |r| r.end + lead),
        seen: HashMap::new(),
        pending: BTreeMap::new(),
        answered: Vec::new(),
        chunks: 0,
    };
    search.run(cancelled)
}

impl Search<'_> {
    fn run(mut self, cancelled: &Cancelled<'_>) -> Result<Page<TraceSummary>, ReadError> {
        let until = self.query.range.map_or(Timestamp::default(), |r| r.start);
        let mut limit = MOST_CHUNKS;
        for hour in self.readers.catalog.hours().into_iter().rev() {
            if hour.start() > self.unread.min(self.begun_by) || hour.end() <= until {
                continue;
            }
            let indexed = self.readers.with(hour, |reader| Ok((reader.indexed.clone(), reader.sources())))?;
            let Some((indexed, sources)) = indexed else { continue };
            let terms = self.readers.terms(self.tenant, &self.asked, &indexed);
            let mut steps: BinaryHeap<(u32, Step)> =
                sources.iter().enumerate().map(|(i, s)| (s.0, Step::Source(i))).collect();
            while let Some((last, step)) = steps.pop() {
                let latest = hour.last_moment(last);
                if latest < until {
                    break;
                }
                if self.answer_above(latest) {
                    return Ok(self.page(latest, true));
                }
                if cancelled() {
                    return Ok(self.page(latest, false));
                }
                match step {
                    Step::Source(at) => {
                        let Some((_, source)) = sources.get(at) else { continue };
                        self.expand(hour, *source, &terms, &mut steps)?;
                    }
                    Step::Chunk(chunk) => {
                        if self.chunks >= limit {
                            if self.resume_at(latest) < self.unread {
                                return Ok(self.page(latest, true));
                            }
                            // No further than the last page came: on, until there is progress.
                            limit += MOST_CHUNKS;
                        }
                        self.chunks += 1;
                        self.look_at(hour, chunk, latest)?;
                    }
                }
            }
        }
        let more = self.answer_above(Timestamp::default());
        Ok(self.page(Timestamp::default(), more))
    }

    fn expand(
        &mut self,
        hour: Hour,
        source: Source,
        terms: &[u64],
        steps: &mut BinaryHeap<(u32, Step)>,
    ) -> Result<(), ReadError> {
        let found = self.readers.with(hour, |reader| reader.candidates(source, terms))?.unwrap_or_default();
        let wanted = |zone: &Zone| {
            hour.last_moment(zone.last) <= self.unread
                && hour.start() + Duration::from_micros(zone.first.into()) <= self.begun_by
        };
        steps.extend(
            found.into_iter().filter(|(zone, _)| wanted(zone)).map(|(z, c)| (z.last, Step::Chunk(c))),
        );
        Ok(())
    }

    fn look_at(&mut self, hour: Hour, chunk: u32, latest: Timestamp) -> Result<(), ReadError> {
        let Some(Some(open)) = self.readers.with(hour, |reader| reader.chunk(chunk))? else { return Ok(()) };
        if open.tenant != self.tenant {
            return Ok(());
        }
        let asked = self.asked;
        for span in open.batches.iter().flat_map(|b| b.iter()).filter(|s| asked.matches(*s)) {
            let id = span.trace_id();
            if !self.seen.contains_key(&id) {
                let root = |s: &SpanRef<'_>| s.trace_id() == id && s.parent_span_id().is_none();
                let root = open.batches.iter().flat_map(|b| b.iter()).find(root);
                let known = if self.may_match(span, root) { self.load(id, hour)? } else { None };
                self.seen.insert(id, known);
            }
            let first =
                self.seen.get_mut(&id).and_then(|known| known.take_if(|(first, _)| *first == span.start()));
            if let Some((_, summary)) = first {
                self.pending.insert((summary.start, id), (summary, latest));
            }
        }
        Ok(())
    }

    /// Whether a trace can match of which this span and its root, if that is in the chunk, are known.
    fn may_match(&self, span: SpanRef<'_>, root: Option<SpanRef<'_>>) -> bool {
        self.query.range.is_none_or(|r| span.start() >= r.start)
            && root.is_none_or(|root| self.lasts(root.duration().as_secs_f64() * 1e3))
    }

    fn lasts(&self, ms: f64) -> bool {
        let limit = |d: Duration| d.as_secs_f64() * 1e3;
        self.query.min_duration.is_none_or(|d| ms >= limit(d))
            && self.query.max_duration.is_none_or(|d| ms <= limit(d))
    }

    /// When the first match of a trace began and its line; `None` if it does not match.
    fn load(&mut self, id: TraceId, hour: Hour) -> Result<Option<(Timestamp, TraceSummary)>, ReadError> {
        let loaded = trace::around(self.readers, self.tenant, id, hour, self.asked)?;
        let first = loaded.first_match;
        let summary = loaded.trace().and_then(|t| t.summary());
        let fits = |s: &TraceSummary| {
            self.lasts(s.duration_ms)
                && (!self.query.error_only || s.error_count > 0)
                && self.query.range.is_none_or(|r| r.contains(s.start))
                && self.below.is_none_or(|below| (s.start, id) < below)
        };
        Ok(first.zip(summary.filter(fits)))
    }

    /// Answers what started after a moment, the latest first. `true` once the page is full and more is there.
    fn answer_above(&mut self, moment: Timestamp) -> bool {
        while let Some(entry) = self.pending.last_entry() {
            // At the very end everything is answered; nothing starts before the epoch.
            if entry.key().0 <= moment && moment > Timestamp::default() {
                return false;
            }
            if self.answered.len() >= self.query.page_size() {
                return true;
            }
            self.answered.push(entry.remove().0);
        }
        false
    }

    /// From where the next page must look.
    fn resume_at(&self, latest: Timestamp) -> Timestamp {
        self.pending.values().map(|(_, found)| *found).fold(latest, Timestamp::max)
    }

    fn page(self, latest: Timestamp, more: bool) -> Page<TraceSummary> {
        let from = self.resume_at(latest);
        let last = self.answered.last().map(|s| (s.start, s.trace_id)).or(self.below);
        let highest =
            (Timestamp::from_unix_nanos(u64::MAX), TraceId::from_bytes([0xff; 16]).unwrap_or(TraceId::MIN));
        let cursor = Cursor { last: last.unwrap_or(highest), from };
        Page { items: self.answered, next_cursor: more.then(|| cursor.text()) }
    }
}
