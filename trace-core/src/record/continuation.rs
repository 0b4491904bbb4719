//! What happened to a span after its start had been taken.

use super::SpanLimits;
use super::recorder::Recorder;
use crate::batch::Row;
use crate::model::{SpanData, Status};

/// What happened to a span after its start had been taken.
pub(super) struct Continuation {
    pub(super) data: SpanData,
    pub(super) end: Option<Moment>,
    pub(super) renamed: bool,
    /// Its status counts only if there is none yet.
    pub(super) status_if_unset: bool,
    /// Passes that it has waited for its start.
    pub(super) waited: u32,
}

impl Continuation {
    /// Adds what happened to the span.
    pub(super) fn merge_into(self, mine: &mut SpanData, limits: &SpanLimits) {
        let theirs = self.data;
        if self.renamed {
            mine.name = theirs.name;
        }
        mine.dropped_attributes += theirs.dropped_attributes;
        mine.dropped_events += theirs.dropped_events;
        mine.dropped_links += theirs.dropped_links;
        mine.context.tenant = theirs.context.tenant.or(mine.context.tenant);
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
            if self.status_if_unset { mine.status == Status::Unset } else { mine.status != Status::Ok };
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

/// A point in time as it was recorded.
#[derive(Clone, Copy)]
pub(super) enum Moment {
    Ticks(u64),
    Unix(u64),
}

impl Moment {
    pub(super) fn start_of(row: &Row) -> Self {
        Self::of(row.start, row.has(Row::START_IS_UNIX))
    }

    pub(super) fn of(value: u64, is_unix: bool) -> Self {
        if is_unix { Self::Unix(value) } else { Self::Ticks(value) }
    }

    /// Start and end in Unix time. An end that we measured is not before the start: the caller may have set that by
    /// another clock, and counters of two processors may differ a little.
    pub(super) fn pair(start: Self, end: Self, recorder: &Recorder) -> (u64, u64) {
        let at = start.unix(recorder);
        match end {
            Self::Ticks(_) => (at, end.unix(recorder).max(at)),
            Self::Unix(t) => (at, t),
        }
    }

    pub(super) fn unix(self, recorder: &Recorder) -> u64 {
        match self {
            Self::Ticks(t) => recorder.0.clock.to_unix_nanos(t),
            Self::Unix(t) => t,
        }
    }
}
