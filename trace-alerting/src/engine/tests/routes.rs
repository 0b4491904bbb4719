//! Routes and groups.

use std::time::Duration;

use trace_core::model::{AlertState, AlertStatus, Severity};

use super::{Stage, alert, config, resolved, secs};
use crate::engine::Engine;
use crate::{AlertConfig, Route};

fn waiting() -> AlertConfig {
    AlertConfig { group_wait: Duration::from_millis(500), group_interval: secs(10), ..config() }
}

#[test]
fn alerts_of_a_group_are_told_together_and_the_next_after_the_interval() {
    let all = Route::to(["*"]).group_by(["type"]);
    let mut stage = Stage::new(&["c"], waiting(), vec![all]);
    stage.raise(alert("a", Severity::High));
    stage.raise(alert("b", Severity::High));
    assert!(stage.open.is_empty());
    stage.pass(Duration::from_millis(500));
    let told = stage.deliver_all();
    assert_eq!((told.len(), told[0].1.alerts.len()), (1, 2));
    assert_eq!(told[0].1.group_labels["type"], "sla_violation");
    stage.raise(alert("d", Severity::High));
    stage.pass(Duration::from_millis(9_999));
    assert!(stage.open.is_empty());
    stage.pass(Duration::from_millis(1));
    let told = stage.deliver_all();
    assert_eq!((told.len(), told[0].1.alerts.len()), (1, 3), "the group with its new member");
}

#[test]
fn something_worse_does_not_wait_for_the_interval() {
    let all = Route::to(["*"]).group_by(["type"]);
    let mut stage = Stage::new(&["c"], waiting(), vec![all]);
    stage.raise(alert("a", Severity::Medium));
    stage.pass(secs(1));
    stage.deliver_all();
    stage.raise(alert("b", Severity::Critical));
    stage.pass(Duration::from_millis(500));
    let told = stage.deliver_all();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1.alerts[0].severity, Severity::Critical, "the worst first");
}

#[test]
fn a_group_is_firing_until_its_last_alert_is_over() {
    let all = Route::to(["*"]).group_by(["type"]);
    let mut stage = Stage::new(&["c"], config(), vec![all]);
    stage.raise(alert("a", Severity::High));
    stage.raise(alert("b", Severity::High));
    stage.deliver_all();
    stage.raise(resolved("a"));
    let told = stage.deliver_all();
    assert_eq!(told[0].1.status, AlertStatus::Firing);
    let states: Vec<AlertStatus> = told[0].1.alerts.iter().map(|a| a.status).collect();
    assert_eq!(states, [AlertStatus::Firing, AlertStatus::Resolved]);
    stage.raise(resolved("b"));
    let told = stage.deliver_all();
    assert_eq!((told[0].1.status, told[0].1.alerts.len()), (AlertStatus::Resolved, 1));
}

#[test]
fn a_channel_that_two_routes_name_is_told_once() {
    let both = vec![Route::to(["c", "d"]).and_continue(), Route::to(["d", "e"])];
    let mut stage = Stage::new(&["c", "d", "e"], config(), both);
    stage.raise(alert("a", Severity::High));
    let mut channels: Vec<usize> = stage.deliver_all().into_iter().map(|(c, _)| c).collect();
    channels.sort_unstable();
    assert_eq!(channels, [0, 1, 2]);
}

#[test]
fn an_escalation_reaches_further_channels_and_the_resolve_reaches_all_of_them() {
    let routes = vec![Route::to(["pager"]).min_severity(Severity::Critical), Route::to(["chat"])];
    let mut stage = Stage::new(&["chat", "pager"], config(), routes);
    stage.raise(alert("a", Severity::Medium));
    assert_eq!(stage.deliver_all().into_iter().map(|(c, _)| c).collect::<Vec<_>>(), [0]);
    stage.raise(alert("a", Severity::Critical));
    assert_eq!(stage.deliver_all().into_iter().map(|(c, _)| c).collect::<Vec<_>>(), [1]);
    stage.raise(resolved("a"));
    let mut told: Vec<usize> = stage.deliver_all().into_iter().map(|(c, _)| c).collect();
    told.sort_unstable();
    assert_eq!(told, [0, 1], "chat was told first and is not on the route any more");
    stage.assert_ledger();
}

#[test]
fn an_alert_without_a_channel_is_on_record_with_the_reason() {
    let nobody = Route::to(Vec::<String>::new());
    let mut stage = Stage::new(&["c"], config(), vec![nobody]);
    let id = stage.raise(alert("a", Severity::High));
    assert!(stage.open.is_empty());
    assert_eq!(stage.record(id).state, AlertState::Suppressed);
    assert!(crate::explain(&stage.record(id)).contains("no route sends it to a channel"));
}

#[test]
fn a_channel_that_is_off_is_on_record_with_the_reason() {
    let off = vec![("email".to_owned(), "no recipient".to_owned())];
    let mut stage = Stage::new(&["c"], config(), vec![]);
    stage.engine = Engine::new(config(), vec!["c".into()], off, vec![], Route::to(["*"])).unwrap();
    let id = stage.raise(alert("a", Severity::High));
    assert_eq!(stage.deliver_all().len(), 1);
    assert!(crate::explain(&stage.record(id)).contains("email: not told: the channel is off: no recipient"));
}

#[test]
fn two_channels_of_one_name_are_refused() {
    let channels = vec!["c".to_owned(), "c".to_owned()];
    assert!(Engine::new(config(), channels, vec![], vec![], Route::to(["*"])).is_err());
}
