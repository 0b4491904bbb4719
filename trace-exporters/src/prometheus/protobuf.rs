//! The protobuf format: delimited `io.prometheus.client.MetricFamily` messages, with native histograms.
//!
//! Messages: <https://github.com/prometheus/client_model>, `io/prometheus/client/metrics.proto`.

use trace_core::metric::{HistogramView, PointVisitor, SeriesView};
use trace_core::model::{AttributeSet, Exemplar, ExponentialPoint, Number, Timestamp};

use super::cache::{FamilyLabels, Seen, SeriesLabels};
use super::family::{Family, TARGET_INFO};
use super::label::{Naming, Pair, merge, scope_labels};
use super::name::Kind;
use super::native::{Native, Side};
use super::report::{DropReason, Report};
use super::text::{Style, is_well_formed};
use super::{exemplar, exponential};
use crate::wire_writer::{Wire as _, delimited, nested, zigzag};

// Fields of MetricFamily.
const NAME: u32 = 1;
const HELP: u32 = 2;
const TYPE: u32 = 3;
const METRIC: u32 = 4;
const UNIT: u32 = 5;
// Fields of Metric.
const LABEL: u32 = 1;
const GAUGE: u32 = 2;
const COUNTER: u32 = 3;
const HISTOGRAM: u32 = 7;

const fn type_number(kind: Kind) -> u64 {
    match kind {
        Kind::Counter => 0,
        Kind::Gauge | Kind::UpDownCounter => 1,
        Kind::Histogram => 4,
    }
}

/// The attributes of the resource.
pub(super) fn write_target(attributes: &AttributeSet, naming: Naming, out: &mut Vec<u8>) {
    if attributes.is_empty() {
        return;
    }
    delimited(out, |out| {
        out.string(NAME, TARGET_INFO);
        out.string(HELP, "Target metadata");
        out.uint_always(TYPE, type_number(Kind::Gauge));
        nested(out, METRIC, |out| {
            push_labels(&merge(attributes, &[], &[], naming), out);
            nested(out, GAUGE, |out| out.double_always(1, 1.0));
        });
    });
}

/// A family with all its series; nothing if none can be shown.
pub(super) fn write_family(
    family: &Family<'_>,
    style: Style,
    labels: &mut FamilyLabels,
    out: &mut Vec<u8>,
    report: &mut Report,
) {
    let before = out.len();
    let mut shown = 0;
    delimited(out, |out| {
        out.string(NAME, &family.name);
        out.string(HELP, family.help);
        out.uint_always(TYPE, type_number(family.kind));
        for (metric, member) in family.members.iter().zip(&mut labels.members) {
            let fixed =
                if style.scope_labels { scope_labels(metric.scope(), style.naming) } else { Vec::new() };
            let mut points = Points {
                out,
                kind: family.kind,
                naming: style.naming,
                labels: member,
                seen: &mut labels.seen,
                fixed: &fixed,
                shown: 0,
                duplicates: 0,
                malformed: 0,
                coarse: 0,
            };
            metric.visit(&mut points);
            shown += points.shown;
            let (duplicates, malformed, coarse) = (points.duplicates, points.malformed, points.coarse);
            report.drop(metric.name(), duplicates, DropReason::DuplicateSeries);
            report.drop(metric.name(), malformed, DropReason::MalformedHistogram);
            report.drop(metric.name(), coarse, DropReason::TooCoarse);
        }
        out.string(UNIT, family.unit.as_deref().unwrap_or_default());
    });
    if shown == 0 {
        out.truncate(before);
    }
}

/// The points of one metric.
struct Points<'a> {
    out: &'a mut Vec<u8>,
    kind: Kind,
    naming: Naming,
    labels: &'a mut SeriesLabels,
    seen: &'a mut Seen,
    fixed: &'a [(String, String)],
    shown: usize,
    duplicates: usize,
    malformed: usize,
    coarse: usize,
}

impl Points<'_> {
    /// A `Metric` with the labels of a series, unless another series has the same.
    fn metric(&mut self, index: usize, attributes: &AttributeSet, value: impl FnOnce(&mut Vec<u8>)) {
        let reserved: &[&str] = if self.kind == Kind::Histogram { &["le"] } else { &[] };
        let (fixed, naming) = (self.fixed, self.naming);
        let render = |out: &mut Vec<u8>| push_labels(&merge(attributes, fixed, reserved, naming), out);
        let Some(labels) = self.labels.get(index, self.seen, render) else {
            self.duplicates += 1;
            return;
        };
        self.shown += 1;
        nested(self.out, METRIC, |out| {
            out.extend_from_slice(labels.as_slice());
            value(out);
        });
    }
}

impl PointVisitor for Points<'_> {
    fn number(&mut self, index: usize, series: SeriesView<'_>, value: Number) {
        let naming = self.naming;
        let counts = self.kind == Kind::Counter;
        self.metric(index, series.attributes(), |out| {
            nested(out, if counts { COUNTER } else { GAUGE }, |out| {
                out.double_always(1, value.as_f64());
                if counts {
                    if let Some(exemplar) = exemplar::latest(&*series.exemplars()) {
                        push_exemplar(exemplar, 2, naming, out);
                    }
                    push_time(series.start, 3, out);
                }
            });
        });
    }

    fn histogram(&mut self, index: usize, series: SeriesView<'_>, value: HistogramView<'_>) {
        if !is_well_formed(&value) {
            self.malformed += 1;
            return;
        }
        let naming = self.naming;
        self.metric(index, series.attributes(), |out| {
            let exemplars = series.exemplars();
            let of_buckets = match exemplars.is_empty() {
                true => Vec::new(),
                false => exemplar::by_bucket(&exemplars, value.bounds),
            };
            nested(out, HISTOGRAM, |out| {
                out.uint_always(1, value.count);
                out.double_always(2, value.sum);
                let mut below = 0;
                for (i, bound) in value.bounds.iter().copied().chain([f64::INFINITY]).enumerate() {
                    below = value.buckets.get(i).map_or(value.count, |n| below + n);
                    nested(out, 3, |out| {
                        out.uint_always(1, below);
                        out.double_always(2, bound);
                        if let Some(Some(exemplar)) = of_buckets.get(i) {
                            push_exemplar(exemplar, 3, naming, out);
                        }
                    });
                }
                push_time(series.start, 15, out);
            });
        });
    }

    fn exponential(&mut self, index: usize, point: &ExponentialPoint) {
        if !exponential::is_well_formed(point) {
            self.malformed += 1;
            return;
        }
        let Some(native) = Native::new(point) else {
            self.coarse += 1;
            return;
        };
        let naming = self.naming;
        self.metric(index, &point.attributes, |out| {
            nested(out, HISTOGRAM, |out| {
                out.uint_always(1, point.count);
                out.double_always(2, point.sum);
                out.uint_always(5, zigzag(native.schema.into()));
                out.double_always(6, native.zero_threshold);
                out.uint_always(7, native.zero_count);
                push_side(&native.negative, 9, out);
                push_side(&native.positive, 12, out);
                push_time(point.start, 15, out);
                for exemplar in &point.exemplars {
                    push_exemplar(exemplar, 16, naming, out);
                }
            });
        });
    }
}

/// Spans in a field, and differences in the next.
fn push_side(side: &Side, field: u32, out: &mut Vec<u8>) {
    for span in &side.spans {
        nested(out, field, |out| {
            out.uint_always(1, zigzag(span.offset.into()));
            out.uint_always(2, span.length.into());
        });
    }
    out.packed_varints(field + 1, side.deltas.iter().map(|d| zigzag(*d)));
}

fn push_labels(pairs: &[Pair<'_>], out: &mut Vec<u8>) {
    for (name, value) in pairs {
        nested(out, LABEL, |out| {
            out.string(1, name);
            out.string(2, value);
        });
    }
}

fn push_exemplar(exemplar: &Exemplar, field: u32, naming: Naming, out: &mut Vec<u8>) {
    nested(out, field, |out| {
        push_labels(&exemplar::labels(exemplar, naming), out);
        out.double_always(2, exemplar.value.as_f64());
        push_time(exemplar.time, 3, out);
    });
}

/// A `google.protobuf.Timestamp`; nothing for a time that is not known.
fn push_time(time: Timestamp, field: u32, out: &mut Vec<u8>) {
    if time != Timestamp::default() {
        nested(out, field, |out| {
            out.uint(1, time.unix_nanos() / 1_000_000_000);
            out.uint(2, time.unix_nanos() % 1_000_000_000);
        });
    }
}
