//! The engine under a hand-moved clock.

mod bounds;
mod dedup;
mod property;
mod retry;
mod routes;
mod told;

use std::time::Duration;

use trace_core::model::{
    Alert, AlertId, AlertKind, AlertRecord, AlertStatus, DeliveryOutcome, Severity, Timestamp,
};
use trace_core::signal::{Delivered, Notification, NotifyError};

use super::{Effect, Engine, Event};
use crate::{AlertConfig, RetryConfig, Route};

/// A message that a channel has and has not answered.
pub(super) struct Attempt {
    pub(super) channel: usize,
    ticket: u64,
    pub(super) notification: Notification,
}

/// Engine, clock and unanswered attempts.
pub(super) struct Stage {
    pub(super) engine: Engine,
    pub(super) now: Timestamp,
    pub(super) wake: Option<Timestamp>,
    pub(super) open: Vec<Attempt>,
}

/// No waiting for groups, so that a test sees one thing at a time.
pub(super) fn config() -> AlertConfig {
    AlertConfig {
        group_wait: Duration::ZERO,
        group_interval: Duration::ZERO,
        seed: Some(1),
        retry: RetryConfig { max_attempts: 5, ..RetryConfig::default() },
        ..AlertConfig::default()
    }
}

impl Stage {
    pub(super) fn new(channels: &[&str], config: AlertConfig, routes: Vec<Route>) -> Self {
        let names = channels.iter().map(|c| (*c).to_owned()).collect();
        let engine = Engine::new(config, names, vec![], routes, Route::to(["*"])).unwrap();
        Self { engine, now: Timestamp::from_unix_secs(1_000_000), wake: None, open: Vec::new() }
    }

    pub(super) fn event(&mut self, event: Event) {
        self.wake = None;
        for effect in self.engine.handle(event, self.now) {
            match effect {
                Effect::Send { channel, ticket, notification } => {
                    assert!(self.open.iter().all(|a| a.channel != channel), "two attempts for one channel");
                    self.open.push(Attempt { channel, ticket, notification: *notification });
                }
                Effect::WakeAt(at) => self.wake = Some(at),
                Effect::Changed(id) => assert!(self.engine.record(id).is_some()),
            }
        }
    }

    pub(super) fn raise(&mut self, alert: Alert) -> AlertId {
        let id = alert.id;
        self.event(Event::Raise(Box::new(alert)));
        id
    }

    /// Moves the clock, stopping wherever the engine wants to be called.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.wake.filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.event(Event::Tick);
        }
        self.now = end;
        self.event(Event::Tick);
    }

    pub(super) fn answer(&mut self, n: usize, outcome: Result<Delivered, NotifyError>) -> Notification {
        let Attempt { channel, ticket, notification } = self.open.remove(n);
        self.event(Event::Done { channel, ticket, outcome });
        notification
    }

    /// Answers every attempt with success until there is none, and gives what was said.
    pub(super) fn deliver_all(&mut self) -> Vec<(usize, Notification)> {
        let mut told = Vec::new();
        while let Some(attempt) = self.open.first() {
            let channel = attempt.channel;
            told.push((channel, self.answer(0, Ok(Delivered::default()))));
        }
        told
    }

    pub(super) fn record(&self, id: AlertId) -> AlertRecord {
        self.engine.record(id).expect("a record")
    }

    pub(super) fn outcome(&self, id: AlertId, channel: &str) -> DeliveryOutcome {
        let record = self.record(id);
        record.deliveries.into_iter().find(|d| d.channel == channel).expect("a delivery").outcome
    }

    /// `opened = delivered + failed + withdrawn + pending`.
    #[track_caller]
    pub(super) fn assert_ledger(&self) {
        let s = self.engine.stats();
        assert_eq!(s.opened, s.delivered + s.failed + s.withdrawn + s.pending, "{s:?}");
    }
}

pub(super) fn alert(service: &str, severity: Severity) -> Alert {
    Alert::new(AlertKind::SlaViolation, severity, format!("{service} is slow"), Timestamp::from_unix_secs(7))
        .label("service", service)
}

pub(super) fn resolved(service: &str) -> Alert {
    Alert { status: AlertStatus::Resolved, ..alert(service, Severity::Info) }
}

pub(super) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(super) fn down() -> Result<Delivered, NotifyError> {
    Err(NotifyError::transient("down"))
}
