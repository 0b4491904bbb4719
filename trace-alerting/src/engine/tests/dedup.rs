//! Duplicates, the window, escalation and acknowledgement.

use trace_core::model::{AlertState, AlertStatus, Severity};

use super::{Stage, alert, config, resolved, secs};
use crate::engine::Event;

#[test]
fn ten_duplicates_are_one_notification_and_are_counted() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    let first = stage.raise(alert("a", Severity::High));
    let mut last = first;
    for _ in 1..10 {
        stage.pass(secs(1));
        last = stage.raise(alert("a", Severity::High));
    }
    stage.deliver_all();
    let stats = stage.engine.stats();
    assert_eq!((stats.delivered, stats.suppressed, stats.pending), (1, 9, 0));
    let record = stage.record(first);
    assert_eq!((record.occurrences, record.last_raised_at), (10, stage.now));
    assert_eq!(stage.record(last), record, "a duplicate's id finds the record it counts in");
    stage.assert_ledger();
}

#[test]
fn after_the_window_the_alert_is_told_again() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    let id = stage.raise(alert("a", Severity::High));
    stage.deliver_all();
    stage.pass(secs(299));
    stage.raise(alert("a", Severity::High));
    assert!(stage.open.is_empty());
    stage.pass(secs(1));
    stage.raise(alert("a", Severity::High));
    assert_eq!(stage.deliver_all().len(), 1);
    assert_eq!(stage.record(id).occurrences, 1);
}

#[test]
fn a_rise_in_severity_passes_the_window_and_a_fall_does_not() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    let id = stage.raise(alert("a", Severity::Medium));
    stage.deliver_all();
    stage.raise(alert("a", Severity::Low));
    assert!(stage.open.is_empty());
    assert_eq!(stage.record(id).alert.severity, Severity::Medium);
    stage.raise(alert("a", Severity::Critical));
    let told = stage.deliver_all();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.severity, Severity::Critical);
}

#[test]
fn a_resolve_passes_the_window_once() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    let id = stage.raise(alert("a", Severity::High));
    stage.deliver_all();
    let over = stage.raise(resolved("a"));
    stage.raise(resolved("a"));
    let told = stage.deliver_all();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.status, AlertStatus::Resolved);
    assert_eq!(
        told[0].1.alerts[0].severity,
        Severity::High,
        "the resolve keeps the severity of what it ends"
    );
    assert_eq!(stage.record(id).state, AlertState::Resolved);
    assert_eq!(stage.record(over).alert.id, id);
}

#[test]
fn an_acknowledged_alert_is_not_told_again_but_its_end_is() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    let id = stage.raise(alert("a", Severity::High));
    stage.deliver_all();
    stage.event(Event::Acknowledge(id));
    assert_eq!(stage.record(id).state, AlertState::Acknowledged);
    stage.pass(secs(9999));
    stage.raise(alert("a", Severity::High));
    assert!(stage.open.is_empty());
    stage.raise(resolved("a"));
    assert_eq!(stage.deliver_all().len(), 1);
}

#[test]
fn a_resolve_of_the_unknown_tells_nobody_and_is_on_record() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    let id = stage.raise(resolved("a"));
    assert!(stage.open.is_empty());
    assert_eq!(stage.engine.stats().suppressed, 1);
    assert!(crate::explain(&stage.record(id)).contains("nobody was told that it fires"));
}
