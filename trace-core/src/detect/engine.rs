//! One turn of detection: windows and queued samples in, anomalies and alerts out.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use serde::Serialize;

use super::alert::alert_of;
use super::{DetectionConfig, Lifecycle, OwnedSample, SeriesName, Transition};
use crate::analyze::RedWindows;
use crate::model::{Alert, Anomaly, TenantId, TimeRange, Timestamp};
use crate::sample::tail::AnomalousTraces;
use crate::signal::{AlertSink, Detector, Rejected, VerdictState};
use crate::store::AnomalyLog;

/// What detection has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DetectionStats {
    /// Samples judged.
    pub judged: u64,
    /// Samples on which the detector panicked.
    pub failed: u64,
    /// Samples for which the queue had no room.
    pub dropped: u64,
    /// Windows that were given up because detection had fallen too far behind.
    pub skipped_windows: u64,
    /// Samples of series past the limit of [`super::LifecycleConfig::max_series`].
    pub unfollowed: u64,
    /// Anomalies opened.
    pub opened: u64,
    /// Anomalies that ended.
    pub resolved: u64,
    /// Alerts that the sink took.
    pub alerts_raised: u64,
    /// Alerts that the sink did not take, each attempt counted.
    pub alerts_rejected: u64,
    /// Alerts that the sink will not get: it was closed, or had no room for too long.
    pub alerts_lost: u64,
}

/// Alerts kept for another attempt at most.
const MAX_WAITING: usize = 256;
/// Windows that are made up for after a pause at most.
const MAX_BEHIND: u64 = 60;

pub(super) struct Engine {
    pub(super) detector: Box<dyn Detector>,
    pub(super) windows: Option<Arc<RedWindows>>,
    pub(super) log: Arc<AnomalyLog>,
    pub(super) sink: Option<Arc<dyn AlertSink>>,
    /// Where the traces that show an anomaly are marked.
    pub(super) marks: Option<AnomalousTraces>,
    pub(super) queue: Receiver<OwnedSample>,
    pub(super) lifecycle: Lifecycle,
    pub(super) config: DetectionConfig,
    /// The start of the first window that has not been closed.
    pub(super) next_window: Timestamp,
    /// Alerts that the sink had no room for, in order.
    pub(super) waiting: VecDeque<Alert>,
    pub(super) stats: DetectionStats,
    pub(super) last_panic: Option<Timestamp>,
}

impl Engine {
    pub(super) fn tick(&mut self, now: Timestamp) {
        while let Some(alert) = self.waiting.pop_front() {
            if !self.attempt(&alert) {
                self.waiting.push_front(alert);
                break;
            }
        }
        // A producer that never pauses must not keep the windows waiting.
        for _ in 0..self.config.queue {
            let Ok(sample) = self.queue.try_recv() else { break };
            self.judge(&sample, now);
        }
        self.close_windows(now);
        for ended in self.lifecycle.expire(now) {
            self.apply(ended, None);
        }
        self.stats.unfollowed = self.lifecycle.unfollowed();
    }

    fn close_windows(&mut self, now: Timestamp) {
        let (length, grace) = (self.config.window, self.config.grace);
        let Some(windows) = self.windows.clone() else { return };
        let behind = now.since(self.next_window + grace).as_nanos() / length.as_nanos().max(1);
        let skip = u64::try_from(behind).unwrap_or(u64::MAX).saturating_sub(MAX_BEHIND);
        if skip > 0 {
            self.stats.skipped_windows += skip;
            let skipped = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX).saturating_mul(skip);
            self.next_window = self.next_window + std::time::Duration::from_nanos(skipped);
        }
        while now >= self.next_window + length + grace {
            let range = TimeRange { start: self.next_window, end: self.next_window + length };
            for window in windows.window(range) {
                if window.observed >= self.config.min_events {
                    let rate = self.config.include_rate;
                    self.judge(&OwnedSample::of_window(window, range.end, length, rate), now);
                }
            }
            self.next_window = range.end;
        }
    }

    fn judge(&mut self, owned: &OwnedSample, now: Timestamp) {
        let series = owned.series();
        let sample = owned.as_sample(&series);
        let detector = &mut self.detector;
        // The detector's own state is its own affair after a panic; the contract asks it to go on.
        let verdict =
            catch_unwind(AssertUnwindSafe(|| (detector.observe(&sample), detector.name().to_owned())));
        let Ok((verdict, detector)) = verdict else {
            self.stats.failed += 1;
            self.last_panic = Some(now);
            return;
        };
        self.stats.judged += 1;
        if let (VerdictState::Anomalous, Some(marks), Some(exemplar)) =
            (verdict.state, &self.marks, owned.exemplar)
        {
            marks.mark(exemplar.trace_id);
        }
        let name = SeriesName { service: &owned.service, operation: &owned.operation };
        if let Some(transition) = self.lifecycle.observe(&sample, name, &detector, &verdict) {
            self.apply(transition, Some(name));
        }
    }

    /// Writes a transition down and tells of it. Without a name, that of the series is split at the first slash.
    fn apply(&mut self, transition: Transition, name: Option<SeriesName<'_>>) {
        let (anomaly, tell): (Anomaly, bool) = match transition {
            Transition::Opened(a) => {
                self.stats.opened += 1;
                (a, true)
            }
            Transition::Updated { anomaly, escalated } => (anomaly, escalated),
            Transition::Resolved(a) => {
                self.stats.resolved += 1;
                (a, true)
            }
        };
        let over = anomaly.state.is_resolved();
        let known = self.log.upsert(anomaly.clone());
        if tell && (over || !known.state.is_resolved()) {
            let (service, operation) = anomaly.series.split_once('/').unwrap_or(("", &anomaly.series));
            let alert = alert_of(&anomaly, name.unwrap_or(SeriesName { service, operation }));
            self.raise(alert);
        }
    }

    /// Hands an alert to the sink, behind those that wait: the end of an anomaly must not overtake its beginning.
    /// When too many wait, the latest of the tenant that has most of them is lost.
    fn raise(&mut self, alert: Alert) {
        if self.waiting.is_empty() && self.attempt(&alert) {
            return;
        }
        self.waiting.push_back(alert);
        if self.waiting.len() > MAX_WAITING {
            self.stats.alerts_lost += 1;
            let mut of: HashMap<&TenantId, usize> = HashMap::new();
            self.waiting.iter().for_each(|a| *of.entry(&a.tenant).or_default() += 1);
            let most = of.into_iter().max_by_key(|t| t.1).map(|t| t.0.clone());
            let last = self.waiting.iter().rposition(|a| Some(&a.tenant) == most.as_ref());
            last.map(|at| self.waiting.remove(at));
        }
    }

    /// Whether the alert is done with: taken, or never going to be.
    fn attempt(&mut self, alert: &Alert) -> bool {
        let Some(sink) = &self.sink else { return true };
        // A sink that panics has not taken the alert.
        let result = catch_unwind(AssertUnwindSafe(|| sink.raise(alert.clone())));
        match result {
            Ok(Ok(_)) => {
                self.stats.alerts_raised += 1;
                true
            }
            Ok(Err(Rejected::QueueFull { .. })) => {
                self.stats.alerts_rejected += 1;
                false
            }
            _ => {
                self.stats.alerts_rejected += 1;
                self.stats.alerts_lost += 1;
                true
            }
        }
    }
}
