//! Remote sampling in virtual time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::*;
use crate::clock::Clock;
use crate::model::{SpanKind, Timestamp, TraceId};
use crate::sample::OtelTraceState;
use crate::signal::{Decision, Sampler, SamplingInput};

const MINUTE: Duration = Duration::from_secs(60);

/// Answers from a script, and notes when it was asked.
#[derive(Clone, Default)]
struct Script(Arc<Inner>);

#[derive(Default)]
struct Inner {
    answers: Mutex<VecDeque<(Duration, Result<&'static str, &'static str>)>>,
    asked: Mutex<Vec<Instant>>,
    under_way: AtomicUsize,
}

impl Script {
    fn then(&self, takes: Duration, answer: Result<&'static str, &'static str>) {
        self.0.answers.lock().unwrap().push_back((takes, answer));
    }
}

#[async_trait]
impl StrategySource for Script {
    async fn fetch(&self, service: &str) -> Result<Strategy, FetchError> {
        assert_eq!(service, "shop");
        assert_eq!(self.0.under_way.fetch_add(1, Ordering::SeqCst), 0, "one question at a time");
        self.0.asked.lock().unwrap().push(Instant::now());
        let (takes, answer) =
            self.0.answers.lock().unwrap().pop_front().unwrap_or((Duration::ZERO, Err("none")));
        let end = Defer(&self.0.under_way);
        sleep(takes).await;
        drop(end);
        Ok(Strategy::parse(answer.map_err(|e| FetchError(e.to_owned()))?.as_bytes())?)
    }
}

/// Also when the question is given up.
struct Defer<'a>(&'a AtomicUsize);

impl Drop for Defer<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn start(script: &Script, initial: f64) -> RemoteSampler {
    let config = RemoteConfig { initial_probability: initial, ..RemoteConfig::new("shop") };
    let (sampler, poller) = RemoteSampler::new(config).unwrap();
    tokio::spawn(poller.run(script.clone()));
    sampler
}

fn ask(sampler: &RemoteSampler, name: &str, id: u128) -> Decision {
    sampler.sample(&SamplingInput::new(TraceId::new(id).unwrap(), name, SpanKind::Server))
}

/// The share of traces that are sampled, of a hundred evenly spread ones.
fn percent(sampler: &RemoteSampler, name: &str) -> usize {
    let step = (1u128 << 56) / 100;
    (0..100).filter(|n| ask(sampler, name, 1 << 100 | (step * n + step / 2)).is_sampled()).count()
}

#[tokio::test(start_paused = true)]
async fn the_initial_probability_holds_until_the_first_answer_and_the_last_good_one_through_failures() {
    let script = Script::default();
    let slow = Duration::from_secs(5);
    script.then(slow, Ok(r#"{"probabilisticSampling":{"samplingRate":0.5}}"#));
    script.then(Duration::ZERO, Err("refused"));
    script.then(Duration::ZERO, Ok("nonsense"));
    script.then(MINUTE, Ok(r#"{"probabilisticSampling":{"samplingRate":1}}"#));
    script.then(Duration::ZERO, Ok(r#"{"probabilisticSampling":{"samplingRate":0.1}}"#));
    let sampler = start(&script, 0.25);
    sleep(slow / 2).await;
    assert_eq!((percent(&sampler, "op"), sampler.status().strategy), (25, None));
    until(&sampler, |s| s.polls == 1).await;
    assert_eq!((percent(&sampler, "op"), sampler.status().failures), (50, 0));
    for (failures, reason) in [(1, "refused"), (2, "not valid JSON"), (3, "no answer within 10s")] {
        until(&sampler, |s| s.failures == failures).await;
        let status = sampler.status();
        assert!(status.last_error.unwrap().contains(reason));
        assert_eq!((percent(&sampler, "op"), status.strategy), (50, Some(Strategy::Probabilistic(0.5))));
    }
    until(&sampler, |s| s.polls == 5).await;
    let status = sampler.status();
    assert_eq!((percent(&sampler, "op"), status.failures, status.last_error), (10, 0, None));
}

/// Lets time pass until it is so.
async fn until(sampler: &RemoteSampler, so: impl Fn(&RemoteStatus) -> bool) {
    for _ in 0..10_000 {
        if so(&sampler.status()) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came: {:?}", sampler.status());
}

#[tokio::test(start_paused = true)]
async fn questions_come_at_the_interval_and_sooner_after_failures() {
    let script = Script::default();
    let good = r#"{"probabilisticSampling":{"samplingRate":1}}"#;
    for answer in [Ok(good), Ok(good), Err("down"), Err("down"), Err("down"), Ok(good), Ok(good)] {
        script.then(Duration::ZERO, answer);
    }
    let _sampler = start(&script, 0.0);
    sleep(MINUTE * 6).await;
    let asked = script.0.asked.lock().unwrap().clone();
    let waits: Vec<f64> = asked.windows(2).map(|w| (w[1] - w[0]).as_secs_f64()).collect();
    for (wait, expected) in waits.iter().zip([60.0, 60.0, 1.0, 2.0, 4.0, 60.0]) {
        assert!((wait / expected - 1.0).abs() <= 0.101, "{waits:?}");
    }
    assert!(waits.len() >= 6);
}

#[tokio::test(start_paused = true)]
async fn polling_ends_with_the_sampler() {
    let script = Script::default();
    let (sampler, poller) = RemoteSampler::new(RemoteConfig::new("shop")).unwrap();
    let polling = tokio::spawn(poller.run(script.clone()));
    sleep(MINUTE * 3).await;
    drop(sampler);
    sleep(MINUTE * 2).await;
    assert!(polling.is_finished());
}

#[test]
fn operations_have_their_own_probability_and_a_lower_bound_each() {
    let (clock, time) = Clock::manual(Timestamp::from_unix_secs(1));
    let (sampler, _poller) = RemoteSampler::new(RemoteConfig { clock, ..RemoteConfig::new("shop") }).unwrap();
    let strategy = |default: f64| {
        let json = format!(
            r#"{{"operationSampling":{{"defaultSamplingProbability":{default},"defaultLowerBoundTracesPerSecond":2,
                "perOperationStrategies":[{{"operation":"often","probabilisticSampling":{{"samplingRate":0.5}}}}]}}}}"#
        );
        Strategy::parse(json.as_bytes()).map_err(|e| e.to_string())
    };
    sampler.0.learn(strategy(0.0));
    // Of ids that chance does not take, the lower bound lets two a second through, for each operation.
    let least = 1 << 100;
    for name in ["often", "rare", "other"] {
        let sampled: Vec<Decision> =
            (0..10).map(|_| ask(&sampler, name, least)).filter(Decision::is_sampled).collect();
        assert_eq!(sampled.len(), 2, "{name}");
        assert!(sampled.iter().all(|d| d.trace_state.is_none()), "the probability is unknown");
    }
    // A new strategy with the same lower bound does not refill it.
    sampler.0.learn(strategy(0.25));
    assert!(!ask(&sampler, "rare", least).is_sampled());
    assert_eq!((percent(&sampler, "often"), percent(&sampler, "rare")), (50, 25));
    let decision = ask(&sampler, "often", 1 << 100 | 0xffff << 40);
    assert_eq!(OtelTraceState::threshold_of(&decision.trace_state.unwrap()), "8".parse().ok());
    time.advance(Duration::from_secs(10));
    assert!(ask(&sampler, "rare", least).is_sampled());
    assert_eq!(sampler.description(), "JaegerRemoteSampler{operations=1}");
}

#[test]
fn names_without_end_are_bounded() {
    let (sampler, _poller) = RemoteSampler::new(RemoteConfig::new("shop")).unwrap();
    let all = PerOperation { default_probability: 1.0, lower_bound: 1.0, operations: Vec::new() };
    sampler.0.learn(Ok(Strategy::PerOperation(all)));
    assert!((0..5000).all(|n| ask(&sampler, &format!("op {n}"), 1 << 100).is_sampled()));
}

#[test]
fn a_rate_limit_is_not_refilled_by_the_same_answer() {
    let (clock, time) = Clock::manual(Timestamp::from_unix_secs(1));
    let (sampler, _poller) = RemoteSampler::new(RemoteConfig { clock, ..RemoteConfig::new("shop") }).unwrap();
    let answer = || sampler.0.learn(Ok(Strategy::RateLimiting(3.0)));
    answer();
    let take = || (0..10).filter(|_| ask(&sampler, "op", 1).is_sampled()).count();
    assert_eq!(take(), 3);
    answer();
    assert_eq!(take(), 0);
    time.advance(Duration::from_secs(1));
    assert_eq!(take(), 3);
}

#[test]
fn a_strategy_of_a_source_of_ones_own_is_checked_too() {
    let (sampler, _poller) = RemoteSampler::new(RemoteConfig::new("shop")).unwrap();
    let bad = OperationStrategy { operation: "op".to_owned(), probability: f64::NAN };
    let bad = PerOperation { operations: vec![bad], ..PerOperation::default() };
    for strategy in [Strategy::Probabilistic(1.5), Strategy::RateLimiting(-1.0), Strategy::PerOperation(bad)]
    {
        sampler.0.learn(Ok(strategy));
    }
    let status = sampler.status();
    assert_eq!((status.strategy, status.failures), (None, 3));
    assert!(status.last_error.unwrap().contains("samplingRate must be 0 to 1"));
}
