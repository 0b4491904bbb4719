//! When a series of verdicts is an anomaly, and when it is over.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::explain::{Deviation, affected, kind, main_deviation, reason, severity};
use crate::model::{Anomaly, AnomalyId, AnomalyState, TenantId, TimeRange, Timestamp};
use crate::signal::{Sample, Verdict, VerdictState};

/// When a series of verdicts is an anomaly.
///
/// A window counts as bad if the detector calls it anomalous and some feature is off by enough to matter: at least
/// `min_deviation_percent` of the normal value, and at least the floor of its unit. Times and errors count only
/// upwards. A feature without a known normal value counts if it makes half of the score.
#[derive(Clone, Debug, PartialEq)]
pub struct LifecycleConfig {
    /// Bad windows that open an anomaly.
    pub open_after: usize,
    /// Out of this many latest windows.
    pub out_of: usize,
    /// Windows in a row that are not bad and end it.
    pub resolve_after: u32,
    /// The least relative move.
    pub min_deviation_percent: f64,
    /// The least move of a feature in milliseconds (`*_ms`).
    pub min_time_ms: f64,
    /// The least move of a feature in percent (`*_percent`), in points.
    pub min_percent_points: f64,
    /// A silence that ends an anomaly, and after which a series is forgotten.
    pub stale_after: Duration,
    /// Series followed at most, of all tenants. When there is no room, a tenant that has less than its share takes the
    /// place of a quiet series of the one that has most; else the series is counted and not followed.
    pub max_series: usize,
}

impl Default for LifecycleConfig {
    fn default() -> Self {
        Self {
            open_after: 2,
            out_of: 3,
            resolve_after: 5,
            min_deviation_percent: 50.0,
            min_time_ms: 5.0,
            min_percent_points: 5.0,
            stale_after: Duration::from_secs(60),
            max_series: 10_000,
        }
    }
}

/// The parts of a series' name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesName<'a> {
    /// The service.
    pub service: &'a str,
    /// The operation.
    pub operation: &'a str,
}

/// What a window changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Transition {
    /// An anomaly begins.
    Opened(Anomaly),
    /// It goes on.
    Updated {
        /// As it now stands.
        anomaly: Anomaly,
        /// Whether it is worse than it was.
        escalated: bool,
    },
    /// It is over.
    Resolved(Anomaly),
}

#[derive(Debug)]
struct State {
    /// The starts of bad windows; `None` for the others.
    recent: VecDeque<Option<Timestamp>>,
    last_seen: Timestamp,
    calm: u32,
    open: Option<Anomaly>,
    /// The size of the move that the open anomaly's reason tells of.
    told: f64,
}

/// Follows every series from verdict to verdict. Knows no clock and no other part of the system.
#[derive(Debug)]
pub struct Lifecycle {
    config: LifecycleConfig,
    /// By tenant and name; no tenant is empty.
    series: HashMap<TenantId, HashMap<String, State>>,
    unfollowed: u64,
}

impl Lifecycle {
    /// Follows nothing yet.
    pub fn new(config: LifecycleConfig) -> Self {
        Self { config, series: HashMap::new(), unfollowed: 0 }
    }

    /// Samples of series for which there was no room.
    pub fn unfollowed(&self) -> u64 {
        self.unfollowed
    }

    /// Takes the verdict on a sample. Samples of a series come in time order.
    pub fn observe(
        &mut self,
        sample: &Sample<'_>,
        name: SeriesName<'_>,
        detector: &str,
        verdict: &Verdict,
    ) -> Option<Transition> {
        let known = self.series.get(sample.tenant).is_some_and(|of| of.contains_key(sample.series));
        if !known {
            if !self.has_room(sample.tenant) {
                self.unfollowed += 1;
                return None;
            }
            let fresh =
                State { recent: VecDeque::new(), last_seen: sample.time, calm: 0, open: None, told: 0.0 };
            let of = self.series.entry(sample.tenant.clone()).or_default();
            of.insert(sample.series.to_owned(), fresh);
        }
        let state = self.series.get_mut(sample.tenant)?.get_mut(sample.series)?;
        let config = &self.config;
        state.last_seen = sample.time;
        let bad =
            (verdict.state == VerdictState::Anomalous).then(|| main_deviation(verdict, config)).flatten();
        state.recent.push_back(bad.map(|_| sample.time - sample.window));
        while state.recent.len() > config.out_of.max(1) {
            state.recent.pop_front();
        }
        match (bad, state.open.is_some()) {
            (Some(d), false) => {
                let first = state.recent.iter().flatten().min().copied()?;
                if state.recent.iter().flatten().count() < config.open_after {
                    return None;
                }
                let anomaly = open(sample, name, detector, verdict, &d, first);
                (state.calm, state.told) = (0, size(&d));
                state.open = Some(anomaly.clone());
                Some(Transition::Opened(anomaly))
            }
            (Some(d), true) => {
                state.calm = 0;
                let anomaly = state.open.as_mut()?;
                let escalated = update(anomaly, sample, name, verdict, &d, &mut state.told);
                Some(Transition::Updated { anomaly: anomaly.clone(), escalated })
            }
            (None, true) => {
                state.calm += 1;
                (state.calm >= config.resolve_after).then(|| resolve(state, sample.time)).flatten()
            }
            (None, false) => None,
        }
    }

    /// Whether one more series of this tenant can be followed. May forget a quiet one of another.
    fn has_room(&mut self, tenant: &TenantId) -> bool {
        let len = |of: &HashMap<String, State>| of.len();
        if self.series.values().map(len).sum::<usize>() < self.config.max_series {
            return true;
        }
        let own = self.series.get(tenant).map_or(0, len);
        let Some(most) = self.series.values_mut().max_by_key(|of| of.len()) else { return false };
        // Another place must not make the poor richer than the rich.
        if most.len() <= own + 1 {
            return false;
        }
        let quiet = most.iter().filter(|(_, s)| s.open.is_none()).min_by_key(|(_, s)| s.last_seen);
        let Some(quiet) = quiet.map(|(name, _)| name.clone()) else { return false };
        most.remove(&quiet).is_some()
    }

    /// Ends the anomalies of series that have been silent for too long, and forgets those series.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Transition> {
        let mut ended = Vec::new();
        let limit = self.config.stale_after;
        self.series.retain(|_, of| {
            of.retain(|_, state| {
                let keep = now.since(state.last_seen) <= limit;
                if !keep {
                    ended.extend(resolve(state, now));
                }
                keep
            });
            !of.is_empty()
        });
        ended
    }
}

fn open(
    sample: &Sample<'_>,
    name: SeriesName<'_>,
    detector: &str,
    verdict: &Verdict,
    d: &Deviation<'_>,
    first: Timestamp,
) -> Anomaly {
    Anomaly {
        id: AnomalyId(uuid::Uuid::new_v4()),
        tenant: sample.tenant.clone(),
        detected_at: sample.time,
        window: TimeRange { start: first, end: sample.time },
        kind: kind(d),
        severity: severity(d, verdict.confidence),
        score: verdict.score,
        confidence: verdict.confidence,
        detector: detector.to_owned(),
        series: sample.series.to_owned(),
        affected: affected(verdict, d),
        reason: reason(name.operation, d, sample),
        exemplar: sample.exemplar,
        state: AnomalyState::Open,
    }
}

/// Extends an anomaly by one window. Score, confidence and severity are the highest so far; reason, features and
/// exemplar are those of the largest move so far. Returns whether the severity rose.
fn update(
    anomaly: &mut Anomaly,
    sample: &Sample<'_>,
    name: SeriesName<'_>,
    verdict: &Verdict,
    d: &Deviation<'_>,
    told: &mut f64,
) -> bool {
    anomaly.window.end = sample.time;
    anomaly.score = anomaly.score.max(verdict.score);
    anomaly.confidence = anomaly.confidence.max(verdict.confidence);
    if size(d) > *told {
        *told = size(d);
        anomaly.kind = kind(d);
        anomaly.affected = affected(verdict, d);
        anomaly.reason = reason(name.operation, d, sample);
        anomaly.exemplar = sample.exemplar.or(anomaly.exemplar);
    }
    let now = severity(d, verdict.confidence);
    let escalated = now > anomaly.severity;
    anomaly.severity = anomaly.severity.max(now);
    escalated
}

fn size(d: &Deviation<'_>) -> f64 {
    d.percent.unwrap_or(d.absolute).abs()
}

fn resolve(state: &mut State, at: Timestamp) -> Option<Transition> {
    let mut anomaly = state.open.take()?;
    anomaly.state = AnomalyState::Resolved { at };
    state.recent.clear();
    (state.calm, state.told) = (0, 0.0);
    Some(Transition::Resolved(anomaly))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AnomalyKind, Severity, TenantId};
    use crate::signal::FeatureVerdict;

    struct Series {
        lifecycle: Lifecycle,
        second: u64,
    }

    impl Series {
        fn new() -> Self {
            Self { lifecycle: Lifecycle::new(LifecycleConfig::default()), second: 1_756_900_000 }
        }

        fn see(&mut self, ms: f64, anomalous: bool) -> Option<Transition> {
            self.second += 1;
            self.see_of(&TenantId::default(), "s/agent.research", ms, anomalous)
        }

        fn see_of(
            &mut self,
            tenant: &TenantId,
            series: &str,
            ms: f64,
            anomalous: bool,
        ) -> Option<Transition> {
            let features = [("self_time_ms", ms), ("self_time_p95_ms", ms + 12.0)];
            let sample = Sample {
                tenant,
                series,
                time: Timestamp::from_unix_secs(self.second),
                window: Duration::from_secs(1),
                features: &features,
                events: 24,
                exemplar: None,
            };
            let feature = FeatureVerdict {
                name: "self_time_ms",
                observed: ms,
                expected: Some(46.0),
                band: Some((42.0, 51.0)),
                contribution: 1.0,
            };
            let state = if anomalous { VerdictState::Anomalous } else { VerdictState::Normal };
            let verdict = Verdict { state, score: ms, confidence: 0.95, features: vec![feature] };
            let name = SeriesName { service: "s", operation: "agent.research" };
            self.lifecycle.observe(&sample, name, "test", &verdict)
        }
    }

    #[test]
    fn one_bad_window_is_no_anomaly_and_two_of_three_are() {
        let mut s = Series::new();
        assert_eq!(s.see(340.0, true), None);
        assert_eq!(s.see(46.0, false), None);
        let Some(Transition::Opened(a)) = s.see(340.0, true) else { panic!("not opened") };
        assert_eq!((a.kind, a.severity), (AnomalyKind::PerformanceDegradation, Severity::High));
        assert_eq!(a.window.duration(), Duration::from_secs(3));
        assert_eq!(
            a.reason,
            "`agent.research` self time 340 ms, normally 42 to 51 ms (p95 352 ms); 24 calls in the window"
        );
    }

    #[test]
    fn an_anomalous_verdict_on_a_small_move_opens_nothing() {
        let mut s = Series::new();
        assert!((0..10).all(|_| s.see(60.0, true).is_none()));
    }

    #[test]
    fn it_goes_on_gets_worse_and_ends_after_five_calm_windows() {
        let mut s = Series::new();
        s.see(100.0, true);
        let Some(Transition::Opened(opened)) = s.see(100.0, true) else { panic!("not opened") };
        let Some(Transition::Updated { anomaly, escalated: true }) = s.see(600.0, true) else {
            panic!("not worse")
        };
        assert_eq!((anomaly.id, anomaly.severity), (opened.id, Severity::Critical));
        assert!(matches!(s.see(100.0, true), Some(Transition::Updated { escalated: false, anomaly })
            if anomaly.severity == Severity::Critical && anomaly.reason.contains("600 ms")));
        for _ in 0..4 {
            assert_eq!(s.see(46.0, false), None);
        }
        let Some(Transition::Resolved(ended)) = s.see(46.0, false) else { panic!("not resolved") };
        assert_eq!((ended.id, ended.state.is_resolved()), (opened.id, true));
        assert_eq!(s.see(100.0, true), None, "a new one needs two windows again");
    }

    #[test]
    fn silence_ends_an_anomaly_and_room_is_bounded() {
        let mut s = Series::new();
        s.see(340.0, true);
        s.see(340.0, true);
        let at = |s: &Series, more| Timestamp::from_unix_secs(s.second + more);
        assert!(s.lifecycle.expire(at(&s, 60)).is_empty());
        assert!(matches!(s.lifecycle.expire(at(&s, 61))[..], [Transition::Resolved(_)]));
        assert!(s.lifecycle.series.is_empty());
        s.lifecycle.config.max_series = 0;
        assert_eq!((s.see(340.0, true), s.lifecycle.unfollowed()), (None, 1));
    }
    #[test]
    fn tenants_with_series_of_the_same_name_have_anomalies_of_their_own() {
        let mut s = Series::new();
        let (a, b) = (TenantId::new("a").unwrap(), TenantId::new("b").unwrap());
        assert_eq!(s.see_of(&a, "s/o", 340.0, true), None);
        assert_eq!(s.see_of(&b, "s/o", 340.0, true), None, "one bad window of each is no anomaly");
        let Some(Transition::Opened(of_b)) = s.see_of(&b, "s/o", 340.0, true) else { panic!("not opened") };
        assert_eq!(of_b.tenant, b);
        assert_eq!(s.see_of(&a, "s/o", 46.0, false), None);
    }

    #[test]
    fn a_tenant_with_many_series_leaves_room_for_another() {
        let mut s = Series::new();
        s.lifecycle.config.max_series = 10;
        let (noisy, quiet) = (TenantId::new("noisy").unwrap(), TenantId::new("quiet").unwrap());
        for n in 0..100 {
            s.see_of(&noisy, &format!("s/{n}"), 46.0, false);
        }
        assert_eq!(s.lifecycle.unfollowed(), 90);
        for n in 0..10 {
            s.see_of(&quiet, &format!("s/{n}"), 46.0, false);
        }
        let of = |t: &TenantId| s.lifecycle.series[t].len();
        assert_eq!((of(&noisy), of(&quiet), s.lifecycle.unfollowed()), (5, 5, 95));
    }
}
