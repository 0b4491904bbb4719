//! A period held against another: what got slower, fails more, is called more or less, is new or gone.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::OperationProfile;
use super::significance::{RateDifference, kolmogorov_smirnov, rate_difference, superiority};
use crate::model::{Quantiles, SpanKind, TimeRange, TraceIds};

/// Spans of an operation that have to be seen in both periods before anything is said about its durations.
pub const MIN_COMPARED: u64 = 30;
/// Chance at which two samples of the same distribution are called different.
const ALPHA: f64 = 0.001;
/// A shift smaller than this is real, perhaps, but nothing to act on.
const MIN_SHIFT: f64 = 0.1;
/// The chance that a call takes longer than one of the other period, from which on durations have moved.
const MIN_SUPERIORITY: f64 = 0.56;

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Not there before.
    New,
    /// Not there any more.
    Vanished,
    /// Slower, or fails more.
    Worse,
    /// Faster, or fails less, and nothing got worse.
    Better,
    /// Called more or less often, by half at least, and otherwise the same.
    Load,
    /// None of it, as far as the numbers can tell.
    Same,
    /// Too few spans to tell.
    Unknown,
}

/// The numbers of one operation in one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeriodNumbers {
    /// Spans seen.
    pub observed: u64,
    /// Spans a second, as many as those seen stand for.
    pub rate_per_sec: f64,
    /// Failures in percent, 0 to 100.
    pub error_rate_percent: f64,
    /// The mean duration, in milliseconds.
    pub avg_ms: f64,
    /// Percentiles of the duration, in milliseconds.
    pub duration_ms: Quantiles,
}

/// How the durations of two periods differ. Only for operations with at least [`MIN_COMPARED`] spans in both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LatencyChange {
    /// The largest distance of the two distributions, 0 to 1 (Kolmogorov and Smirnov).
    pub distance: f64,
    /// The chance of such a distance if nothing had changed.
    pub p_value: f64,
    /// The chance that a call of now takes longer than one of then: 0.5 if nothing has changed.
    pub superiority: f64,
    /// `100 * (now / then - 1)` of the median, the 95th and the 99th percentile.
    pub delta_percent: Quantiles,
    /// Whether it is both significant and large enough to matter.
    pub significant: bool,
}

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationChange {
    /// The service.
    pub service: String,
    /// The span's name.
    pub operation: String,
    /// The span's kind.
    pub kind: SpanKind,
    /// In short.
    pub change: ChangeKind,
    /// Milliseconds of work a second that came with the change: rate times mean of now minus that of then. Changes are
    /// sorted by its size.
    pub impact_ms_per_sec: f64,
    /// Now.
    pub current: PeriodNumbers,
    /// Then.
    pub baseline: PeriodNumbers,
    /// The durations.
    pub latency: Option<LatencyChange>,
    /// The failures, if any were seen in either period.
    pub errors: Option<RateDifference>,
    /// `100 * (now / then - 1)` of the rate, if there was one.
    pub throughput_percent: Option<f64>,
    /// Spans of now that show it: the slowest, and the slowest failed one.
    pub exemplars: Vec<TraceIds>,
}

/// Two periods, operation by operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Now.
    pub current: TimeRange,
    /// Then.
    pub baseline: TimeRange,
    /// What changed, what got worse first, then by impact; operations that stayed the same come last.
    pub operations: Vec<OperationChange>,
}

/// Holds the operations of a period against those of another, each as [`super::RedWindows::profiles`] gives them.
pub fn compare_periods(
    (current, now): (TimeRange, &[OperationProfile]),
    (baseline, then): (TimeRange, &[OperationProfile]),
) -> Comparison {
    type Key<'a> = (&'a str, &'a str, u8);
    fn key(p: &OperationProfile) -> Key<'_> {
        (&p.service, &p.operation, p.kind as u8)
    }
    let mut pairs: BTreeMap<Key<'_>, (Option<&OperationProfile>, Option<&OperationProfile>)> =
        BTreeMap::new();
    now.iter().for_each(|p| pairs.entry(key(p)).or_default().0 = Some(p));
    then.iter().for_each(|p| pairs.entry(key(p)).or_default().1 = Some(p));
    let mut operations: Vec<_> = pairs.into_values().filter_map(|(now, then)| change(now, then)).collect();
    operations.sort_by(|a, b| {
        let impact = |c: &OperationChange| c.impact_ms_per_sec.abs();
        rank(a.change).cmp(&rank(b.change)).then(impact(b).total_cmp(&impact(a)))
    });
    Comparison { current, baseline, operations }
}

fn rank(kind: ChangeKind) -> u8 {
    match kind {
        ChangeKind::Worse => 0,
        ChangeKind::New | ChangeKind::Vanished | ChangeKind::Better | ChangeKind::Load => 1,
        ChangeKind::Same | ChangeKind::Unknown => 2,
    }
}

fn numbers(p: &OperationProfile) -> PeriodNumbers {
    let weight = p.duration_ms.weight();
    let seconds = p.covered.duration().max(Duration::from_secs(1)).as_secs_f64();
    PeriodNumbers {
        observed: p.duration_ms.count(),
        rate_per_sec: weight / seconds,
        error_rate_percent: if weight > 0.0 { 100.0 * p.errors / weight } else { 0.0 },
        avg_ms: p.duration_ms.mean().unwrap_or(0.0),
        duration_ms: p.duration_ms.quantiles(),
    }
}

fn percent(now: f64, then: f64) -> f64 {
    if then > 0.0 { 100.0 * (now / then - 1.0) } else { 0.0 }
}

fn change(now: Option<&OperationProfile>, then: Option<&OperationProfile>) -> Option<OperationChange> {
    let named = now.or(then)?;
    let (current, baseline) = (now.map(numbers).unwrap_or_default(), then.map(numbers).unwrap_or_default());
    let both = now.zip(then);
    let latency = both.and_then(|(now, then)| latency(now, then));
    let errors = both.and_then(|(now, then)| {
        let seen = |p: &OperationProfile| (p.observed_errors, p.duration_ms.count());
        rate_difference(seen(now), seen(then))
    });
    let throughput_percent =
        (baseline.rate_per_sec > 0.0).then(|| percent(current.rate_per_sec, baseline.rate_per_sec));
    let change = match (now, then) {
        // A handful of spans may be missing by chance.
        (Some(p), None) if p.duration_ms.count() >= MIN_COMPARED => ChangeKind::New,
        (None, Some(p)) if p.duration_ms.count() >= MIN_COMPARED => ChangeKind::Vanished,
        (Some(_), Some(_)) => judge(latency, errors, throughput_percent),
        _ => ChangeKind::Unknown,
    };
    let work = |p: &PeriodNumbers| p.rate_per_sec * p.avg_ms;
    Some(OperationChange {
        service: named.service.clone(),
        operation: named.operation.clone(),
        kind: named.kind,
        change,
        impact_ms_per_sec: work(&current) - work(&baseline),
        current,
        baseline,
        latency,
        errors,
        throughput_percent,
        exemplars: now.into_iter().flat_map(|p| [p.slowest, p.slowest_error]).flatten().collect(),
    })
}

fn latency(now: &OperationProfile, then: &OperationProfile) -> Option<LatencyChange> {
    let (a, b) = (&now.duration_ms, &then.duration_ms);
    if a.count().min(b.count()) < MIN_COMPARED {
        return None;
    }
    let (distance, p_value) = kolmogorov_smirnov(a, b);
    let superiority = superiority(a, b);
    let (a, b) = (a.quantiles(), b.quantiles());
    let delta_percent =
        Quantiles { p50: percent(a.p50, b.p50), p95: percent(a.p95, b.p95), p99: percent(a.p99, b.p99) };
    let moved = (superiority - 0.5).abs() >= MIN_SUPERIORITY - 0.5
        && [delta_percent.p50, delta_percent.p95].iter().any(|d| d.abs() >= 100.0 * MIN_SHIFT);
    Some(LatencyChange {
        distance,
        p_value,
        superiority,
        delta_percent,
        significant: moved && p_value < ALPHA,
    })
}

fn judge(
    latency: Option<LatencyChange>,
    errors: Option<RateDifference>,
    throughput_percent: Option<f64>,
) -> ChangeKind {
    let moved = latency.filter(|l| l.significant);
    let slower = moved.is_some_and(|l| l.superiority > 0.5);
    let (fails_more, fails_less) =
        (errors.is_some_and(|e| e.low_percent > 0.0), errors.is_some_and(|e| e.high_percent < 0.0));
    if slower || fails_more {
        ChangeKind::Worse
    } else if moved.is_some() || fails_less {
        ChangeKind::Better
    } else if latency.is_none() {
        ChangeKind::Unknown
    } else if throughput_percent.is_some_and(|p| !(-33.3..50.0).contains(&p)) {
        ChangeKind::Load
    } else {
        ChangeKind::Same
    }
}

#[cfg(test)]
mod tests;
