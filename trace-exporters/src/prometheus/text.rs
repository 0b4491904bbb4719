//! The Prometheus text format 0.0.4.
//!
//! Format: <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::hash::{BuildHasher as _, RandomState};

use trace_core::model::{HistogramPoint, MetricBatch, MetricData, Number};

use super::exponential;
use super::family::{DropReason, Dropped, Family, TARGET_INFO, families, scopes};
use super::label::{Labels, scope_labels};

/// A collection as text, and what the text leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exposition {
    /// The text, ending in a newline; empty if there is nothing to say.
    pub text: String,
    /// What could not be shown, and why.
    pub dropped: Vec<Dropped>,
}

/// Writes a collection as text 0.0.4: `target_info` for the resource, then each family with its series.
///
/// Exponential histograms become histograms whose bounds are powers of the square root of two (or coarser, if they
/// are): the text format has no native histograms. Series carry the labels `otel_scope_*` of their library. Samples carry no timestamps and no exemplars, which
/// this format does not have.
///
/// ```
/// use std::sync::Arc;
/// use trace_core::model::{MetricBatch, Resource};
/// let batch = MetricBatch { resource: Arc::new(Resource::service("shop")), scopes: vec![] };
/// let text = trace_exporters::prometheus::encode(&batch).text;
/// assert!(text.ends_with("target_info{service_name=\"shop\"} 1\n"));
/// ```
pub fn encode(batch: &MetricBatch) -> Exposition {
    let mut out = Exposition::default();
    if !batch.resource.attributes.is_empty() {
        let mut labels = Labels::default();
        let labels = labels.render(&batch.resource.attributes, &[], None);
        head(&mut out.text, TARGET_INFO, "Target metadata", "gauge");
        sample(&mut out.text, TARGET_INFO, "", labels, Value(1.0));
    }
    let scope_labels: Vec<Vec<(String, String)>> = scopes(batch).map(scope_labels).collect();
    for family in families(batch, &mut out.dropped) {
        write_family(&family, &scope_labels, &mut out);
    }
    out
}

fn write_family(family: &Family<'_>, scope_labels: &[Vec<(String, String)>], out: &mut Exposition) {
    let Family { name, kind, .. } = family;
    let text = &mut out.text;
    let before = text.len();
    head(text, name, family.help, kind.as_str());
    let after_head = text.len();
    let mut labels = Labels::default();
    // Label sets seen, as 64-bit hashes under a random key: two of 100 000 series collide with a chance of 3e-10.
    let hasher = RandomState::new();
    let mut seen = HashSet::new();

    for (scope, metric) in &family.members {
        let fixed = scope_labels.get(*scope).map_or(&[][..], Vec::as_slice);
        let (mut duplicates, mut malformed) = (0, 0);
        match &metric.data {
            MetricData::Sum { points, .. } | MetricData::Gauge { points } => {
                for point in points {
                    let labels = labels.render(&point.attributes, fixed, None);
                    if seen.insert(hasher.hash_one(labels)) {
                        sample(text, name, "", labels, Sample(point.value));
                    } else {
                        duplicates += 1;
                    }
                }
            }
            MetricData::Histogram { points, .. } => {
                for point in points {
                    let labels = labels.render(&point.attributes, fixed, Some("le"));
                    if !is_well_formed(point) {
                        malformed += 1;
                    } else if seen.insert(hasher.hash_one(labels)) {
                        histogram(text, name, labels, point);
                    } else {
                        duplicates += 1;
                    }
                }
            }
            MetricData::ExponentialHistogram { points, .. } => {
                for point in points {
                    let labels = labels.render(&point.attributes, fixed, Some("le"));
                    if !exponential::is_well_formed(point) {
                        malformed += 1;
                    } else if seen.insert(hasher.hash_one(labels)) {
                        histogram(text, name, labels, &exponential::with_bounds(point));
                    } else {
                        duplicates += 1;
                    }
                }
            }
            // Families are made of the kinds above only.
            _ => {}
        }
        for (series, reason) in
            [(duplicates, DropReason::DuplicateSeries), (malformed, DropReason::MalformedHistogram)]
        {
            if series > 0 {
                out.dropped.push(Dropped { metric: metric.name.to_string(), series, reason });
            }
        }
    }
    if text.len() == after_head {
        text.truncate(before);
    }
}

/// `HELP` and `TYPE`. Writing to a String does not fail, here and below.
fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    let _ = write!(text, "# HELP {name} ");
    for c in help.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text.push('\n');
    let _ = writeln!(text, "# TYPE {name} {kind}");
}

fn sample(text: &mut String, name: &str, suffix: &str, labels: &str, value: impl fmt::Display) {
    let _ = match labels.is_empty() {
        true => writeln!(text, "{name}{suffix} {value}"),
        false => writeln!(text, "{name}{suffix}{{{labels}}} {value}"),
    };
}

fn is_well_formed(point: &HistogramPoint) -> bool {
    let bounds = &point.bounds;
    // Without bounds, buckets may be left out: everything is below infinity.
    let fits = point.buckets.len() == bounds.len() + 1 || (bounds.is_empty() && point.buckets.is_empty());
    let ascending = bounds.windows(2).all(|w| w[0] < w[1]) && bounds.iter().all(|b| b.is_finite());
    let total = point.buckets.iter().try_fold(0u64, |sum, n| sum.checked_add(*n));
    fits && ascending && (point.buckets.is_empty() || total == Some(point.count))
}

fn histogram(text: &mut String, name: &str, labels: &str, point: &HistogramPoint) {
    let comma = if labels.is_empty() { "" } else { "," };
    let mut below = 0;
    for (bound, count) in point.bounds.iter().zip(&point.buckets) {
        below += count;
        let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{}\"}} {below}", Value(*bound));
    }
    let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {}", point.count);
    sample(text, name, "_sum", labels, Value(point.sum));
    sample(text, name, "_count", labels, point.count);
}

/// A double as the format wants it: shortest digits that read back, `NaN`, `+Inf`, `-Inf`.
struct Value(f64);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.0;
        match v {
            _ if v.is_nan() => f.write_str("NaN"),
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            // Rust never chooses an exponent by itself: 1e300 would be 301 digits.
            _ if v != 0.0 && !(1e-5..1e16).contains(&v.abs()) => write!(f, "{v:e}"),
            _ => write!(f, "{v}"),
        }
    }
}

/// A number as it stands: integers beyond 2^53 keep all their digits.
struct Sample(Number);

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Number::I64(v) => write!(f, "{v}"),
            Number::F64(v) => Value(v).fmt(f),
        }
    }
}
