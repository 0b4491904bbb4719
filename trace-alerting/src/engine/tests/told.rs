//! What each channel was told decides what it is owed.

use trace_core::model::{AlertState, AlertStatus, DeliveryOutcome, Severity};
use trace_core::signal::{Delivered, NotifyError};

use super::{Stage, alert, config, down, resolved, secs};
use crate::AlertConfig;

#[test]
fn a_resolve_goes_only_to_those_that_were_told() {
    let mut stage = Stage::new(&["told", "down"], config(), vec![]);
    let id = stage.raise(alert("a", Severity::High));
    stage.answer(0, Ok(Delivered::default()));
    stage.answer(0, down());
    stage.raise(resolved("a"));
    let told = stage.deliver_all();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].0, told[0].1.status), (0, AlertStatus::Resolved));
    stage.pass(secs(9999));
    assert!(stage.open.is_empty());
    let DeliveryOutcome::Suppressed { reason } = stage.outcome(id, "down") else { panic!() };
    assert!(reason.contains("over before this channel was told"), "{reason}");
    assert_eq!(stage.engine.stats().live, 0, "nothing is kept of it but the record");
    stage.assert_ledger();
}

#[test]
fn a_resolve_that_comes_while_the_firing_is_on_its_way_follows_it() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    let id = stage.raise(alert("a", Severity::High));
    stage.raise(resolved("a"));
    assert_eq!(stage.engine.stats().live, 1);
    let first = stage.answer(0, Ok(Delivered::default()));
    assert_eq!(first.status, AlertStatus::Firing);
    let second = stage.answer(0, Ok(Delivered::default()));
    assert_eq!(second.status, AlertStatus::Resolved);
    assert_ne!(first.idempotency_key, second.idempotency_key);
    assert!(matches!(stage.outcome(id, "c"), DeliveryOutcome::Delivered { .. }));
    assert_eq!(stage.engine.stats().live, 0);
}

#[test]
fn an_attempt_without_an_answer_counts_as_told() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    stage.raise(alert("a", Severity::High));
    stage.answer(0, Err(NotifyError::unknown("timeout")));
    stage.raise(resolved("a"));
    stage.pass(secs(1));
    let told = stage.deliver_all();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.status, AlertStatus::Resolved);
}

#[test]
fn a_resolve_survives_a_channel_that_is_down_for_hours() {
    let retry = crate::RetryConfig { max_attempts: 1000, max_age: secs(86_400), ..Default::default() };
    let mut stage = Stage::new(&["c"], AlertConfig { retry, ..config() }, vec![]);
    stage.raise(alert("a", Severity::High));
    stage.deliver_all();
    stage.raise(resolved("a"));
    for _ in 0..50 {
        stage.answer(0, down());
        stage.pass(secs(300));
    }
    let told = stage.deliver_all();
    assert_eq!((told.len(), told[0].1.status), (1, AlertStatus::Resolved));
}

#[test]
fn flapping_faster_than_the_interval_tells_nothing_new() {
    let slow = AlertConfig { group_interval: secs(60), ..config() };
    let mut stage = Stage::new(&["c"], slow, vec![]);
    let id = stage.raise(alert("a", Severity::High));
    stage.deliver_all();
    for _ in 0..10 {
        stage.pass(secs(1));
        stage.raise(resolved("a"));
        stage.pass(secs(1));
        stage.raise(alert("a", Severity::High));
    }
    stage.pass(secs(200));
    assert!(stage.open.is_empty(), "the channel believes that it fires, and it does");
    assert_eq!(stage.record(id).state, AlertState::Active);
    stage.raise(resolved("a"));
    stage.pass(secs(60));
    assert_eq!(stage.deliver_all().len(), 1);
    stage.assert_ledger();
}

#[test]
fn an_alert_that_comes_back_while_its_end_is_told_is_told_again() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    stage.raise(alert("a", Severity::High));
    stage.deliver_all();
    stage.raise(resolved("a"));
    stage.raise(alert("a", Severity::High));
    let states: Vec<AlertStatus> = stage.deliver_all().into_iter().map(|(_, n)| n.status).collect();
    assert_eq!(states, [AlertStatus::Resolved, AlertStatus::Firing]);
}

#[test]
fn an_alert_that_comes_back_after_its_end_is_a_new_record() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    let first = stage.raise(alert("a", Severity::High));
    stage.deliver_all();
    stage.raise(resolved("a"));
    stage.deliver_all();
    let second = stage.raise(alert("a", Severity::High));
    assert_eq!(stage.deliver_all().len(), 1);
    assert_eq!(stage.record(first).state, AlertState::Resolved);
    assert_eq!(stage.record(second).state, AlertState::Active);
    let newest = stage.engine.records(&crate::RecordFilter::default());
    assert_eq!(newest.iter().map(|r| r.alert.id).collect::<Vec<_>>(), [second, first]);
}

#[test]
fn an_alert_that_comes_back_worse_is_told_at_once() {
    let slow = AlertConfig { group_interval: secs(60), ..config() };
    let mut stage = Stage::new(&["c"], slow, vec![]);
    stage.raise(alert("a", Severity::Medium));
    stage.deliver_all();
    stage.raise(resolved("a"));
    stage.raise(alert("a", Severity::Critical));
    let told = stage.deliver_all();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].1.status, told[0].1.severity), (AlertStatus::Firing, Severity::Critical));
}
