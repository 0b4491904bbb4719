//! Tests of the stage under virtual time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::analyze::{MeasureProcessor, RedConfig, RedWindows};
use crate::batch::SpanBatchMut;
use crate::model::*;
use crate::sample::tail::AnomalousTraces;
use crate::service::HealthCheck;
use crate::signal::*;
use crate::store::{AnomalyLog, TimeSource};

const START: u64 = 1_756_900_000_000;

fn clock() -> (Arc<AtomicU64>, TimeSource) {
    let now = Arc::new(AtomicU64::new(START));
    let read = now.clone();
    (now, Arc::new(move || Timestamp::from_unix_nanos(read.load(Relaxed) * 1_000_000)))
}

/// Anomalous is what lies 30 % over the median of all that was normal before.
#[derive(Default)]
struct OverMedian {
    past: HashMap<(String, &'static str), Vec<f64>>,
    panic_on: Option<&'static str>,
}

impl Detector for OverMedian {
    fn name(&self) -> &str {
        "over_median"
    }

    fn observe(&mut self, sample: &Sample<'_>) -> Verdict {
        if self.panic_on.is_some_and(|s| sample.series.contains(s)) {
            panic!("detector bug");
        }
        let mut features = Vec::new();
        let mut state = VerdictState::Normal;
        for &(name, observed) in sample.features {
            let past = self.past.entry((sample.series.to_owned(), name)).or_default();
            if past.len() < 10 {
                past.push(observed);
                state = VerdictState::Learning;
                continue;
            }
            past.sort_by(f64::total_cmp);
            let expected = past[past.len() / 2];
            if observed > 1.3 * expected && observed > 0.0 {
                state = VerdictState::Anomalous;
            } else {
                past.push(observed);
            }
            let band = Some((expected * 0.9, expected * 1.1));
            let contribution = if observed > expected { 0.5 } else { 0.0 };
            features.push(FeatureVerdict { name, observed, expected: Some(expected), band, contribution });
        }
        Verdict { state, score: 1.0, confidence: 0.99, features }
    }
}

#[derive(Default)]
struct Sink {
    alerts: Mutex<Vec<Alert>>,
    full: AtomicU64,
}

impl AlertSink for Sink {
    fn raise(&self, alert: Alert) -> Result<AlertId, Rejected> {
        // Room comes free just after a firing alert was refused.
        if alert.status == AlertStatus::Firing && self.full.load(Relaxed) > 0 {
            self.full.fetch_sub(1, Relaxed);
            return Err(Rejected::QueueFull { capacity: 1 });
        }
        let id = alert.id;
        self.alerts.lock().unwrap().push(alert);
        Ok(id)
    }
}

/// A workflow of a root, a serial agent step and two parallel ones, every 100 ms.
struct Simulation {
    now: Arc<AtomicU64>,
    measure: MeasureProcessor,
    stage: DetectionStage,
    sink: Arc<Sink>,
    marks: AnomalousTraces,
    next_id: u64,
}

impl Simulation {
    fn new(detector: OverMedian) -> Self {
        let (now, clock) = clock();
        let windows = Arc::new(RedWindows::new(RedConfig { clock: clock.clone(), ..Default::default() }));
        let (sink, marks) = (Arc::new(Sink::default()), AnomalousTraces::default());
        let stage = DetectionStage::builder(Box::new(detector))
            .windows(windows.clone())
            .alert_sink(sink.clone())
            .mark_traces(marks.clone())
            .clock(clock)
            .build();
        Self { now, measure: MeasureProcessor::new(windows), stage, sink, marks, next_id: 1 }
    }

    fn run(&mut self, seconds: u64, research_ms: u64, failing: bool) {
        for _ in 0..seconds * 10 {
            let end = self.now.fetch_add(100, Relaxed) + 100;
            self.workflow(end, research_ms, failing);
            self.stage.tick();
        }
    }

    fn workflow(&mut self, end: u64, research_ms: u64, failing: bool) {
        let trace = TraceId::new(u128::from(self.next_id)).unwrap();
        let wobble = self.next_id * 7 % 5;
        let root_id = self.next_id;
        let mut span = |name: &'static str, parent: u64, from: u64, to: u64| {
            let context = SpanContext::new(trace, SpanId::new(self.next_id).unwrap(), TraceFlags::SAMPLED);
            self.next_id += 1;
            let at = |before: u64| Timestamp::from_unix_nanos((end - before) * 1_000_000);
            let mut s = SpanData::new(context, name, at(from), at(to));
            s.parent_span_id = SpanId::new(parent);
            s
        };
        let research = research_ms + wobble;
        let root = span("workflow", 0, research + 40, 0);
        let write = span("agent.write", root_id, research + 20, research);
        let mut slow = span("agent.research", root_id, research + 10, 10);
        let side = span("agent.review", root_id, 35, 10);
        if failing {
            slow.status = Status::Error("no sources".into());
        }
        let mut batch = SpanBatchMut::new(Arc::new(Resource::service("agents")));
        batch.extend([write, slow, side, root]);
        self.measure.process(&mut batch);
    }

    fn anomalies(&self) -> Vec<Anomaly> {
        let all = TimeRange { start: Timestamp::default(), end: Timestamp::from_unix_nanos(u64::MAX) };
        self.stage.anomaly_log().query(&TenantId::default(), SeverityFilter::default(), all, true)
    }
}

#[test]
fn a_slow_down_is_one_anomaly_of_the_culprit_and_resolves() {
    let mut sim = Simulation::new(OverMedian::default());
    sim.run(60, 45, false);
    assert_eq!(sim.anomalies(), []);
    sim.run(20, 340, false);
    let [anomaly] = &sim.anomalies()[..] else { panic!("{:?}", sim.anomalies()) };
    assert_eq!(anomaly.series, "agents/agent.research");
    assert_eq!((anomaly.state, anomaly.kind), (AnomalyState::Open, AnomalyKind::PerformanceDegradation));
    assert_eq!(anomaly.severity, Severity::High);
    assert!(anomaly.exemplar.is_some());
    let delay = anomaly.detected_at.since(Timestamp::from_unix_nanos((START + 60_000) * 1_000_000));
    assert!(delay <= Duration::from_secs(4), "{delay:?}");
    assert!(anomaly.reason.starts_with("`agent.research` self time 34"), "{}", anomaly.reason);
    assert!(anomaly.reason.ends_with("; 10 calls in the window"), "{}", anomaly.reason);

    sim.run(20, 45, false);
    let all = sim.anomalies();
    assert_eq!(all.len(), 1);
    assert!(all[0].state.is_resolved() && all[0].window.duration() >= Duration::from_secs(19), "{all:?}");
    let alerts = sim.sink.alerts.lock().unwrap();
    let told: Vec<_> = alerts.iter().map(|a| (a.status, a.labels["operation"].as_str())).collect();
    assert_eq!(told, [(AlertStatus::Firing, "agent.research"), (AlertStatus::Resolved, "agent.research")]);
    assert_eq!(alerts[0].fingerprint(), alerts[1].fingerprint());
    assert_eq!((alerts[0].anomaly, &alerts[0].message), (Some(all[0].id), &alerts[0].annotations["reason"]));
    assert!(alerts[0].value.unwrap() > alerts[0].threshold.unwrap());
    let stats = sim.stage.stats();
    assert_eq!((stats.opened, stats.resolved, stats.alerts_raised, stats.failed), (1, 1, 2, 0));
}

#[test]
fn failures_are_an_error_spike() {
    let mut sim = Simulation::new(OverMedian::default());
    sim.run(30, 45, false);
    sim.run(10, 45, true);
    let [anomaly] = &sim.anomalies()[..] else { panic!("{:?}", sim.anomalies()) };
    assert_eq!((anomaly.kind, anomaly.severity), (AnomalyKind::ErrorSpike, Severity::Critical));
    assert_eq!(anomaly.reason, "`agent.research` error rate 100 %, normally 0 %; 10 calls in the window");
}

#[test]
fn a_panicking_detector_is_counted_and_harms_no_other_series() {
    let mut sim = Simulation::new(OverMedian { panic_on: Some("agent.write"), ..Default::default() });
    sim.run(60, 45, false);
    sim.run(20, 340, false);
    let stats = sim.stage.stats();
    assert!(stats.failed >= 77 && stats.judged == 3 * stats.failed, "{stats:?}");
    assert_eq!(sim.anomalies().len(), 1);
    let health = sim.stage.check();
    assert_eq!(health.status, HealthLevel::Degraded);
    assert_eq!(health.dropped, stats.failed);
}

fn sample(n: u64) -> OwnedSample {
    OwnedSample {
        tenant: TenantId::default(),
        service: "s".into(),
        operation: "o".into(),
        time: Timestamp::from_unix_secs(n),
        window: Duration::from_secs(1),
        features: vec![("queue_depth", 1.0)],
        events: 1,
        exemplar: None,
    }
}

#[test]
fn a_full_queue_drops_and_counts() {
    let config = DetectionConfig { queue: 4, ..Default::default() };
    let stage =
        DetectionStage::builder(Box::new(OverMedian::default())).clock(clock().1).config(config).build();
    let taken = (0..10).filter(|n| stage.offer(sample(*n))).count();
    stage.tick();
    let stats = stage.stats();
    assert_eq!((taken, stats.judged, stats.dropped), (4, 4, 6));
    assert_eq!((stage.check().status, stage.check().dropped), (HealthLevel::Degraded, 6));
}

#[test]
fn a_full_sink_gets_the_alerts_later_in_order() {
    let mut sim = Simulation::new(OverMedian::default());
    sim.run(30, 45, false);
    sim.sink.full.store(200, Relaxed);
    sim.run(5, 340, false);
    sim.run(30, 45, false);
    let alerts = sim.sink.alerts.lock().unwrap();
    let told: Vec<_> = alerts.iter().map(|a| a.status).collect();
    assert_eq!(told, [AlertStatus::Firing, AlertStatus::Resolved]);
    let stats = sim.stage.stats();
    assert_eq!((stats.alerts_raised, stats.alerts_rejected, stats.alerts_lost), (2, 200, 0));
}

#[test]
fn after_a_long_pause_only_the_latest_windows_are_judged() {
    let mut sim = Simulation::new(OverMedian::default());
    sim.run(10, 45, false);
    sim.now.fetch_add(500_000, Relaxed);
    sim.run(10, 45, false);
    let stats = sim.stage.stats();
    assert!((430..=450).contains(&stats.skipped_windows), "{stats:?}");
}

#[test]
fn what_a_person_resolved_is_not_told_again_until_it_is_over() {
    let mut sim = Simulation::new(OverMedian::default());
    sim.run(30, 45, false);
    sim.run(5, 120, false);
    let id = sim.anomalies()[0].id;
    sim.stage.anomaly_log().resolve(&TenantId::default(), id, Timestamp::from_unix_secs(START / 1000 + 35));
    sim.run(5, 900, false);
    assert_eq!(sim.sink.alerts.lock().unwrap().len(), 1, "the rise in severity is not told");
    sim.run(10, 45, false);
    assert_eq!(sim.sink.alerts.lock().unwrap().last().unwrap().status, AlertStatus::Resolved);
    assert_eq!(sim.anomalies().len(), 1);
}

#[test]
fn a_stage_without_turns_says_that_it_is_stuck() {
    let (now, clock) = clock();
    let stage = DetectionStage::builder(Box::new(OverMedian::default())).clock(clock).build();
    assert_eq!(stage.check().status, HealthLevel::Healthy);
    now.fetch_add(11_000, Relaxed);
    assert_eq!(stage.check().status, HealthLevel::Unhealthy);
}

#[test]
fn the_thread_takes_a_last_turn_when_it_ends() {
    let log = Arc::new(AnomalyLog::default());
    let stage = DetectionStage::builder(Box::new(OverMedian::default()))
        .clock(clock().1)
        .anomaly_log(log)
        .start()
        .unwrap();
    assert!(stage.offer(sample(1)));
    stage.shutdown();
    assert_eq!(stage.stats().judged, 1);
    assert!(stage.offer(sample(2)), "offering stays harmless");
}

#[test]
fn traces_that_show_an_anomaly_are_marked_and_others_are_not() {
    let mut s = Simulation::new(OverMedian::default());
    s.run(30, 100, false);
    let normal = s.next_id;
    s.run(10, 400, false);
    let marked = |ids: std::ops::Range<u64>| {
        ids.filter(|id| TraceId::new(u128::from(*id)).is_some_and(|t| s.marks.contains(t))).count()
    };
    assert_eq!(marked(1..normal), 0);
    assert!(marked(normal..s.next_id) >= 5, "one of each window");
}
