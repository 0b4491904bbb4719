//! Spans that do not end, as a part of the health.

use crate::model::{Check, CheckStatus, ComponentHealth};
use crate::record::Recorder;
use crate::service::HealthCheck;

/// `open_spans`: warns of spans that have been open for longer than
/// [`open_too_long`](crate::record::RecorderBuilder::open_too_long). Such spans were forgotten, or are stuck.
#[derive(Debug)]
pub struct OpenSpansHealth(pub Recorder);

/// Spans that the message names.
const NAMED: usize = 3;

impl HealthCheck for OpenSpansHealth {
    fn component(&self) -> &str {
        "open_spans"
    }

    fn check(&self) -> ComponentHealth {
        let (now, spans) = (self.0.clock().now(), self.0.open_spans());
        let oldest = spans.oldest.iter().take(NAMED);
        let names: Vec<_> =
            oldest.map(|s| format!("`{}` for {} s", s.name, now.since(s.start).as_secs())).collect();
        let mut message = format!("{} open, {} of them too long", spans.open, spans.too_long);
        if !names.is_empty() {
            message = format!("{message}: {}", names.join(", "));
        }
        let status = if spans.too_long > 0 { CheckStatus::Warn } else { CheckStatus::Pass };
        ComponentHealth::from_checks(vec![Check { name: "age".to_owned(), status, message }], 0, None)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;
    use crate::model::{HealthLevel, Timestamp};

    #[test]
    fn a_span_that_is_open_too_long_degrades_the_health_and_is_named() {
        let (clock, manual) = Clock::manual(Timestamp::from_unix_secs(1_000));
        let (recorder, mut drain) =
            Recorder::builder().clock(clock).open_too_long(Duration::from_secs(60)).build();
        let health = OpenSpansHealth(recorder.clone());
        let stuck = recorder.span("stuck").start();
        drain.drain();
        assert_eq!(health.check().status, HealthLevel::Healthy);
        manual.advance(Duration::from_secs(900));
        let _new = recorder.span("new").start();
        drain.drain();
        let found = health.check();
        assert_eq!(found.status, HealthLevel::Degraded);
        assert_eq!(found.checks[0].message, "2 open, 1 of them too long: `stuck` for 900 s");
        drop(stuck);
        manual.advance(Duration::from_secs(2));
        drain.drain();
        assert_eq!(health.check().status, HealthLevel::Healthy);
    }
}
