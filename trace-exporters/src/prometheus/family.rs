//! Metrics grouped into families: one name, one type, one group of lines.

use std::collections::HashMap;

use trace_core::metric::{LiveMetric, LiveMetrics, Shape};
use trace_core::model::Temporality;

use super::label::Naming;
use super::name::Kind;
use super::report::{Conflict, DropReason, Report};

/// The family of resource attributes; no metric may use its name.
pub(crate) const TARGET_INFO: &str = "target_info";

pub(crate) struct Family<'a> {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The word for the unit that the name ends with, before `_total`.
    pub(crate) unit: Option<String>,
    /// The first description; a metric without one is explained by its OpenTelemetry name.
    pub(crate) help: &'a str,
    pub(crate) members: Vec<&'a LiveMetric<'a>>,
}

impl Family<'_> {
    /// The name without `_total`: what OpenMetrics calls a family of counters.
    pub(super) fn stem(&self) -> &str {
        match self.kind {
            Kind::Counter => without_total(&self.name).unwrap_or(&self.name),
            _ => &self.name,
        }
    }
}

/// Families in the order of their first metric. In OpenMetrics (`open`) a family of counters takes its name without
/// `_total`, too.
pub(crate) fn families<'a>(
    live: &'a LiveMetrics<'_>,
    naming: Naming,
    open: bool,
    report: &mut Report,
) -> Vec<Family<'a>> {
    let mut families: Vec<Family<'a>> = Vec::new();
    // Every name that a line can begin with, and its family; the name of a family with lines under other names too.
    let mut names: HashMap<String, Option<usize>> = HashMap::from([(TARGET_INFO.to_owned(), None)]);
    if open {
        names.insert("target".to_owned(), None);
    }
    for metric in live.metrics.iter().filter(|m| m.series_count() > 0) {
        let kind = match kind(metric) {
            Ok(kind) => kind,
            Err(reason) => {
                report.drop(metric.name(), metric.series_count(), reason);
                continue;
            }
        };
        let (name, unit) = naming.metric(metric.name(), metric.unit(), kind);
        let lines = line_names(&name, kind, open);
        match lines.iter().find_map(|n| names.get(n).copied()) {
            None => {
                names.extend(lines.into_iter().map(|n| (n, Some(families.len()))));
                families.push(Family { name, kind, unit, help: help(metric), members: vec![metric] });
            }
            Some(Some(at)) if families[at].name == name && families[at].kind.as_str() == kind.as_str() => {
                join(&mut families[at], metric, unit, report);
            }
            Some(at) => {
                let first = at.map_or("gauge", |at| families[at].kind.as_str());
                let reason = DropReason::TypeConflict { name, first };
                report.drop(metric.name(), metric.series_count(), reason);
            }
        }
    }
    families
}

fn join<'a>(family: &mut Family<'a>, metric: &'a LiveMetric<'a>, unit: Option<String>, report: &mut Report) {
    let described = family.members.iter().any(|m| !m.description().is_empty());
    let mut conflict = |about, shown: &str, other: &str| {
        let (family, shown, other) = (family.name.clone(), shown.to_owned(), other.to_owned());
        report.conflicts.push(Conflict { family, about, shown, other });
    };
    if !metric.description().is_empty() {
        if !described {
            family.help = metric.description();
        } else if family.help != metric.description() {
            conflict("HELP", family.help, metric.description());
        }
    }
    if family.unit != unit {
        conflict("UNIT", family.unit.as_deref().unwrap_or(""), unit.as_deref().unwrap_or(""));
    }
    family.members.push(metric);
}

fn help<'a>(metric: &'a LiveMetric<'_>) -> &'a str {
    if metric.description().is_empty() { metric.name() } else { metric.description() }
}

fn kind(metric: &LiveMetric<'_>) -> Result<Kind, DropReason> {
    if metric.temporality() == Temporality::Delta {
        return Err(DropReason::DeltaTemporality);
    }
    match metric.shape() {
        Some(Shape::Sum { monotonic: true }) => Ok(Kind::Counter),
        Some(Shape::Sum { .. }) => Ok(Kind::UpDownCounter),
        Some(Shape::Gauge) => Ok(Kind::Gauge),
        Some(Shape::Histogram | Shape::ExponentialHistogram) => Ok(Kind::Histogram),
        _ => Err(DropReason::Unsupported),
    }
}

/// What is before `_total`, if anything is.
fn without_total(name: &str) -> Option<&str> {
    name.strip_suffix("_total").filter(|stem| !stem.is_empty())
}

fn line_names(name: &str, kind: Kind, open: bool) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    match kind {
        Kind::Histogram => {
            names.extend(["bucket", "sum", "count"].map(|suffix| format!("{name}_{suffix}")));
            if open {
                names.push(format!("{name}_created"));
            }
        }
        Kind::Counter if open => {
            if let Some(stem) = without_total(name) {
                names.extend([stem.to_owned(), format!("{stem}_created")]);
            }
        }
        _ => {}
    }
    names
}
