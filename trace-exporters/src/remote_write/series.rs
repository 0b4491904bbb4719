//! A collection as series: each number, bucket, sum and count one of its own.

use trace_core::metric::{HistogramView, LiveMetrics, PointVisitor, SeriesView};
use trace_core::model::{AttributeSet, Exemplar, ExponentialPoint, Number, Timestamp};

use super::config::RemoteWriteConfig;
use super::sample::{Example, FamilyInfo, Labels, Series, Value};
use crate::prometheus::family::{TARGET_INFO, families};
use crate::prometheus::label::{Naming, Pair, merge, scope_labels};
use crate::prometheus::native::Native;
use crate::prometheus::text::is_well_formed;
use crate::prometheus::{DropReason, Escaping, Kind, Report, exemplar, exponential};

const NAME: &str = "__name__";

/// What a batch comes to.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) families: Vec<FamilyInfo>,
    pub(super) series: Vec<Series>,
    /// What has no form in Prometheus.
    pub(super) report: Report,
}

impl Collected {
    /// What was dropped before is in the `report` already.
    pub(super) fn new(live: &LiveMetrics<'_>, config: &RemoteWriteConfig, mut report: Report) -> Self {
        // Receivers of names in UTF-8 take them as they are.
        let naming = Naming { strategy: config.translation_strategy, escaping: Escaping::AllowUtf8 };
        let found = families(live, naming, false, &mut report);
        let target = target_labels(&live.resource.attributes);
        let external = config.external_labels.iter().map(|(k, v)| (k.clone(), v.clone()));
        let common: Labels = target.iter().cloned().chain(external).collect();
        let mut reserved: Vec<&str> = vec!["job", "instance"];
        reserved.extend(config.external_labels.keys().map(String::as_str));
        let mut out = Self { families: Vec::new(), series: Vec::new(), report };

        for family in &found {
            out.families.push(FamilyInfo {
                name: family.name.clone(),
                kind: family.kind,
                help: family.help.to_owned(),
                unit: family.unit.clone().unwrap_or_default(),
            });
            let mut reserved = reserved.clone();
            if family.kind == Kind::Histogram {
                reserved.push("le");
            }
            for metric in &family.members {
                let mut fixed = common.clone();
                if config.scope_labels {
                    fixed.extend(scope_labels(metric.scope(), naming));
                }
                let mut points = Points {
                    name: &family.name,
                    naming,
                    fixed: &fixed,
                    reserved: &reserved,
                    family: out.families.len() - 1,
                    series: &mut out.series,
                    malformed: 0,
                    coarse: 0,
                };
                metric.visit(&mut points);
                let (malformed, coarse) = (points.malformed, points.coarse);
                out.report.drop(metric.name(), malformed, DropReason::MalformedHistogram);
                out.report.drop(metric.name(), coarse, DropReason::TooCoarse);
            }
        }
        out.drop_duplicates();
        // Without a job there is nothing to join it by.
        if config.target_info && !target.is_empty() && !out.series.is_empty() {
            out.add_target(&live.resource.attributes, naming, &common, &reserved);
        }
        out
    }

    /// Two series with the same labels would be two samples of one time, of which receivers refuse the second.
    fn drop_duplicates(&mut self) {
        let mut order: Vec<usize> = (0..self.series.len()).collect();
        order.sort_by(|a, b| self.series[*a].labels.cmp(&self.series[*b].labels).then(a.cmp(b)));
        let mut twice = vec![false; self.series.len()];
        for pair in order.windows(2) {
            twice[pair[1]] = self.series[pair[0]].labels == self.series[pair[1]].labels;
        }
        let mut counts = vec![0; self.families.len()];
        let mut at = 0;
        self.series.retain(|series| {
            at += 1;
            counts[series.family] += usize::from(twice[at - 1]);
            !twice[at - 1]
        });
        for (family, count) in self.families.iter().zip(counts) {
            self.report.drop(&family.name, count, DropReason::DuplicateSeries);
        }
    }

    fn add_target(&mut self, attributes: &AttributeSet, naming: Naming, common: &Labels, reserved: &[&str]) {
        let time = self.series.iter().map(|s| s.time).max().unwrap_or_default();
        let pairs = merge(attributes, common, reserved, naming);
        let labels = named(TARGET_INFO, "", pairs.iter(), None);
        let help = "Target metadata".to_owned();
        self.families.push(FamilyInfo {
            name: TARGET_INFO.to_owned(),
            kind: Kind::Gauge,
            help,
            unit: String::new(),
        });
        let family = self.families.len() - 1;
        let value = Value::Number(1.0);
        self.series.push(Series { labels, value, time, start: 0, exemplars: Vec::new(), family });
    }
}

/// `job` and `instance` (OpenTelemetry specification, "Resource Attributes" of the Prometheus rules).
fn target_labels(attributes: &AttributeSet) -> Labels {
    let text = |key: &str| attributes.get(key).map(ToString::to_string).filter(|v| !v.is_empty());
    let job = text("service.name").map(|name| match text("service.namespace") {
        Some(space) => format!("{space}/{name}"),
        None => name,
    });
    let job = job.map(|v| ("job".to_owned(), v));
    job.into_iter().chain(text("service.instance.id").map(|v| ("instance".to_owned(), v))).collect()
}

/// The points of one metric.
struct Points<'a> {
    name: &'a str,
    naming: Naming,
    fixed: &'a [(String, String)],
    reserved: &'a [&'a str],
    family: usize,
    series: &'a mut Vec<Series>,
    malformed: usize,
    coarse: usize,
}

impl Points<'_> {
    fn push(&mut self, labels: Labels, value: Value, times: (Timestamp, Timestamp), exemplars: Vec<Example>) {
        let (start, time) = (ms(times.0), ms(times.1));
        self.series.push(Series { labels, value, time, start, exemplars, family: self.family });
    }

    fn example(&self, exemplar: &Exemplar) -> Example {
        let pairs = exemplar::labels(exemplar, self.naming);
        Example {
            labels: pairs.into_iter().map(|(n, v)| (n.into_owned(), v.into_owned())).collect(),
            value: exemplar.value.as_f64(),
            time: ms(exemplar.time),
        }
    }
}

impl PointVisitor for Points<'_> {
    fn number(&mut self, _: usize, series: SeriesView<'_>, value: Number) {
        let pairs = merge(series.attributes(), self.fixed, self.reserved, self.naming);
        let labels = named(self.name, "", pairs.iter(), None);
        let exemplars = exemplar::latest(&*series.exemplars()).map(|e| self.example(e)).into_iter().collect();
        self.push(labels, Value::Number(value.as_f64()), (series.start, series.time), exemplars);
    }

    fn histogram(&mut self, _: usize, series: SeriesView<'_>, value: HistogramView<'_>) {
        if !is_well_formed(&value) {
            self.malformed += 1;
            return;
        }
        let times = (series.start, series.time);
        let pairs = merge(series.attributes(), self.fixed, self.reserved, self.naming);
        let exemplars = series.exemplars();
        let of_buckets = exemplar::by_bucket(&exemplars, value.bounds);
        let mut below = 0;
        for (i, bound) in value.bounds.iter().copied().chain([f64::INFINITY]).enumerate() {
            below = value.buckets.get(i).map_or(value.count, |n| below + n);
            let le = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
            let labels = named(self.name, "_bucket", pairs.iter(), Some(le));
            let exemplars = of_buckets.get(i).copied().flatten().map(|e| self.example(e));
            self.push(labels, Value::Number(below as f64), times, exemplars.into_iter().collect());
        }
        let labels = named(self.name, "_sum", pairs.iter(), None);
        self.push(labels, Value::Number(value.sum), times, Vec::new());
        let labels = named(self.name, "_count", pairs.iter(), None);
        self.push(labels, Value::Number(value.count as f64), times, Vec::new());
    }

    fn exponential(&mut self, _: usize, point: &ExponentialPoint) {
        if !exponential::is_well_formed(point) {
            self.malformed += 1;
            return;
        }
        let Some(native) = Native::new(point) else {
            self.coarse += 1;
            return;
        };
        let pairs = merge(&point.attributes, self.fixed, self.reserved, self.naming);
        let labels = named(self.name, "", pairs.iter(), None);
        let mut exemplars: Vec<Example> = point.exemplars.iter().map(|e| self.example(e)).collect();
        exemplars.sort_by_key(|e| e.time);
        let value = Value::Histogram { count: point.count, sum: point.sum, native };
        self.push(labels, value, (point.start, point.time), exemplars);
    }
}

/// The labels of a series with its name among them, sorted.
fn named<'a>(
    name: &str,
    suffix: &str,
    pairs: impl Iterator<Item = &'a Pair<'a>>,
    le: Option<String>,
) -> Labels {
    let mut labels: Labels = pairs.map(|(n, v)| (n.to_string(), v.to_string())).collect();
    labels.push((NAME.to_owned(), format!("{name}{suffix}")));
    labels.extend(le.map(|le| ("le".to_owned(), le)));
    labels.sort();
    labels
}

fn ms(time: Timestamp) -> i64 {
    i64::try_from(time.unix_nanos() / 1_000_000).unwrap_or(i64::MAX)
}
