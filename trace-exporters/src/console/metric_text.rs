//! Metrics as lines: the name with its unit, then one line a series.

use std::fmt::Write as _;

use trace_core::model::{AttributeSet, MetricBatch, MetricData, Number, Temporality};

use super::paint::{Paint, Safe};

/// Writing to a String does not fail, here and below.
pub(super) fn render(batch: &MetricBatch, paint: Paint) -> String {
    let mut out = String::new();
    if batch.point_count() == 0 {
        return out;
    }
    let _ = writeln!(out, "{} {}", paint.bold("metrics"), Safe(batch.resource.service_name()));
    for scope in &batch.scopes {
        for metric in scope.metrics.iter().filter(|m| m.data.point_count() > 0) {
            let _ = write!(out, "  {}", paint.cyan(Safe(&metric.name)));
            if !metric.unit.is_empty() {
                let _ = write!(out, " [{}]", Safe(&metric.unit));
            }
            let _ = write!(out, "  {}", kind(&metric.data));
            if !scope.scope.name.is_empty() {
                let _ = write!(out, "  {}", paint.dim(Safe(&scope.scope.name)));
            }
            out.push('\n');
            points(&metric.data, &mut out);
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

fn points(data: &MetricData, out: &mut String) {
    match data {
        MetricData::Sum { points, .. } | MetricData::Gauge { points } => {
            for point in points {
                series(&point.attributes, out);
                let _ = match point.value {
                    Number::I64(v) => writeln!(out, "{v}"),
                    Number::F64(v) => writeln!(out, "{v:?}"),
                };
            }
        }
        MetricData::Histogram { points, .. } => {
            for point in points {
                series(&point.attributes, out);
                distribution(point.count, point.sum, point.min.zip(point.max), out);
            }
        }
        MetricData::ExponentialHistogram { points, .. } => {
            for point in points {
                series(&point.attributes, out);
                distribution(point.count, point.sum, point.min.zip(point.max), out);
            }
        }
        _ => {}
    }
}

fn distribution(count: u64, sum: f64, extremes: Option<(f64, f64)>, out: &mut String) {
    let _ = write!(out, "count {count}  sum {sum:?}");
    if count > 0 {
        let _ = write!(out, "  mean {:.6}", sum / count as f64);
    }
    if let Some((min, max)) = extremes {
        let _ = write!(out, "  min {min:?}  max {max:?}");
    }
    out.push('\n');
}

fn series(attributes: &AttributeSet, out: &mut String) {
    out.push_str("    ");
    for kv in attributes {
        let _ = write!(out, "{}={} ", Safe(&kv.key), Safe(&kv.value));
    }
}
