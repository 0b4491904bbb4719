//! The text formats: Prometheus 0.0.4 and 1.0.0, and OpenMetrics.
//!
//! Formats: <https://prometheus.io/docs/instrumenting/exposition_formats/>, and
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>.

use std::sync::Arc;

use trace_core::metric::{HistogramView, PointVisitor, SeriesView};
use trace_core::model::{AttributeSet, Exemplar, ExponentialPoint, Number, Timestamp};

use super::cache::{FamilyLabels, Seen, SeriesLabels};
use super::escape::{NameOf, is_legacy, push_escaped, push_quoted};
use super::exponential;
use super::family::{Family, TARGET_INFO};
use super::label::{self, Naming, merge, scope_labels};
use super::name::Kind;
use super::number::{push_canonical_f64, push_f64, push_number, push_seconds, put_f64, put_number};
use super::page::{Padded, Page, Part, Row};
use super::report::{DropReason, Report};
use super::{ExpositionConfig, exemplar};

/// Which of the text formats, and what is in it.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) naming: Naming,
    /// OpenMetrics.
    pub(super) open: bool,
    pub(super) scope_labels: bool,
    pub(super) created: bool,
}

impl Style {
    pub(super) fn new(config: &ExpositionConfig, naming: Naming, open: bool) -> Self {
        Self { naming, open, scope_labels: config.scope_labels, created: config.created_lines && open }
    }
}

/// Takes pieces of the text.
pub(super) type Sink<'a> = &'a mut dyn FnMut(&[u8]);

/// What stands at the beginning of a line.
struct Lead {
    /// Without labels, with the blank behind it.
    bare: Padded,
    /// With labels behind it.
    open: Padded,
}

impl Lead {
    fn new(name: &str, suffix: &str) -> Self {
        let (bare, open) = if is_legacy(name, NameOf::Metric) {
            (format!("{name}{suffix} ").into_bytes(), format!("{name}{suffix}{{").into_bytes())
        } else {
            let mut quoted = b"{\"".to_vec();
            push_quoted(name, &mut quoted);
            quoted.extend_from_slice(suffix.as_bytes());
            quoted.push(b'"');
            ([&*quoted, b"} "].concat(), [&*quoted, b","].concat())
        };
        Self { bare: Padded::new(&bare), open: Padded::new(&open) }
    }

    /// The room that a line takes with a number behind it.
    #[inline]
    fn room(&self, labels: Part<'_>) -> usize {
        self.open.room() + self.bare.room() + labels.room() + 32
    }

    #[inline]
    fn put(&self, labels: Part<'_>, page: &mut Page) {
        page.make_room(self.room(labels));
        if labels.is_empty() {
            page.put(&self.bare);
        } else {
            page.put(&self.open);
            page.put_part(labels);
            page.put_bytes(*b"} ");
        }
    }
}

/// The attributes of the resource.
pub(super) fn write_target(attributes: &AttributeSet, style: Style, page: &mut Page) {
    if attributes.is_empty() {
        return;
    }
    let (family, kind) = if style.open { ("target", "info") } else { (TARGET_INFO, "gauge") };
    page.put_with(|out| write_head(family, kind, None, "Target metadata", style, out));
    let mut row = Row::default();
    let (start, len) = row.append(|out| label::push_text(&merge(attributes, &[], &[], style.naming), out));
    Lead::new(TARGET_INFO, "").put(row.part(start, len), page);
    page.put_slice(b"1\n");
}

/// A family with all its series; nothing if none can be shown.
pub(super) fn write_family(
    family: &Family<'_>,
    style: Style,
    labels: &mut FamilyLabels,
    (page, sink): (&mut Page, Sink<'_>),
    report: &mut Report,
) {
    let before = page.len();
    let counts = family.kind == Kind::Counter && family.stem() != family.name;
    let (name, kind) = match family.kind {
        // OpenMetrics knows no counter whose samples do not end in `_total`.
        Kind::Counter if style.open && !counts => (&*family.name, "unknown"),
        kind if style.open => (family.stem(), kind.as_str()),
        kind => (&*family.name, kind.as_str()),
    };
    page.put_with(|out| write_head(name, kind, family.unit.as_deref(), family.help, style, out));

    let has_exemplars = style.open && (counts || family.kind == Kind::Histogram);
    let created = style.created && has_exemplars;
    let mut lines = Lines {
        page,
        sink,
        shown: false,
        style,
        has_exemplars,
        plain: Lead::new(&family.name, ""),
        bucket: Lead::new(&family.name, "_bucket"),
        sum: Lead::new(&family.name, "_sum"),
        count: Lead::new(&family.name, "_count"),
        created: created.then(|| Lead::new(family.stem(), "_created")),
        bounds: Arc::from([]),
        bounds_fit: true,
        le: Vec::new(),
        le_room: 0,
    };
    for (metric, member) in family.members.iter().zip(&mut labels.members) {
        let fixed = if style.scope_labels { scope_labels(metric.scope(), style.naming) } else { Vec::new() };
        let mut points = Points {
            lines: &mut lines,
            labels: member,
            seen: &mut labels.seen,
            fixed: &fixed,
            reserved: if family.kind == Kind::Histogram { &["le"] } else { &[] },
            duplicates: 0,
            malformed: 0,
        };
        metric.visit(&mut points);
        let (duplicates, malformed) = (points.duplicates, points.malformed);
        report.drop(metric.name(), duplicates, DropReason::DuplicateSeries);
        report.drop(metric.name(), malformed, DropReason::MalformedHistogram);
    }
    if !lines.shown {
        page.truncate(before);
    }
}

fn write_head(name: &str, kind: &str, unit: Option<&str>, help: &str, style: Style, out: &mut Vec<u8>) {
    let line = |word: &str, out: &mut Vec<u8>| {
        out.extend_from_slice(b"# ");
        out.extend_from_slice(word.as_bytes());
        out.push(b' ');
        if is_legacy(name, NameOf::Metric) {
            out.extend_from_slice(name.as_bytes());
        } else {
            out.push(b'"');
            push_quoted(name, out);
            out.push(b'"');
        }
        out.push(b' ');
    };
    let type_line = |out: &mut Vec<u8>| {
        line("TYPE", out);
        out.extend_from_slice(kind.as_bytes());
        out.push(b'\n');
    };
    if style.open {
        type_line(out);
        if let Some(unit) = unit {
            line("UNIT", out);
            out.extend_from_slice(unit.as_bytes());
            out.push(b'\n');
        }
    }
    line("HELP", out);
    push_escaped(help, style.open, out);
    out.push(b'\n');
    if !style.open {
        type_line(out);
    }
}

/// The lines of a family.
struct Lines<'a> {
    page: &'a mut Page,
    sink: Sink<'a>,
    /// Whether there is a series.
    shown: bool,
    style: Style,
    has_exemplars: bool,
    plain: Lead,
    bucket: Lead,
    sum: Lead,
    count: Lead,
    created: Option<Lead>,
    /// Those that `le` was written for: most series have the same.
    bounds: Arc<[f64]>,
    /// Whether those are ascending and finite.
    bounds_fit: bool,
    /// `le="0.5"} ` for each bound and infinity.
    le: Vec<Padded>,
    /// The room for all of them.
    le_room: usize,
}

/// The points of one metric.
struct Points<'a, 'o> {
    lines: &'a mut Lines<'o>,
    labels: &'a mut SeriesLabels,
    seen: &'a mut Seen,
    fixed: &'a [(String, String)],
    reserved: &'static [&'static str],
    duplicates: usize,
    malformed: usize,
}

impl Points<'_, '_> {
    fn buckets(
        &mut self,
        index: usize,
        attributes: &AttributeSet,
        point: HistogramView<'_>,
        start: Timestamp,
        exemplars: &[Exemplar],
    ) {
        let (fixed, reserved, naming) = (self.fixed, self.reserved, self.lines.style.naming);
        let render = |out: &mut Vec<u8>| label::push_text(&merge(attributes, fixed, reserved, naming), out);
        let Some(labels) = self.labels.get(index, self.seen, render) else {
            self.duplicates += 1;
            return;
        };
        self.lines.histogram(labels, point, start, exemplars);
    }
}

impl PointVisitor for Points<'_, '_> {
    #[inline]
    fn number(&mut self, index: usize, series: SeriesView<'_>, value: Number) {
        let has_exemplars = self.lines.has_exemplars;
        let (fixed, reserved, naming) = (self.fixed, self.reserved, self.lines.style.naming);
        let render =
            |out: &mut Vec<u8>| label::push_text(&merge(series.attributes(), fixed, reserved, naming), out);
        let Some(labels) = self.labels.get(index, self.seen, render) else {
            self.duplicates += 1;
            return;
        };
        let lines = &mut *self.lines;
        lines.plain.put(labels, lines.page);
        put_number(value, lines.page);
        if has_exemplars && let Some(exemplar) = exemplar::latest(&*series.exemplars()) {
            lines.page.put_with(|out| push_exemplar(exemplar, naming, out));
        }
        lines.page.put_byte(b'\n');
        lines.end(labels, series.start);
    }

    fn histogram(&mut self, index: usize, series: SeriesView<'_>, value: HistogramView<'_>) {
        self.lines.know_bounds(value.bounds);
        if !(self.lines.bounds_fit && counts_fit(&value)) {
            self.malformed += 1;
            return;
        }
        if self.lines.has_exemplars {
            self.buckets(index, series.attributes(), value, series.start, &series.exemplars());
        } else {
            self.buckets(index, series.attributes(), value, series.start, &[]);
        }
    }

    fn exponential(&mut self, index: usize, point: &ExponentialPoint) {
        if !exponential::is_well_formed(point) {
            self.malformed += 1;
            return;
        }
        let found = exponential::with_bounds(point);
        self.lines.know_bounds(&found.bounds);
        let value = HistogramView {
            count: found.count,
            sum: found.sum,
            bounds: &found.bounds,
            buckets: &found.buckets,
        };
        self.buckets(index, &point.attributes, value, point.start, &point.exemplars);
    }
}

impl Lines<'_> {
    fn histogram(
        &mut self,
        labels: Part<'_>,
        point: HistogramView<'_>,
        start: Timestamp,
        exemplars: &[Exemplar],
    ) {
        let with_exemplars = self.has_exemplars && !exemplars.is_empty();
        let of_buckets =
            if with_exemplars { exemplar::by_bucket(exemplars, point.bounds) } else { Vec::new() };

        let page = &mut *self.page;
        page.make_room(self.le_room + (self.le.len() + 1) * self.bucket.room(labels));
        let mut lead = None;
        let mut below = 0;
        for (i, le) in self.le.iter().enumerate() {
            // Without bounds, buckets may be left out.
            below = point.buckets.get(i).map_or(point.count, |n| below + n);
            // From the second line on, what is before the bound is on the page already.
            match lead {
                Some((start, end)) => page.put_again(start, end),
                None => {
                    let start = page.len();
                    page.put(&self.bucket.open);
                    page.put_part(labels);
                    if !labels.is_empty() {
                        page.put_byte(b',');
                    }
                    lead = Some((start, page.len()));
                }
            }
            page.put(le);
            page.put_u64(below);
            if let Some(Some(exemplar)) = of_buckets.get(i) {
                page.put_with(|out| push_exemplar(exemplar, self.style.naming, out));
                page.make_room(self.le_room + (self.le.len() + 1) * self.bucket.room(labels));
            }
            page.put_byte(b'\n');
        }
        self.sum.put(labels, page);
        put_f64(point.sum, page);
        page.put_byte(b'\n');
        self.count.put(labels, page);
        page.put_u64(point.count);
        page.put_byte(b'\n');
        self.end(labels, start);
    }

    /// The last line of a series, if it has one, and the end of the series.
    #[inline]
    fn end(&mut self, labels: Part<'_>, start: Timestamp) {
        if let Some(lead) = &self.created
            && start != Timestamp::default()
        {
            lead.put(labels, self.page);
            self.page.put_with(|out| push_seconds(start, out));
            self.page.put_byte(b'\n');
        }
        self.shown = true;
        if self.page.is_full() {
            (self.sink)(self.page.as_slice());
            self.page.truncate(0);
        }
    }

    fn know_bounds(&mut self, bounds: &Arc<[f64]>) {
        if !Arc::ptr_eq(&self.bounds, bounds) || self.le.is_empty() {
            self.render_bounds(bounds);
        }
    }

    #[cold]
    fn render_bounds(&mut self, bounds: &Arc<[f64]>) {
        self.bounds = bounds.clone();
        self.bounds_fit = are_ascending(bounds);
        let open = self.style.open;
        let text = |bound: f64| {
            let mut text = b"le=\"".to_vec();
            if open {
                push_canonical_f64(bound, &mut text)
            } else {
                push_f64(bound, &mut text)
            };
            text.extend_from_slice(b"\"} ");
            Padded::new(&text)
        };
        self.le = bounds.iter().copied().chain([f64::INFINITY]).map(text).collect();
        self.le_room = self.le.iter().map(Padded::room).sum();
    }
}

/// ` # {trace_id="..."} 0.5 1520879607.789`.
fn push_exemplar(exemplar: &Exemplar, naming: Naming, out: &mut Vec<u8>) {
    out.extend_from_slice(b" # {");
    label::push_text(&exemplar::labels(exemplar, naming), out);
    out.extend_from_slice(b"} ");
    push_number(exemplar.value, out);
    out.push(b' ');
    push_seconds(exemplar.time, out);
}

/// Whether the buckets fit the bounds and the count.
pub(crate) fn is_well_formed(point: &HistogramView<'_>) -> bool {
    are_ascending(point.bounds) && counts_fit(point)
}

fn are_ascending(bounds: &[f64]) -> bool {
    bounds.windows(2).all(|w| w[0] < w[1]) && bounds.iter().all(|b| b.is_finite())
}

fn counts_fit(point: &HistogramView<'_>) -> bool {
    // Without bounds, buckets may be left out: everything is below infinity.
    let none = point.bounds.is_empty() && point.buckets.is_empty();
    let mut total = 0u64;
    let mut overflow = false;
    for n in point.buckets {
        let (sum, over) = total.overflowing_add(*n);
        (total, overflow) = (sum, overflow | over);
    }
    none || (point.buckets.len() == point.bounds.len() + 1 && total == point.count && !overflow)
}
