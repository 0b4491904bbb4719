//! A trace that took far longer than those before it.

use super::{TraceFindings, evidence};
use crate::model::{Recommendation, Severity};

/// A duration is a regression if it is this much over the baseline and this many robust deviations off.
const REGRESSION_RATIO: f64 = 1.2;
const REGRESSION_Z: f64 = 3.0;

/// The duration against its past.
pub(super) fn find(f: &TraceFindings<'_>) -> Option<Recommendation> {
    let b = f.baseline.filter(|b| b.ratio >= REGRESSION_RATIO && b.z_robust >= REGRESSION_Z)?;
    let observed = b.baseline_ms * b.ratio;
    Some(Recommendation {
        kind: "baseline_regression".to_owned(),
        message: format!(
            "{observed:.0} ms is {:.0} % over the median of {:.0} ms in {} earlier runs",
            b.delta_percent, b.baseline_ms, b.sample_size
        ),
        priority: if b.ratio >= 2.0 { Severity::High } else { Severity::Medium },
        evidence: vec![evidence("duration_ms", observed, b.baseline_ms, &f.window())],
        exemplars: f.exemplars(f.trace.spans.get(f.timing.root)),
        estimated_gain_ms: Some(observed - b.baseline_ms),
    })
}
