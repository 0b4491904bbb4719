//! The router with its real tasks, in virtual time where time matters.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use trace_core::model::{
    Alert, AlertKind, AlertState, AlertStatus, DeliveryOutcome, HealthLevel, Severity, Timestamp,
};
use trace_core::signal::{AlertSink, Delivered, Notification, Notifier, NotifyError, Rejected};

use super::AlertRouter;
use crate::{AlertConfig, RecordFilter, RetryConfig};

enum Mood {
    Works,
    Hangs,
    Panics,
    FailsTimes(u32),
    Refuses,
}

struct Fake {
    name: &'static str,
    mood: Mutex<Mood>,
    heard: Mutex<Vec<Notification>>,
}

impl Fake {
    fn new(name: &'static str, mood: Mood) -> Arc<Self> {
        Arc::new(Self { name, mood: Mutex::new(mood), heard: Mutex::new(Vec::new()) })
    }

    fn heard(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

#[async_trait]
impl Notifier for Fake {
    fn name(&self) -> &str {
        self.name
    }

    async fn notify(&self, n: &Notification) -> Result<Delivered, NotifyError> {
        let hangs = match &mut *self.mood.lock().unwrap() {
            Mood::Works | Mood::FailsTimes(0) => false,
            Mood::Hangs => true,
            Mood::Panics => panic!("the notifier panics, as the test wants"),
            Mood::FailsTimes(n) => {
                *n -= 1;
                return Err(NotifyError::transient("down"));
            }
            Mood::Refuses => return Err(NotifyError::permanent("no_service")),
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        self.heard.lock().unwrap().push(n.clone());
        Ok(Delivered::default())
    }
}

fn alert(service: &str) -> Alert {
    Alert::new(AlertKind::SlaViolation, Severity::High, "slow", Timestamp::now()).label("service", service)
}

fn quick() -> AlertConfig {
    AlertConfig {
        group_wait: Duration::ZERO,
        group_interval: Duration::ZERO,
        attempt_timeout: Duration::from_millis(20),
        retry: RetryConfig {
            initial: Duration::from_millis(1),
            max_delay: Duration::from_millis(2),
            max_attempts: 3,
            ..RetryConfig::default()
        },
        ..AlertConfig::default()
    }
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_receiver_that_was_down_is_told_once() {
    let fake = Fake::new("c", Mood::FailsTimes(2));
    let router = AlertRouter::builder().channel(fake.clone()).config(quick()).start().unwrap();
    let id = router.raise(alert("a")).unwrap();
    for _ in 0..9 {
        router.raise(alert("a")).unwrap();
    }
    let report = router.shutdown(LONG).unwrap();
    assert_eq!((fake.heard(), report.accepted, report.delivered, report.suppressed), (1, 10, 1, 9));
    let record = router.record(id).unwrap();
    assert_eq!(record.occurrences, 10);
    assert!(matches!(record.deliveries[0].outcome, DeliveryOutcome::Delivered { attempts: 3, .. }));
}

#[test]
fn a_channel_that_hangs_or_panics_holds_no_other_and_ends_in_a_dead_letter() {
    let (hangs, panics) = (Fake::new("hangs", Mood::Hangs), Fake::new("panics", Mood::Panics));
    let works = Fake::new("works", Mood::Works);
    let builder = AlertRouter::builder().channel(hangs).channel(panics).channel(works.clone());
    let router = builder.config(quick()).start().unwrap();
    router.raise(alert("a")).unwrap();
    assert!(router.flush(LONG));
    assert_eq!(works.heard(), 1);
    let letters = router.dead_letters();
    assert_eq!(letters.len(), 2);
    let error = |name: &str| letters.iter().find(|l| l.channel == name).unwrap().error.clone();
    assert!(error("hangs").contains("no answer within 20 ms"), "{}", error("hangs"));
    assert!(error("panics").contains("panicked"));
    let health = router.health();
    assert_eq!((health.status, health.dropped), (HealthLevel::Degraded, 2));
    let lost = router.shutdown(LONG).unwrap_err();
    assert_eq!((lost.report.failed, lost.report.pending), (2, 0));
    assert_eq!(router.health().status, HealthLevel::Unhealthy);
}

#[test]
fn a_full_queue_is_a_value_and_is_counted() {
    let config = AlertConfig { queue_capacity: 2, ..quick() };
    // Not started: nothing takes alerts out of the queue.
    let (router, _driver) = AlertRouter::builder().config(config).parts().unwrap();
    router.raise(alert("a")).unwrap();
    router.raise(alert("b")).unwrap();
    assert_eq!(router.raise(alert("c")), Err(Rejected::QueueFull { capacity: 2 }));
    assert!(matches!(
        router.raise(Alert { message: String::new(), ..alert("d") }),
        Err(Rejected::Invalid(_))
    ));
    let stats = router.stats();
    assert_eq!((stats.accepted, stats.rejected, stats.queued), (2, 2, 2));
}

#[test]
fn after_the_end_alerts_are_refused_and_the_counts_stay() {
    let router = AlertRouter::builder().channel(Fake::new("c", Mood::Works)).config(quick()).start().unwrap();
    router.raise(alert("a")).unwrap();
    let report = router.shutdown(LONG).unwrap();
    assert_eq!(router.raise(alert("b")), Err(Rejected::Closed));
    let again = router.shutdown(LONG).unwrap();
    assert_eq!((again.delivered, again.rejected), (report.delivered, 1));
    assert!(!router.flush(Duration::from_millis(1)));
}

#[test]
fn a_shutdown_that_can_not_deliver_says_how_much_was_lost() {
    let patient = AlertConfig { attempt_timeout: LONG, ..quick() };
    let router = AlertRouter::builder().channel(Fake::new("c", Mood::Hangs)).config(patient).start().unwrap();
    router.raise(alert("a")).unwrap();
    let error = router.shutdown(Duration::from_millis(30)).unwrap_err();
    assert_eq!(error.report.pending, 1);
    assert!(error.to_string().contains("1 not delivered"), "{error}");
}

#[tokio::test]
async fn shutdown_and_drop_work_inside_of_a_runtime() {
    let fake = Fake::new("c", Mood::Works);
    let slow_group = AlertConfig { group_wait: Duration::from_secs(3600), ..quick() };
    let router = AlertRouter::builder().channel(fake.clone()).config(slow_group.clone()).start().unwrap();
    router.raise(alert("a")).unwrap();
    router.shutdown(LONG).unwrap();
    assert_eq!(fake.heard(), 1, "the group did not wait for its hour");
    let router = AlertRouter::builder().channel(fake.clone()).config(slow_group).start().unwrap();
    router.raise(alert("a")).unwrap();
    drop(router);
    assert_eq!(fake.heard(), 2);
}

#[test]
fn subscribers_see_changes_and_the_slow_lose_the_oldest() {
    let router = AlertRouter::builder().channel(Fake::new("c", Mood::Works)).config(quick()).start().unwrap();
    let mut changes = router.subscribe();
    let id = router.raise(alert("a")).unwrap();
    assert!(router.flush(LONG));
    let delivered = |r: &trace_core::model::AlertRecord| {
        matches!(r.deliveries[0].outcome, DeliveryOutcome::Delivered { .. })
    };
    let seen: Vec<_> = std::iter::from_fn(|| changes.try_recv().ok()).collect();
    assert!(!delivered(&seen[0]) && delivered(seen.last().unwrap()));
    assert_eq!(router.acknowledge(id).unwrap().state, AlertState::Acknowledged);
    assert_eq!(changes.try_recv().unwrap().state, AlertState::Acknowledged);
    for n in 0..1000 {
        router.raise(alert(&n.to_string())).unwrap();
    }
    assert!(router.flush(LONG));
    use tokio::sync::broadcast::error::TryRecvError;
    assert!(matches!(changes.try_recv(), Err(TryRecvError::Lagged(n)) if n > 700));
    assert_eq!(std::iter::from_fn(|| changes.try_recv().ok()).count(), 256);
}

#[test]
fn records_are_found_by_filter_newest_first() {
    let router = AlertRouter::builder().channel(Fake::new("c", Mood::Works)).config(quick()).start().unwrap();
    for n in 0..5 {
        router.raise(alert(&n.to_string())).unwrap();
    }
    router.raise(Alert { status: AlertStatus::Resolved, ..alert("2") }).unwrap();
    assert!(router.flush(LONG));
    let find = |filter: RecordFilter| -> Vec<String> {
        router.records(&filter).into_iter().map(|r| r.alert.labels["service"].clone()).collect()
    };
    assert_eq!(find(RecordFilter::default()), ["2", "4", "3", "1", "0"]);
    assert_eq!(find(RecordFilter { limit: 2, ..Default::default() }), ["2", "4"]);
    assert_eq!(find(RecordFilter { state: Some(AlertState::Resolved), ..Default::default() }), ["2"]);
    assert!(find(RecordFilter { severity: "low".parse().unwrap(), ..Default::default() }).is_empty());
    assert!(find(RecordFilter { since: Some(Timestamp::now() + LONG), ..Default::default() }).is_empty());
}

#[test]
fn without_a_recipient_alerts_are_kept_and_the_health_says_so() {
    let router = AlertRouter::builder()
        .channel_off("email", "no recipient: set alerting.notifications.email.toAddresses")
        .config(quick())
        .start()
        .unwrap();
    let id = router.raise(alert("a")).unwrap();
    assert!(router.flush(LONG));
    assert_eq!(router.record(id).unwrap().state, AlertState::Suppressed);
    let health = router.health();
    assert_eq!(health.status, HealthLevel::Degraded);
    let said: Vec<&str> = health.checks.iter().map(|c| c.message.as_str()).collect();
    assert!(said[0].starts_with("no recipient") && said[1].contains("toAddresses"), "{said:?}");
}

#[test]
fn a_permanent_refusal_degrades_the_health_with_its_reason() {
    let router =
        AlertRouter::builder().channel(Fake::new("c", Mood::Refuses)).config(quick()).start().unwrap();
    router.raise(alert("a")).unwrap();
    assert!(router.flush(LONG));
    let health = router.health();
    assert_eq!((health.status, health.last_error.as_deref()), (HealthLevel::Degraded, Some("no_service")));
}

#[tokio::test(start_paused = true)]
async fn in_virtual_time_a_hanging_channel_is_dropped_after_its_timeout_and_the_other_is_told_at_once() {
    let (hangs, works) = (Fake::new("hangs", Mood::Hangs), Fake::new("works", Mood::Works));
    let builder = AlertRouter::builder().channel(hangs).channel(works.clone());
    let (router, driver) = builder.parts().unwrap();
    let driver = tokio::spawn(driver.run());
    let id = router.raise(alert("a")).unwrap();
    let mut changes = router.subscribe();
    let start = tokio::time::Instant::now();
    let told_at = async |changes: &mut tokio::sync::broadcast::Receiver<_>, channel: &str, word: &str| {
        loop {
            let record: trace_core::model::AlertRecord = changes.recv().await.unwrap();
            let found = record.deliveries.iter().find(|d| d.channel == channel);
            if found.is_some_and(|d| format!("{:?}", d.outcome).contains(word)) {
                return start.elapsed();
            }
        }
    };
    let told = told_at(&mut changes, "works", "Delivered").await;
    assert!(told < Duration::from_secs(1), "{told:?}");
    let dropped = told_at(&mut changes, "hangs", "no answer within 15000 ms").await;
    assert!((Duration::from_secs(15)..Duration::from_secs(17)).contains(&dropped), "{dropped:?}");
    assert_eq!(router.record(id).unwrap().deliveries.len(), 2);
    driver.abort();
}
