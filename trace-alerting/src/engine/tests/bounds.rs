//! Nothing grows without end.

use trace_core::model::{AlertState, AlertStatus, Severity};

use super::{Stage, alert, config, resolved, secs};
use crate::AlertConfig;

#[test]
fn ten_thousand_alerts_that_never_end_fit_in_the_tables() {
    let small = AlertConfig { max_alerts: 100, records_capacity: 50, outbox_capacity: 20, ..config() };
    let mut stage = Stage::new(&["c"], small, vec![]);
    for n in 0..10_000 {
        stage.raise(alert(&n.to_string(), Severity::High));
        stage.deliver_all();
    }
    let engine = &stage.engine;
    assert!(engine.table.len() <= 100, "{}", engine.table.len());
    assert!(engine.cells.len() <= 200 && engine.cell_ids.len() == engine.cells.len());
    assert!(engine.timers.len() <= 200 && engine.live.len() == engine.table.len());
    assert_eq!(engine.stats().delivered, 10_000);
    assert!(engine.stats().evicted >= 9_900);
    let all = crate::RecordFilter { limit: usize::MAX, ..Default::default() };
    assert!(engine.records(&all).len() <= 150);
}

#[test]
fn a_dead_channel_keeps_the_most_severe_and_gives_up_the_rest() {
    let small = AlertConfig { outbox_capacity: 10, ..config() };
    let mut stage = Stage::new(&["c"], small, vec![]);
    for n in 0..100 {
        let severity = if n % 20 == 0 { Severity::Critical } else { Severity::Low };
        stage.raise(alert(&n.to_string(), severity));
    }
    let stats = stage.engine.stats();
    assert_eq!((stats.pending, stats.failed), (10, 90));
    let told = stage.deliver_all();
    assert_eq!(told.iter().filter(|(_, n)| n.severity == Severity::Critical).count(), 5);
    assert_eq!(stage.engine.dead_letters().len(), 90);
    stage.assert_ledger();
}

#[test]
fn resolves_are_not_given_up_for_want_of_space() {
    let small = AlertConfig { outbox_capacity: 10, ..config() };
    let mut stage = Stage::new(&["c"], small, vec![]);
    for n in 0..50 {
        stage.raise(alert(&n.to_string(), Severity::Low));
        stage.deliver_all();
    }
    for n in 0..50 {
        stage.raise(resolved(&n.to_string()));
    }
    for n in 50..100 {
        stage.raise(alert(&n.to_string(), Severity::Critical));
    }
    let told = stage.deliver_all();
    assert_eq!(told.iter().filter(|(_, n)| n.status == AlertStatus::Resolved).count(), 50);
    let stats = stage.engine.stats();
    assert_eq!((stats.failed, stats.live), (50, 50), "news gave way; every end was told and forgotten");
}

#[test]
fn a_table_full_of_undelivered_alerts_refuses_new_ones_and_still_takes_resolves() {
    let small = AlertConfig { max_alerts: 10, ..config() };
    let mut stage = Stage::new(&["c"], small, vec![]);
    for n in 0..10 {
        stage.raise(alert(&n.to_string(), Severity::Low));
    }
    let id = stage.raise(alert("late", Severity::Critical));
    assert_eq!(stage.record(id).state, AlertState::Suppressed);
    assert_eq!(stage.engine.stats().overflowed, 1);
    stage.raise(resolved("0"));
    stage.raise(resolved("5"));
    assert_eq!(stage.engine.table.len(), 9, "5 was not told; 0 is on its way");
}

#[test]
fn a_big_group_is_told_in_parts() {
    let one = crate::Route::to(["*"]).group_by(["type"]);
    let mut stage = Stage::new(&["c"], config(), vec![one]);
    for n in 0..250 {
        stage.raise(alert(&format!("{n:03}"), Severity::High));
    }
    let told = stage.deliver_all();
    assert!(told.iter().all(|(_, n)| n.alerts.len() <= 100));
    let mut services: Vec<String> =
        told.iter().flat_map(|(_, n)| n.alerts.iter().map(|a| a.labels["service"].clone())).collect();
    services.sort_unstable();
    services.dedup();
    assert_eq!(services.len(), 250);
}

#[test]
fn an_idle_group_is_forgotten_after_its_interval() {
    let slow = AlertConfig { group_interval: secs(60), ..config() };
    let mut stage = Stage::new(&["c"], slow, vec![]);
    stage.raise(alert("a", Severity::High));
    stage.deliver_all();
    stage.pass(secs(60));
    stage.raise(resolved("a"));
    stage.deliver_all();
    assert_eq!(stage.engine.cells.len(), 1);
    stage.pass(secs(60));
    assert!(stage.engine.cells.is_empty() && stage.engine.timers.is_empty());
}
