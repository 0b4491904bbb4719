//! Whatever happens, in the end every channel believes what is true of everything it was ever told.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use trace_core::model::{AlertState, AlertStatus, Severity};
use trace_core::signal::{Delivered, Notification, NotifyError};

use super::{Stage, alert, resolved};
use crate::{AlertConfig, RecordFilter, RetryConfig, Route};

#[derive(Clone, Debug)]
enum Step {
    Raise(u8, Severity),
    Resolve(u8),
    Pass(u64),
    /// Which open attempt, and what happens to it.
    Answer(u8, Answer),
    Flush,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Taken,
    Refused,
    Limited,
    /// No answer; the channel took it or did not.
    Lost(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let severity = prop_oneof![Just(Severity::Low), Just(Severity::High), Just(Severity::Critical)];
    let answer = prop_oneof![
        3 => Just(Answer::Taken),
        2 => Just(Answer::Refused),
        1 => Just(Answer::Limited),
        2 => any::<bool>().prop_map(Answer::Lost),
    ];
    prop_oneof![
        4 => (0..4_u8, severity).prop_map(|(n, s)| Step::Raise(n, s)),
        3 => (0..4_u8).prop_map(Step::Resolve),
        3 => prop_oneof![0..2_000_u64, 0..700_000_u64].prop_map(Step::Pass),
        6 => (any::<u8>(), answer).prop_map(|(n, a)| Step::Answer(n, a)),
        1 => Just(Step::Flush),
    ]
}

/// What the receivers saw: by channel and service.
#[derive(Default)]
struct Receivers {
    belief: HashMap<(usize, String), AlertStatus>,
    /// A resolve arrived that ends nothing which the receiver knew of, with no lost attempt to excuse it.
    groundless: Vec<String>,
    lost: HashMap<(usize, String), bool>,
}

impl Receivers {
    fn take(&mut self, channel: usize, n: &Notification) {
        for alert in &n.alerts {
            let key = (channel, alert.labels["service"].clone());
            if alert.status == AlertStatus::Resolved
                && !self.belief.contains_key(&key)
                && !self.lost.contains_key(&key)
            {
                self.groundless.push(key.1.clone());
            }
            self.belief.insert(key, alert.status);
        }
    }

    fn lose(&mut self, channel: usize, n: &Notification) {
        for alert in &n.alerts {
            self.lost.insert((channel, alert.labels["service"].clone()), true);
        }
    }
}

/// The channels of a firing alert by its present severity: the routes of `play` in words.
fn wanted(stage: &Stage, service: &str) -> &'static [usize] {
    let filter = RecordFilter { state: Some(AlertState::Active), ..RecordFilter::default() };
    let records = stage.engine.records(&filter);
    match records.iter().find(|r| r.alert.labels["service"] == service).map(|r| r.alert.severity) {
        Some(Severity::Critical) => &[1, 2],
        Some(Severity::High) => &[0, 1],
        Some(_) => &[0],
        None => &[],
    }
}

fn play(
    steps: &[Step],
    group_by: &[&str],
    patience: u32,
) -> (Stage, Receivers, HashMap<String, AlertStatus>) {
    let config = AlertConfig {
        group_wait: Duration::from_millis(500),
        group_interval: Duration::from_secs(10),
        seed: Some(3),
        retry: RetryConfig {
            max_attempts: patience,
            max_age: Duration::from_secs(1 << 30),
            ..Default::default()
        },
        ..AlertConfig::default()
    };
    let routes = vec![
        Route::to(["pager", "mail"]).min_severity(Severity::Critical).group_by(group_by.iter().copied()),
        Route::to(["chat", "mail"]).min_severity(Severity::High).group_by(["service"]),
        Route::to(["chat"]).group_by(group_by.iter().copied()),
    ];
    let mut stage = Stage::new(&["chat", "mail", "pager"], config, routes);
    let (mut receivers, mut truth) = (Receivers::default(), HashMap::new());
    for step in steps {
        match step {
            Step::Raise(n, severity) => {
                stage.raise(alert(&n.to_string(), *severity));
                truth.insert(n.to_string(), AlertStatus::Firing);
            }
            Step::Resolve(n) => {
                stage.raise(resolved(&n.to_string()));
                truth.insert(n.to_string(), AlertStatus::Resolved);
            }
            Step::Pass(ms) => stage.pass(Duration::from_millis(*ms)),
            Step::Flush => stage.event(crate::engine::Event::Flush),
            Step::Answer(n, answer) if !stage.open.is_empty() => {
                let n = *n as usize % stage.open.len();
                let attempt = &stage.open[n];
                let (channel, said) = (attempt.channel, attempt.notification.clone());
                let outcome = match answer {
                    Answer::Taken => Ok(Delivered::default()),
                    Answer::Refused => Err(NotifyError::transient("refused")),
                    Answer::Limited => Err(NotifyError::Transient {
                        message: "429".into(),
                        retry_after: Some(Duration::from_secs(20)),
                    }),
                    Answer::Lost(_) => Err(NotifyError::unknown("lost")),
                };
                if matches!(answer, Answer::Taken | Answer::Lost(true)) {
                    receivers.take(channel, &said);
                }
                if matches!(answer, Answer::Lost(_)) {
                    receivers.lose(channel, &said);
                }
                stage.answer(n, outcome);
            }
            Step::Answer(..) => {}
        }
        stage.assert_ledger();
    }
    // Then all channels work, and time passes.
    for _ in 0..50 {
        stage.pass(Duration::from_secs(3600));
        for (channel, said) in stage.deliver_all() {
            receivers.take(channel, &said);
        }
    }
    stage.assert_ledger();
    (stage, receivers, truth)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_resolve_is_lost_and_none_is_groundless(
        steps in prop::collection::vec(step(), 0..80),
        coarse in any::<bool>(),
    ) {
        let group_by: &[&str] = if coarse { &["type"] } else { &["service"] };
        let (stage, receivers, truth) = play(&steps, group_by, u32::MAX);
        for ((channel, service), belief) in &receivers.belief {
            // A channel that the routes left hears the end of what it knew, and no new beginning.
            if truth[service] == AlertStatus::Resolved || wanted(&stage, service).contains(channel) {
                prop_assert_eq!(belief, &truth[service], "channel {} about {}", channel, service);
            }
        }
        prop_assert!(receivers.groundless.is_empty(), "{:?}", receivers.groundless);
        prop_assert_eq!(stage.engine.pending(), 0);
        // Every firing alert was told to somebody.
        for (service, status) in &truth {
            if *status == AlertStatus::Firing {
                prop_assert!(receivers.belief.keys().any(|(_, s)| s == service), "{} was told to nobody", service);
            }
        }
        let firing = truth.values().filter(|s| **s == AlertStatus::Firing).count() as u64;
        prop_assert_eq!(stage.engine.stats().live, firing, "what is over is forgotten");
    }

    #[test]
    fn impatient_engines_account_for_what_they_gave_up(steps in prop::collection::vec(step(), 0..80)) {
        let (stage, _, truth) = play(&steps, &["type"], 2);
        prop_assert_eq!(stage.engine.pending(), 0);
        let firing = truth.values().filter(|s| **s == AlertStatus::Firing).count() as u64;
        prop_assert_eq!(stage.engine.stats().live, firing);
        prop_assert_eq!(stage.engine.stats().failed as usize, stage.engine.dead_letters().len());
    }
}
