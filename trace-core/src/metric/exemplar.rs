//! The latest measurement made inside a sampled span, for each bucket or series.

use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::model::{Exemplar, SpanId, Timestamp, TraceId};

/// Tells the current trace and span, if that span is sampled. Called for every measurement: it must be quick.
pub type ExemplarSource = fn() -> Option<(TraceId, SpanId)>;

/// Which measurements may become exemplars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExemplarFilter {
    /// All, with the trace if there is a sampled one. Each measurement then takes a lock and reads the clock.
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// Those that are made inside a sampled span.
    #[default]
    TraceBased,
}

/// A text names no exemplar filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("exemplar filter {given:?} is unknown; it is one of always_on, always_off, trace_based")]
pub struct UnknownExemplarFilter {
    /// The first 64 characters of what was given.
    pub given: String,
}

impl FromStr for ExemplarFilter {
    type Err = UnknownExemplarFilter;

    /// The values of `OTEL_METRICS_EXEMPLAR_FILTER`, in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "always_on" => Ok(Self::AlwaysOn),
            "always_off" => Ok(Self::AlwaysOff),
            "trace_based" => Ok(Self::TraceBased),
            _ => Err(UnknownExemplarFilter { given: text.chars().take(64).collect() }),
        }
    }
}

/// One place for each bucket; empty until the first exemplar comes.
#[derive(Default)]
pub(super) struct ExemplarSlots(Mutex<Vec<Option<Exemplar>>>);

impl ExemplarSlots {
    /// Puts an exemplar in its place. Gives up if another thread is just doing the same: any recent one will do.
    pub(super) fn offer(&self, slot: usize, make: impl FnOnce() -> Exemplar) {
        let Ok(mut slots) = self.0.try_lock() else { return };
        if slots.len() <= slot {
            slots.resize(slot + 1, None);
        }
        slots[slot] = Some(make());
    }

    /// Those made at `since` or later, in the order of the buckets.
    pub(super) fn snapshot(&self, since: Timestamp) -> Vec<Exemplar> {
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.iter().flatten().filter(|e| e.time >= since).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_from_their_names() {
        assert_eq!("ALWAYS_ON".parse(), Ok(ExemplarFilter::AlwaysOn));
        assert_eq!(" always_off ".parse(), Ok(ExemplarFilter::AlwaysOff));
        assert_eq!("trace_based".parse(), Ok(ExemplarFilter::TraceBased));
        let error = "sometimes".parse::<ExemplarFilter>().unwrap_err().to_string();
        assert!(error.contains("sometimes") && error.contains("trace_based"), "{error}");
    }
}
