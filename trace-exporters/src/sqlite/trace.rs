//! A trace by its id.

use std::collections::HashSet;

use trace_core::model::{SpanId, Timestamp, TraceId};
use trace_core::store::{ReadError, StoredSpan, StoredTrace};

use super::error::FileError;
use super::hour::Hour;
use super::hour_reader::HourReader;
use super::readers::{Asked, Readers, stored};
use super::term::Term;

/// Spans of a trace that are read; a larger one comes back incomplete.
const MOST_SPANS: usize = 100_000;

/// What has been read of a trace.
pub(super) struct Loaded<'a> {
    tenant: &'a str,
    id: TraceId,
    term: Term,
    asked: Option<Asked<'a>>,
    seen: HashSet<SpanId>,
    spans: Vec<StoredSpan>,
    /// When the first span began that is like what was asked.
    pub(super) first_match: Option<Timestamp>,
    cut: bool,
}

impl<'a> Loaded<'a> {
    fn new(readers: &mut Readers, tenant: &'a str, id: TraceId, asked: Option<Asked<'a>>) -> Self {
        let term = readers.trace_term(tenant, id);
        Self {
            tenant,
            id,
            term,
            asked,
            seen: HashSet::new(),
            spans: Vec::new(),
            first_match: None,
            cut: false,
        }
    }

    /// Adds the spans of an hour. `false` if it has none. Hours that cannot have any are not opened.
    fn add(&mut self, readers: &mut Readers, hour: Hour) -> Result<bool, ReadError> {
        if !readers.catalog.get(hour).is_some_and(|shared| shared.may_have(self.term)) {
            return Ok(false);
        }
        Ok(readers.with(hour, |reader| self.add_from(reader))?.unwrap_or(false))
    }

    fn add_from(&mut self, reader: &mut HourReader) -> Result<bool, FileError> {
        let before = self.spans.len();
        for chunk in reader.chunks(self.term)? {
            let Some(chunk) = reader.chunk(chunk)?.filter(|c| c.tenant == self.tenant) else { continue };
            for batch in &chunk.batches {
                for span in batch.iter().filter(|s| s.trace_id() == self.id) {
                    if self.spans.len() >= MOST_SPANS {
                        self.cut = true;
                        return Ok(true);
                    }
                    // One that was offered again long after it was stored is there twice.
                    if !self.seen.insert(span.span_id()) {
                        continue;
                    }
                    if self.asked.is_some_and(|asked| asked.matches(span)) {
                        let start = span.start();
                        self.first_match = Some(self.first_match.map_or(start, |first| first.min(start)));
                    }
                    self.spans.push(stored(span, batch.resource()));
                }
            }
        }
        Ok(self.spans.len() > before)
    }

    /// The trace; `None` if nothing was found.
    pub(super) fn trace(mut self) -> Option<StoredTrace> {
        if self.spans.is_empty() {
            return None;
        }
        self.spans.sort_by_key(|s| s.span.start);
        Some(StoredTrace { trace_id: self.id, spans: self.spans, incomplete: self.cut })
    }
}

/// All of a trace, from all hours.
pub(super) fn trace(
    readers: &mut Readers,
    tenant: &str,
    id: TraceId,
) -> Result<Option<StoredTrace>, ReadError> {
    let mut loaded = Loaded::new(readers, tenant, id, None);
    for hour in readers.catalog.hours().into_iter().rev() {
        loaded.add(readers, hour)?;
    }
    let Some(mut trace) = loaded.trace() else { return Ok(None) };
    trace.incomplete |= lost_a_part(readers, &trace);
    Ok(Some(trace))
}

/// A trace of which an hour has something: from that hour, and its neighbours as far as they have something too.
pub(super) fn around<'a>(
    readers: &mut Readers,
    tenant: &'a str,
    id: TraceId,
    hour: Hour,
    asked: Asked<'a>,
) -> Result<Loaded<'a>, ReadError> {
    let mut loaded = Loaded::new(readers, tenant, id, Some(asked));
    loaded.add(readers, hour)?;
    let mut next = hour.previous();
    while loaded.add(readers, next)? {
        next = next.previous();
    }
    next = hour.next();
    while loaded.add(readers, next)? {
        next = next.next();
    }
    Ok(loaded)
}

/// Whether spans before the first were let go: the hour before is gone, and a parent that should be there is not.
fn lost_a_part(readers: &Readers, trace: &StoredTrace) -> bool {
    let Some((start, _)) = trace.extent() else { return false };
    let before = Hour::of(start).previous().file_name();
    let state = readers.catalog.state();
    let gone = state.evicted_through.as_ref().is_some_and(|newest| before <= *newest)
        || state
            .set_aside
            .iter()
            .any(|s| s.file.starts_with(&before) || s.file.starts_with(&Hour::of(start).file_name()));
    drop(state);
    let ids: HashSet<SpanId> = trace.spans.iter().map(|s| s.span.context.span_id).collect();
    gone && trace
        .spans
        .iter()
        .any(|s| s.span.parent_span_id.is_some_and(|p| !s.span.parent_is_remote && !ids.contains(&p)))
}
