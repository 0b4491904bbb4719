//! Series into batches: one a resource, with scopes, metrics and points below.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use trace_core::model::{
    Exemplar, KeyValue, Metric, MetricBatch, MetricData, Number, NumberPoint, ScopeMetrics, Temporality,
};

use super::histogram::Point;
use super::labels::{self, Sorted};
use super::series::{Example, Label, Series, is_stale, time};
use super::{Budget, DecodedWrite, Fault};
use crate::remote_write_receiver::families::Family;

/// Where something is: batch, scope, metric.
type Place = (usize, usize, usize);

/// The forms that the points of a name can have here: points of one metric have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    Gauge,
    Counter,
    Exponential,
    Explicit,
}

/// What makes up one metric.
type Key<'a> = (usize, &'a str, Form);

#[derive(Default)]
pub(super) struct Collected<'a> {
    out: DecodedWrite,
    resources: HashMap<Label<'a>, usize>,
    scopes: HashMap<(usize, Vec<Label<'a>>), usize>,
    /// By batch and scope.
    metrics: HashMap<(usize, Key<'a>), usize>,
    /// The last point of a series, by the hash of its labels.
    points: HashMap<u64, (Place, usize)>,
    hasher: RandomState,
    /// Exemplars whose series has no sample beside them; 1.0 sends them apart.
    apart: Vec<(u64, Vec<Example<'a>>)>,
}

impl<'a> Collected<'a> {
    /// Takes a series with what is known of its family.
    pub(super) fn take(
        &mut self,
        mut series: Series<'a>,
        family: Option<&Family>,
        budget: &mut Budget,
    ) -> Result<(), Fault> {
        let records = (series.samples.len() + series.histograms.len()) as u64;
        let sorted = match series.garbled {
            true => Err("a label is not UTF-8"),
            false => labels::sort(&mut series.labels),
        };
        let sorted = match sorted {
            Ok(sorted) => sorted,
            Err(why) => {
                self.reject(records, why);
                return Ok(());
            }
        };
        let hash = self.hasher.hash_one(&series.labels);
        let attributes = Arc::new(labels::attributes(&sorted.rest));
        let created = sorted.name.ends_with("_created");
        let form = match family.is_some_and(|f| f.counter) && !created {
            true => Form::Counter,
            false => Form::Gauge,
        };
        for sample in &series.samples {
            let Some(at) = time(sample.time) else {
                self.reject(1, "a time is before 1970");
                continue;
            };
            self.out.written.samples += 1;
            // Where it goes next learns of the end by the absence.
            if is_stale(sample.value) {
                continue;
            }
            let start = if sample.start == 0 { series.created } else { sample.start };
            let start = time(start).filter(|start| *start <= at).unwrap_or_default();
            let value = Number::F64(sample.value);
            let attributes = attributes.clone();
            let point = NumberPoint { attributes, start, time: at, value, exemplars: Vec::new() };
            let place = self.metric(&sorted, form, family);
            if let Some(MetricData::Sum { points, .. } | MetricData::Gauge { points }) = self.data(place) {
                points.push(point);
                let last = points.len() - 1;
                self.points.insert(hash, (place, last));
            }
        }
        for native in std::mem::take(&mut series.histograms) {
            match native.point(&attributes, series.created, budget)? {
                Ok(point) => self.histogram(&sorted, hash, point, family),
                Err(why) => self.reject(1, why),
            }
        }
        if !series.exemplars.is_empty() {
            self.apart.push((hash, series.exemplars));
        }
        Ok(())
    }

    fn histogram(&mut self, sorted: &Sorted<'a>, hash: u64, point: Point, family: Option<&Family>) {
        self.out.written.histograms += 1;
        let form = match point {
            Point::Exponential(_) => Form::Exponential,
            Point::Explicit(_) => Form::Explicit,
            Point::Ended => return,
        };
        let place = self.metric(sorted, form, family);
        let last = match (self.data(place), point) {
            (Some(MetricData::ExponentialHistogram { points, .. }), Point::Exponential(point)) => {
                points.push(point);
                points.len() - 1
            }
            (Some(MetricData::Histogram { points, .. }), Point::Explicit(point)) => {
                points.push(point);
                points.len() - 1
            }
            // The place was made for this form.
            _ => return,
        };
        self.points.insert(hash, (place, last));
    }

    fn reject(&mut self, records: u64, why: &'static str) {
        if records > 0 {
            self.out.rejected += records;
            self.out.reason.get_or_insert(why);
        }
    }

    fn data(&mut self, (batch, scope, metric): Place) -> Option<&mut MetricData> {
        Some(&mut self.out.batches.get_mut(batch)?.scopes.get_mut(scope)?.metrics.get_mut(metric)?.data)
    }

    /// The metric of a series, made if need be.
    fn metric(&mut self, sorted: &Sorted<'a>, form: Form, family: Option<&Family>) -> Place {
        let batches = &mut self.out.batches;
        let batch = *self.resources.entry(sorted.target).or_insert_with(|| {
            let resource = Arc::new(labels::resource(sorted.target));
            batches.push(MetricBatch { resource, scopes: Vec::new() });
            batches.len() - 1
        });
        let scopes = &mut batches[batch].scopes;
        let scope = match self.scopes.get(&(batch, sorted.scope.clone())) {
            Some(scope) => *scope,
            None => {
                let scope = Arc::new(labels::scope(&sorted.scope));
                scopes.push(ScopeMetrics { scope, metrics: Vec::new() });
                self.scopes.insert((batch, sorted.scope.clone()), scopes.len() - 1);
                scopes.len() - 1
            }
        };
        let metrics = &mut scopes[scope].metrics;
        let metric = *self.metrics.entry((batch, (scope, sorted.name, form))).or_insert_with(|| {
            let text = |of: fn(&Family) -> &String| family.map(of).cloned().unwrap_or_default().into();
            metrics.push(Metric {
                name: sorted.name.to_owned().into(),
                description: text(|f| &f.help),
                unit: text(|f| &f.unit),
                data: form.empty(),
            });
            metrics.len() - 1
        });
        (batch, scope, metric)
    }

    /// Everything, with the exemplars in their places.
    pub(super) fn finish(mut self) -> DecodedWrite {
        for (hash, examples) in std::mem::take(&mut self.apart) {
            let Some((place, point)) = self.points.get(&hash).copied() else { continue };
            let found: Vec<Exemplar> = examples.iter().filter_map(exemplar).collect();
            self.out.written.exemplars += found.len() as u64;
            let exemplars = match self.data(place) {
                Some(MetricData::Sum { points, .. } | MetricData::Gauge { points }) => {
                    points.get_mut(point).map(|p| &mut p.exemplars)
                }
                Some(MetricData::Histogram { points, .. }) => points.get_mut(point).map(|p| &mut p.exemplars),
                Some(MetricData::ExponentialHistogram { points, .. }) => {
                    points.get_mut(point).map(|p| &mut p.exemplars)
                }
                _ => None,
            };
            exemplars.into_iter().for_each(|e| e.extend(found.iter().cloned()));
        }
        self.out
    }
}

impl Form {
    fn empty(self) -> MetricData {
        let temporality = Temporality::Cumulative;
        match self {
            Self::Gauge => MetricData::Gauge { points: Vec::new() },
            Self::Counter => MetricData::Sum { points: Vec::new(), temporality, monotonic: true },
            Self::Exponential => MetricData::ExponentialHistogram { points: Vec::new(), temporality },
            Self::Explicit => MetricData::Histogram { points: Vec::new(), temporality },
        }
    }
}

/// `None` if its time is before 1970.
fn exemplar(example: &Example<'_>) -> Option<Exemplar> {
    let time = time(example.time)?;
    let value = Number::F64(example.value);
    let mut out = Exemplar { time, value, trace_id: None, span_id: None, attributes: Vec::new() };
    for (name, text) in example.labels.iter().copied() {
        match name {
            "trace_id" if out.trace_id.is_none() && text.parse::<trace_core::model::TraceId>().is_ok() => {
                out.trace_id = text.parse().ok();
            }
            "span_id" if out.span_id.is_none() && text.parse::<trace_core::model::SpanId>().is_ok() => {
                out.span_id = text.parse().ok();
            }
            _ => out.attributes.push(KeyValue::new(name.to_owned(), text.to_owned())),
        }
    }
    Some(out)
}
