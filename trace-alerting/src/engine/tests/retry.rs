//! Failures, back-off and dead letters.

use std::time::Duration;

use trace_core::model::{DeliveryOutcome, Severity};
use trace_core::signal::{Delivered, NotifyError};

use super::{Stage, alert, config, down, resolved, secs};
use crate::engine::Event;
use crate::{AlertConfig, RetryConfig};

#[test]
fn a_failed_attempt_is_repeated_with_the_same_key_within_the_back_off() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    let id = stage.raise(alert("a", Severity::High));
    let mut keys = Vec::new();
    for n in 1..=4_u64 {
        keys.push(stage.answer(0, down()).idempotency_key);
        let DeliveryOutcome::Pending { attempts, last_error } = stage.outcome(id, "c") else { panic!() };
        assert_eq!((u64::from(attempts), last_error.as_deref()), (n, Some("down")));
        let ceiling = secs(1 << (n - 1));
        assert!(stage.wake.expect("a timer").since(stage.now) <= ceiling);
        stage.pass(ceiling);
        assert_eq!(stage.open.len(), 1, "attempt {}", n + 1);
    }
    keys.push(stage.answer(0, Ok(Delivered::default())).idempotency_key);
    assert!(keys.iter().all(|k| *k == keys[0]), "{keys:?}");
    assert_eq!(stage.outcome(id, "c"), DeliveryOutcome::Delivered { at: stage.now, attempts: 5 });
    stage.assert_ledger();
}

#[test]
fn a_receiver_that_was_down_gets_the_notification_once() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    stage.raise(alert("a", Severity::High));
    stage.answer(0, down());
    stage.pass(secs(1));
    stage.answer(0, down());
    for _ in 0..5 {
        stage.raise(alert("a", Severity::High));
    }
    stage.pass(secs(2));
    assert_eq!(stage.deliver_all().len(), 1);
    stage.pass(secs(100));
    assert!(stage.open.is_empty());
    assert_eq!(stage.engine.stats().delivered, 1);
}

#[test]
fn after_the_last_attempt_there_is_a_dead_letter() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    let id = stage.raise(alert("a", Severity::High));
    for _ in 0..5 {
        stage.answer(0, down());
        stage.pass(secs(400));
    }
    assert!(stage.open.is_empty());
    let DeliveryOutcome::Failed { attempts, error, .. } = stage.outcome(id, "c") else { panic!() };
    assert_eq!(attempts, 5);
    assert!(error.starts_with("given up after 5 attempts") && error.ends_with("down"), "{error}");
    let letter = stage.engine.dead_letters().next().unwrap();
    assert_eq!((letter.channel.as_str(), letter.alerts, letter.message.as_str()), ("c", 1, "a is slow"));
    // The window passes, the alert is still there: a new try.
    stage.raise(alert("a", Severity::High));
    assert_eq!(stage.deliver_all().len(), 1);
    stage.assert_ledger();
}

#[test]
fn an_old_notification_is_given_up_whatever_its_attempts() {
    let retry = RetryConfig { max_age: secs(60), max_attempts: 1000, ..RetryConfig::default() };
    let mut stage = Stage::new(&["c"], AlertConfig { retry, ..config() }, vec![]);
    stage.raise(alert("a", Severity::High));
    stage.pass(secs(61));
    stage.answer(0, down());
    assert_eq!(stage.engine.stats().failed, 1);
}

#[test]
fn a_permanent_error_is_not_repeated() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    let id = stage.raise(alert("a", Severity::High));
    stage.answer(0, Err(NotifyError::permanent("no_service")));
    stage.pass(secs(9999));
    assert!(stage.open.is_empty());
    assert!(matches!(stage.outcome(id, "c"), DeliveryOutcome::Failed { attempts: 1, .. }));
}

#[test]
fn retry_after_silences_the_whole_channel_and_no_other() {
    let mut stage = Stage::new(&["c", "d"], config(), vec![]);
    stage.raise(alert("a", Severity::High));
    let limited = Err(NotifyError::Transient { message: "429".into(), retry_after: Some(secs(30)) });
    assert_eq!(stage.open[0].channel, 0);
    stage.answer(0, limited);
    stage.answer(0, Ok(Delivered::default()));
    stage.raise(alert("b", Severity::Critical));
    assert_eq!(stage.deliver_all().into_iter().map(|(c, _)| c).collect::<Vec<_>>(), [1]);
    stage.pass(Duration::from_millis(29_999));
    assert!(stage.open.is_empty());
    stage.event(Event::Flush);
    assert!(stage.open.is_empty(), "a flush does not break the channel's wish");
    stage.pass(Duration::from_millis(1));
    let told = stage.deliver_all();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].1.severity, Severity::Critical, "the worst first");
}

#[test]
fn a_wish_of_days_ends_after_an_hour() {
    let mut stage = Stage::new(&["c"], config(), vec![]);
    stage.raise(alert("a", Severity::High));
    let limited = NotifyError::Transient { message: "429".into(), retry_after: Some(secs(86_400)) };
    stage.answer(0, Err(limited));
    stage.pass(secs(3600));
    assert_eq!(stage.deliver_all().len(), 1);
}

#[test]
fn a_flush_cuts_the_back_off_short() {
    let retry = RetryConfig { initial: secs(300), ..RetryConfig::default() };
    let mut stage = Stage::new(&["c"], AlertConfig { retry, ..config() }, vec![]);
    stage.raise(alert("a", Severity::High));
    stage.answer(0, down());
    assert!(stage.open.is_empty());
    stage.event(Event::Flush);
    assert_eq!(stage.deliver_all().len(), 1);
}

#[test]
fn one_silent_channel_holds_no_other() {
    let mut stage = Stage::new(&["hangs", "works"], config(), vec![]);
    for n in 0..20 {
        stage.raise(alert(&n.to_string(), Severity::High));
        let works = stage.open.iter().position(|a| a.channel == 1).expect("the other channel goes on");
        stage.answer(works, Ok(Delivered::default()));
    }
    let stats = stage.engine.stats();
    assert_eq!((stats.channels[0].pending, stats.channels[1].delivered), (20, 20));
}

#[test]
fn a_worse_alert_cuts_the_back_off_of_its_group_short() {
    let retry = RetryConfig { initial: secs(300), ..RetryConfig::default() };
    let mut stage = Stage::new(&["c"], AlertConfig { retry, ..config() }, vec![]);
    stage.raise(alert("a", Severity::Low));
    stage.answer(0, down());
    stage.raise(alert("a", Severity::Critical));
    assert_eq!(stage.open.len(), 1);
    stage.answer(0, down());
    stage.raise(resolved("a"));
    assert!(stage.open.is_empty(), "it was never told, so its end is no news");
    assert_eq!(stage.engine.stats().withdrawn, 1);
    stage.assert_ledger();
}
