//! Errors: where they began.

use std::collections::HashSet;

use super::{TraceFindings, evidence, failed};
use crate::model::{Recommendation, Severity, Status};
use crate::store::StoredSpan;

/// An error is usually passed on to the parents, so it began where no child failed.
pub(super) fn find(f: &TraceFindings<'_>) -> Option<Recommendation> {
    let errors: Vec<&StoredSpan> = f.trace.spans.iter().filter(|s| failed(s)).collect();
    // By id: a trace may have as many failed spans as it has spans.
    let passed_on: HashSet<_> = errors.iter().filter_map(|c| c.span.parent_span_id).collect();
    let origin =
        errors.iter().find(|e| !passed_on.contains(&e.span.context.span_id)).or_else(|| errors.first())?;
    let text = match &origin.span.status {
        Status::Error(m) if !m.is_empty() => format!(": {}", m.chars().take(200).collect::<String>()),
        _ => String::new(),
    };
    let root_failed = failed(f.trace.spans.get(f.timing.root)?);
    Some(Recommendation {
        kind: "investigate_errors".to_owned(),
        message: format!(
            "{} of {} spans failed; it began in `{}`{text}",
            errors.len(),
            f.trace.spans.len(),
            origin.span.name
        ),
        priority: if root_failed { Severity::High } else { Severity::Medium },
        evidence: vec![evidence("error_spans", errors.len() as f64, 0.0, &f.window())],
        exemplars: f.exemplars([*origin]),
        estimated_gain_ms: None,
    })
}
