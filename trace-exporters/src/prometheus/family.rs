//! Metrics grouped into families: one name, one type, one group of lines.

use std::collections::HashMap;
use std::fmt;

use trace_core::model::{Metric, MetricBatch, MetricData, Scope, Temporality};

use super::name::{Kind, metric_name};

/// The family of resource attributes; no metric may use its name.
pub(super) const TARGET_INFO: &str = "target_info";

/// Something that could not be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// The metric's OpenTelemetry name.
    pub metric: String,
    /// How many of its series.
    pub series: usize,
    /// Why.
    pub reason: DropReason,
}

/// Why a series could not be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropReason {
    /// Another metric uses the same Prometheus name with another type.
    TypeConflict {
        /// The Prometheus name.
        name: String,
        /// The type that came first.
        first: &'static str,
    },
    /// Prometheus needs cumulative values.
    DeltaTemporality,
    /// The buckets do not fit the bounds, the bounds are not ascending, or the counts disagree.
    MalformedHistogram,
    /// Another series has the same labels once cleaned.
    DuplicateSeries,
    /// The kind of data has no Prometheus form here.
    Unsupported,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metric {:?}, {} series: ", self.metric, self.series)?;
        match &self.reason {
            DropReason::TypeConflict { name, first } => write!(f, "{name} is taken by a {first}"),
            DropReason::DeltaTemporality => f.write_str("delta temporality; Prometheus needs cumulative"),
            DropReason::MalformedHistogram => f.write_str("buckets do not fit bounds or count"),
            DropReason::DuplicateSeries => f.write_str("labels equal those of another series"),
            DropReason::Unsupported => f.write_str("a kind of data without a Prometheus form"),
        }
    }
}

pub(super) struct Family<'a> {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The first description; a metric without one is explained by its OpenTelemetry name.
    pub(super) help: &'a str,
    /// The metric and the index of its scope.
    pub(super) members: Vec<(usize, &'a Metric)>,
}

/// Families in the order of their first metric, and what did not fit.
pub(super) fn families<'a>(batch: &'a MetricBatch, dropped: &mut Vec<Dropped>) -> Vec<Family<'a>> {
    let mut families: Vec<Family<'a>> = Vec::new();
    // Every name that a line can begin with, and its family; the name of a family with lines under other names too.
    let mut names: HashMap<String, Option<usize>> = HashMap::from([(TARGET_INFO.to_owned(), None)]);
    let metrics = batch.scopes.iter().enumerate().flat_map(|(i, s)| s.metrics.iter().map(move |m| (i, m)));
    for (scope, metric) in metrics.filter(|(_, m)| m.data.point_count() > 0) {
        let mut drop = |reason| {
            let series = metric.data.point_count();
            dropped.push(Dropped { metric: metric.name.to_string(), series, reason });
        };
        let kind = match kind(&metric.data) {
            Ok(kind) => kind,
            Err(reason) => {
                drop(reason);
                continue;
            }
        };
        let name = metric_name(&metric.name, &metric.unit, kind);
        let taken = line_names(&name, kind).into_iter().find_map(|n| names.get(&n).copied());
        match taken {
            None => {
                names.extend(line_names(&name, kind).into_iter().map(|n| (n, Some(families.len()))));
                families.push(Family { name, kind, help: help(metric), members: vec![(scope, metric)] });
            }
            Some(Some(at)) if families[at].name == name && families[at].kind.as_str() == kind.as_str() => {
                let family = &mut families[at];
                if family.members.iter().all(|(_, m)| m.description.is_empty()) {
                    family.help = help(metric);
                }
                family.members.push((scope, metric));
            }
            Some(at) => {
                let first = at.map_or("gauge", |at| families[at].kind.as_str());
                drop(DropReason::TypeConflict { name, first });
            }
        }
    }
    families
}

fn help(metric: &Metric) -> &str {
    if metric.description.is_empty() { &metric.name } else { &metric.description }
}

fn kind(data: &MetricData) -> Result<Kind, DropReason> {
    match data {
        MetricData::Sum { temporality: Temporality::Delta, .. }
        | MetricData::Histogram { temporality: Temporality::Delta, .. }
        | MetricData::ExponentialHistogram { temporality: Temporality::Delta, .. } => {
            Err(DropReason::DeltaTemporality)
        }
        MetricData::Sum { monotonic: true, .. } => Ok(Kind::Counter),
        MetricData::Sum { .. } => Ok(Kind::UpDownCounter),
        MetricData::Gauge { .. } => Ok(Kind::Gauge),
        MetricData::Histogram { .. } | MetricData::ExponentialHistogram { .. } => Ok(Kind::Histogram),
        _ => Err(DropReason::Unsupported),
    }
}

fn line_names(name: &str, kind: Kind) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    if kind == Kind::Histogram {
        names.extend(["bucket", "sum", "count"].map(|suffix| format!("{name}_{suffix}")));
    }
    names
}

/// The scopes of a batch, by the index that [`Family::members`] holds.
pub(super) fn scopes(batch: &MetricBatch) -> impl Iterator<Item = &Scope> {
    batch.scopes.iter().map(|s| &*s.scope)
}
