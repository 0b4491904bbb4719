//! Spans that were started and have not ended, as a part of the health.

use std::time::Duration;

use serde::Serialize;

use super::HealthCheck;
use crate::model::{Check, CheckStatus, ComponentHealth, Timestamp, TraceIds};

/// A span that has not ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenSpan {
    /// Its name.
    pub name: String,
    /// When it was started.
    pub start: Timestamp,
    /// Which it is.
    pub ids: TraceIds,
}

/// Knows which spans have not ended; the recorder does.
pub trait OpenSpans: Send + Sync {
    /// How many spans have not ended.
    fn open(&self) -> u64;

    /// How many of them were started before a moment, and the oldest of these: as many as fit into `limit`. Answers from
    /// what is known, without waiting.
    fn started_before(&self, moment: Timestamp, limit: usize) -> (u64, Vec<OpenSpan>);
}

/// `open_spans`: warns of spans that have been open for too long. Such spans were forgotten, or are stuck.
#[derive(Debug)]
pub struct OpenSpansHealth<S, C> {
    spans: S,
    clock: C,
    too_long: Duration,
}

/// Spans that the message names.
const NAMED: usize = 3;

impl<S: OpenSpans, C: Fn() -> Timestamp + Send + Sync> OpenSpansHealth<S, C> {
    /// Warns of spans that have been open for longer than this.
    pub fn new(spans: S, too_long: Duration, clock: C) -> Self {
        Self { spans, clock, too_long }
    }
}

impl<S: OpenSpans, C: Fn() -> Timestamp + Send + Sync> HealthCheck for OpenSpansHealth<S, C> {
    fn component(&self) -> &str {
        "open_spans"
    }

    fn check(&self) -> ComponentHealth {
        let now = (self.clock)();
        let (count, oldest) = self.spans.started_before(now - self.too_long, NAMED);
        let names = oldest.iter().map(|s| format!("`{}` for {} s", s.name, now.since(s.start).as_secs()));
        let mut message = format!("{} open, {count} of them too long", self.spans.open());
        if !oldest.is_empty() {
            message = format!("{message}: {}", names.collect::<Vec<_>>().join(", "));
        }
        let status = if count > 0 { CheckStatus::Warn } else { CheckStatus::Pass };
        ComponentHealth::from_checks(vec![Check { name: "age".to_owned(), status, message }], 0, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HealthLevel, TraceId};

    struct Known(Vec<OpenSpan>);

    impl OpenSpans for Known {
        fn open(&self) -> u64 {
            self.0.len() as u64
        }
        fn started_before(&self, moment: Timestamp, limit: usize) -> (u64, Vec<OpenSpan>) {
            let old: Vec<_> = self.0.iter().filter(|s| s.start < moment).cloned().collect();
            (old.len() as u64, old.into_iter().take(limit).collect())
        }
    }

    #[test]
    fn spans_that_are_open_for_too_long_are_named() {
        let span = |name: &str, second| OpenSpan {
            name: name.to_owned(),
            start: Timestamp::from_unix_secs(second),
            ids: TraceIds { trace_id: TraceId::new(1).unwrap(), span_id: None },
        };
        let check = |spans| {
            let clock = || Timestamp::from_unix_secs(1000);
            OpenSpansHealth::new(Known(spans), Duration::from_secs(60), clock).check()
        };
        assert_eq!(check(vec![span("new", 990)]).status, HealthLevel::Healthy);
        let health = check(vec![span("stuck", 100), span("new", 990)]);
        assert_eq!(health.status, HealthLevel::Degraded);
        assert_eq!(health.checks[0].message, "2 open, 1 of them too long: `stuck` for 900 s");
    }
}
