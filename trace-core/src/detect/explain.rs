//! Which feature moved, how far, how bad that is, and a sentence that says so.

use super::LifecycleConfig;
use crate::model::{AffectedMetric, AnomalyKind, Severity};
use crate::signal::{FeatureVerdict, Sample, Verdict};

/// The move of the feature that an anomaly is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deviation<'a> {
    pub(super) feature: &'a FeatureVerdict,
    /// Observed minus expected; the observed value itself if nothing is expected.
    pub(super) absolute: f64,
    /// In percent of the expected value, if that is known and not zero.
    pub(super) percent: Option<f64>,
}

fn is_time(name: &str) -> bool {
    name.ends_with("_ms")
}

fn is_error(name: &str) -> bool {
    name.contains("error")
}

fn percent_of(f: &FeatureVerdict) -> Option<f64> {
    let expected = f.expected.filter(|e| *e != 0.0)?;
    Some(100.0 * (f.observed - expected) / expected.abs())
}

/// The feature that moved enough to matter and contributes most; `None` if none did. See [`LifecycleConfig`].
pub(super) fn main_deviation<'a>(verdict: &'a Verdict, config: &LifecycleConfig) -> Option<Deviation<'a>> {
    let moved = verdict.features.iter().filter_map(|f| deviation(f, config));
    let main = moved.max_by(|a, b| a.feature.contribution.total_cmp(&b.feature.contribution))?;
    // The median says the same as the 95th percentile, and says it of most calls.
    if main.feature.name == "self_time_p95_ms"
        && let Some(f) = verdict.features.iter().find(|f| f.name == "self_time_ms")
        && let Some(median) = deviation(f, config)
    {
        return Some(median);
    }
    Some(main)
}

fn deviation<'a>(feature: &'a FeatureVerdict, config: &LifecycleConfig) -> Option<Deviation<'a>> {
    let name = feature.name;
    if !feature.observed.is_finite() {
        return None;
    }
    let Some(expected) = feature.expected else {
        let mostly_this = feature.contribution >= 0.5;
        return mostly_this.then_some(Deviation { feature, absolute: feature.observed, percent: None });
    };
    let absolute = feature.observed - expected;
    let percent = percent_of(feature);
    let floor = match name {
        n if is_time(n) => config.min_time_ms,
        n if n.ends_with("_percent") => config.min_percent_points,
        _ => 0.0,
    };
    // Faster and fewer errors are no anomaly.
    let amount = if is_time(name) || is_error(name) { absolute } else { absolute.abs() };
    let relative = percent.map_or(f64::INFINITY, f64::abs);
    (amount > 0.0 && amount >= floor && relative >= config.min_deviation_percent).then_some(Deviation {
        feature,
        absolute,
        percent,
    })
}

/// What kind of misbehaviour the main feature stands for.
pub(super) fn kind(d: &Deviation<'_>) -> AnomalyKind {
    match d.feature.name {
        n if is_error(n) => AnomalyKind::ErrorSpike,
        n if is_time(n) => AnomalyKind::PerformanceDegradation,
        n if n.starts_with("cpu") || n.starts_with("memory") => AnomalyKind::ResourceExhaustion,
        _ => AnomalyKind::UnusualPattern,
    }
}

/// How bad it is. Shares of failures are judged by points (10, 20, 50), everything else by its size against the
/// normal one (2, 3, 10 times). A confidence under 0.9 takes one step off.
pub(super) fn severity(d: &Deviation<'_>, confidence: f64) -> Severity {
    let (size, steps) = match d.percent {
        _ if is_error(d.feature.name) => (d.absolute, [10.0, 20.0, 50.0]),
        Some(percent) => (percent.abs(), [100.0, 200.0, 900.0]),
        None => return Severity::Medium,
    };
    let step = steps.iter().filter(|s| size >= **s).count() + 1;
    let step = if confidence < 0.9 { step.saturating_sub(1).max(1) } else { step };
    Severity::ALL.get(step).copied().unwrap_or(Severity::Critical)
}

/// All features as the anomaly lists them: the one that the reason tells of, then the order of the verdict.
pub(super) fn affected(verdict: &Verdict, main: &Deviation<'_>) -> Vec<AffectedMetric> {
    let one = |f: &FeatureVerdict| AffectedMetric {
        name: f.name.to_owned(),
        expected: f.expected,
        band: f.band,
        observed: f.observed,
        deviation_percent: percent_of(f),
        contribution: f.contribution,
    };
    let others = verdict.features.iter().filter(|f| f.observed.is_finite() && f.name != main.feature.name);
    std::iter::once(main.feature).chain(others).map(one).collect()
}

/// `` `agent.research` self time 340 ms, normally 42 to 51 ms (p95 352 ms); 24 calls in the window ``.
pub(super) fn reason(operation: &str, d: &Deviation<'_>, sample: &Sample<'_>) -> String {
    let name = d.feature.name;
    let (label, unit) = match name {
        "self_time_ms" => ("self time", " ms"),
        "self_time_p95_ms" => ("self time p95", " ms"),
        "error_rate_percent" => ("error rate", " %"),
        "rate_per_s" => ("rate", " calls/s"),
        other => (other, ""),
    };
    let mut text = format!("`{operation}` {label} {}{unit}", number(d.feature.observed));
    match (d.feature.band, d.feature.expected) {
        (Some((low, high)), _) => {
            let (low, high) = (number(low.max(0.0)), number(high));
            let band = if low == high { low } else { format!("{low} to {high}") };
            text.push_str(&format!(", normally {band}{unit}"));
        }
        (None, Some(expected)) => text.push_str(&format!(", normally {}{unit}", number(expected))),
        (None, None) => {}
    }
    let p95 = sample.features.iter().find(|f| name == "self_time_ms" && f.0 == "self_time_p95_ms");
    if let Some((_, p95)) = p95.filter(|f| f.1.is_finite()) {
        text.push_str(&format!(" (p95 {} ms)", number(*p95)));
    }
    let calls = if sample.events == 1 { "call" } else { "calls" };
    text.push_str(&format!("; {} {calls} in the window", sample.events));
    text
}

/// Three digits are enough for a person.
fn number(v: f64) -> String {
    let text = match v.abs() {
        a if a >= 10.0 => return format!("{v:.0}"),
        a if a >= 1.0 => format!("{v:.1}"),
        _ => format!("{v:.2}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::VerdictState;

    fn feature(
        name: &'static str,
        observed: f64,
        expected: Option<f64>,
        contribution: f64,
    ) -> FeatureVerdict {
        FeatureVerdict { name, observed, expected, band: None, contribution }
    }

    fn main_of(features: Vec<FeatureVerdict>) -> Option<(&'static str, Severity)> {
        let v = Verdict { state: VerdictState::Anomalous, score: 1.0, confidence: 0.95, features };
        let d = main_deviation(&v, &LifecycleConfig::default())?;
        Some((d.feature.name, severity(&d, 0.95)))
    }

    #[test]
    fn small_and_good_changes_do_not_matter() {
        assert_eq!(
            main_of(vec![feature("self_time_ms", 4.0, Some(1.0), 1.0)]),
            None,
            "3 ms are under the floor"
        );
        assert_eq!(
            main_of(vec![feature("self_time_ms", 140.0, Some(100.0), 1.0)]),
            None,
            "40 % are too little"
        );
        assert_eq!(main_of(vec![feature("self_time_ms", 1.0, Some(100.0), 1.0)]), None, "faster");
        assert_eq!(main_of(vec![feature("error_rate_percent", 4.0, Some(0.0), 1.0)]), None);
        assert_eq!(main_of(vec![feature("self_time_ms", f64::NAN, Some(1.0), 1.0)]), None);
    }

    #[test]
    fn the_main_feature_and_its_size_give_the_severity() {
        let slow = |x| {
            main_of(vec![
                feature("self_time_p95_ms", 100.0 * x, Some(100.0), 0.6),
                feature("self_time_ms", 50.0 * x, Some(50.0), 0.4),
            ])
        };
        assert_eq!(slow(1.6), Some(("self_time_ms", Severity::Low)));
        assert_eq!(slow(2.5), Some(("self_time_ms", Severity::Medium)));
        assert_eq!(slow(7.0), Some(("self_time_ms", Severity::High)));
        assert_eq!(slow(11.0), Some(("self_time_ms", Severity::Critical)));
        let errors = |p| main_of(vec![feature("error_rate_percent", p, Some(0.0), 1.0)]);
        assert_eq!(errors(25.0), Some(("error_rate_percent", Severity::High)));
        assert_eq!(errors(100.0), Some(("error_rate_percent", Severity::Critical)));
        assert_eq!(main_of(vec![feature("depth", 7.0, None, 0.9)]), Some(("depth", Severity::Medium)));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([340.4, 42.0, 5.0, 1.25, 0.5, 0.0].map(number), ["340", "42", "5", "1.2", "0.5", "0"]);
    }
}
