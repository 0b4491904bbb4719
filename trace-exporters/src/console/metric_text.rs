//! Metrics as lines: the name with its unit, then one line a series.

use trace_core::model::{AttributeSet, MetricBatch, MetricData, Number, Temporality};

use super::line::Line;
use super::paint::{Colour, Page};

/// Columns for the attributes of a series: no more are kept free for long ones.
const MAX_SERIES: usize = 72;

pub(super) fn render(batch: &MetricBatch, page: Page) -> String {
    let mut out = String::new();
    if batch.point_count() == 0 {
        return out;
    }
    let mut line = Line::default();
    line.add(Colour::Bold, "metrics").plain(" ").add_safe(Colour::Bold, batch.resource.service_name());
    line.end(page, &mut out);
    for scope in &batch.scopes {
        for metric in scope.metrics.iter().filter(|m| m.data.point_count() > 0) {
            let mut line = Line::default();
            line.plain("  ").add_safe(Colour::Cyan, &metric.name);
            if !metric.unit.is_empty() {
                line.plain(" [").add_safe(Colour::None, &metric.unit).plain("]");
            }
            line.plain("  ").plain(kind(&metric.data));
            if !scope.scope.name.is_empty() {
                line.plain("  ").add_safe(Colour::Dim, &scope.scope.name);
            }
            line.end(page, &mut out);
            points(&metric.data, page, &mut out);
        }
    }
    out
}

fn kind(data: &MetricData) -> &'static str {
    match data {
        MetricData::Sum { monotonic: true, temporality: Temporality::Cumulative, .. } => "counter",
        MetricData::Sum { monotonic: true, temporality: Temporality::Delta, .. } => "counter (delta)",
        MetricData::Sum { temporality: Temporality::Cumulative, .. } => "up-down counter",
        MetricData::Sum { temporality: Temporality::Delta, .. } => "up-down counter (delta)",
        MetricData::Gauge { .. } => "gauge",
        MetricData::Histogram { temporality: Temporality::Cumulative, .. } => "histogram",
        MetricData::Histogram { temporality: Temporality::Delta, .. } => "histogram (delta)",
        MetricData::ExponentialHistogram { temporality: Temporality::Cumulative, .. } => {
            "exponential histogram"
        }
        MetricData::ExponentialHistogram { temporality: Temporality::Delta, .. } => {
            "exponential histogram (delta)"
        }
        _ => "unknown",
    }
}

fn points(data: &MetricData, page: Page, out: &mut String) {
    let mut lines: Vec<(Line, String)> = Vec::new();
    match data {
        MetricData::Sum { points, .. } | MetricData::Gauge { points } => {
            lines.extend(points.iter().map(|p| (series(&p.attributes), number(p.value))));
        }
        MetricData::Histogram { points, .. } => lines.extend(
            points.iter().map(|p| (series(&p.attributes), distribution(p.count, p.sum, p.min.zip(p.max)))),
        ),
        MetricData::ExponentialHistogram { points, .. } => lines.extend(
            points.iter().map(|p| (series(&p.attributes), distribution(p.count, p.sum, p.min.zip(p.max)))),
        ),
        _ => {}
    }
    // Values stand below each other, unless a series has very many attributes.
    let widest = lines.iter().map(|(line, _)| line.width()).filter(|w| *w <= MAX_SERIES).max().unwrap_or(0);
    for (mut line, value) in lines {
        line.pad_to(widest).plain(value);
        line.end(page, out);
    }
}

fn number(value: Number) -> String {
    match value {
        Number::I64(v) => v.to_string(),
        Number::F64(v) => format!("{v:?}"),
    }
}

fn distribution(count: u64, sum: f64, extremes: Option<(f64, f64)>) -> String {
    let mut text = format!("count {count}  sum {sum:?}");
    if count > 0 {
        text.push_str(&format!("  mean {:.6}", sum / count as f64));
    }
    if let Some((min, max)) = extremes {
        text.push_str(&format!("  min {min:?}  max {max:?}"));
    }
    text
}

fn series(attributes: &AttributeSet) -> Line {
    let mut line = Line::default();
    line.plain("    ");
    for kv in attributes {
        line.add_safe(Colour::Dim, &kv.key)
            .add(Colour::Dim, "=")
            .add_safe(Colour::None, &kv.value)
            .plain(" ");
    }
    line
}
