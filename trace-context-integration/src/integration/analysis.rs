//! The call that says how an operation performed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use trace_core::analyze::{PerformanceContext, analyze_performance};
use trace_core::model::{
    BaselineComparison, Evidence, PerformanceAnalysis, Recommendation, Severity, SpanContext, SpanData,
    SpanId, Status, TargetResult, TargetVerdict, TraceFlags,
};
use trace_core::store::{StoredSpan, StoredTrace};

use super::guarded::bounded;
use super::measured::throughput;
use super::open::{End, OpenTrace};
use super::request::AnalyzeContextPerformance;
use super::service::{MonitoringContextIntegration, Shared};
use crate::error::IntegrationError;

/// What the state of a trace contributes, taken under its lock.
struct Known {
    root: StoredSpan,
    comparison: Option<BaselineComparison>,
    breaches: Vec<Evidence>,
    targets: trace_core::model::PerformanceTargets,
    throughput: Option<f64>,
}

impl MonitoringContextIntegration {
    /// How an operation performed: its targets, its baseline, and where the time went according to the spans that
    /// have ended and reached the store. An open trace is analysed as if it ended now.
    ///
    /// Once the operation's metrics are recorded, its duration is the recorded one for the baseline, and the
    /// baseline is the one before it.
    ///
    /// # Errors
    /// A trace that is unknown or of another context; a store or flush that fails, panics or takes too long.
    pub async fn analyze_context_performance(
        &self,
        request: AnalyzeContextPerformance,
    ) -> Result<PerformanceAnalysis, IntegrationError> {
        let open = self.known(request.trace, &request.context)?;
        let shared = &self.shared;
        let mut known = shared.known(&open);
        let parts = shared.stored_spans(&open).await?;
        let trace = assemble(&open, known.root, parts);
        let context = PerformanceContext {
            targets: known.targets,
            throughput_ops_per_sec: known.throughput,
            baseline: known.comparison.take().filter(|_| request.compare_with_baseline),
            ..PerformanceContext::default()
        };
        // The root is always among the spans, so there is always an analysis.
        let analysis = analyze_performance(&trace, &context);
        let mut analysis = analysis.ok_or(IntegrationError::UnknownTrace(open.ids()))?;
        if let Some(expected) = &open.expected {
            let (bound, observed) = (expected.duration_ms.p95, analysis.duration_ms);
            let verdict =
                if observed > bound { TargetVerdict::Violated } else { TargetVerdict::WithinTargets };
            let target = "expected_duration_p95_ms".to_owned();
            analysis.targets.push(TargetResult { target, bound, observed, verdict });
            analysis.verdict = match (analysis.verdict, verdict) {
                (_, TargetVerdict::Violated) => TargetVerdict::Violated,
                (TargetVerdict::Unknown, v) => v,
                (v, _) => v,
            };
        }
        if request.generate_recommendations {
            analysis.recommendations.extend(known.breaches.into_iter().map(look_at_breach));
        } else {
            analysis.recommendations.clear();
        }
        Ok(analysis)
    }
}

fn look_at_breach(evidence: Evidence) -> Recommendation {
    Recommendation {
        kind: "inspect_breach".to_owned(),
        message: format!(
            "{} was {:.1} in {}, its bound is {:.1}",
            evidence.metric, evidence.observed, evidence.window, evidence.reference
        ),
        priority: Severity::Medium,
        evidence: vec![evidence],
        exemplars: Vec::new(),
        estimated_gain_ms: None,
    }
}

impl Shared {
    fn known(&self, open: &OpenTrace) -> Known {
        let clock = self.recorder.clock();
        let state = open.state();
        let start = open.start(clock);
        let (end, at) = match state.ended {
            Some((end, at)) => (Some(end), at),
            None => (None, start + open.elapsed(clock)),
        };
        let context = open.span_context.clone().unwrap_or(SpanContext::new(
            open.trace_id,
            open.span_id,
            TraceFlags::default(),
        ));
        let mut root = SpanData::new(context, open.operation.clone(), start, at);
        let failed = end == Some(End::Failed) || state.metrics.as_ref().is_some_and(|m| !m.success);
        if failed {
            root.status = Status::Error("operation failed".into());
        }
        let comparison = match state.metrics {
            Some(_) => state.comparison,
            None => {
                let so_far = at.since(start).as_secs_f64() * 1e3;
                self.baselines.compare(&open.baseline_key, so_far, clock.now())
            }
        };
        Known {
            root: StoredSpan { resource: self.recorder.resource().clone(), span: root },
            comparison,
            breaches: state.breaches.clone(),
            targets: state.setup.as_ref().map(|s| s.targets).unwrap_or_default(),
            throughput: state.metrics.as_ref().and_then(throughput),
        }
    }

    async fn stored_spans(&self, open: &OpenTrace) -> Result<Vec<StoredSpan>, IntegrationError> {
        let Some(reader) = &self.reader else { return Ok(Vec::new()) };
        if let Some(flush) = &self.flush {
            let flush = flush.clone();
            bounded("flush before the analysis", self.step_timeout, async move { flush().await })
                .await?
                .map_err(IntegrationError::Flush)?;
        }
        let reader: &Arc<_> = reader;
        let trace = bounded("span store", self.step_timeout, async {
            reader.trace(&open.tenant, &open.trace_id).await
        })
        .await??;
        Ok(trace.map(|t| t.spans).unwrap_or_default())
    }
}

/// The operation's own spans below its root. In a trace that began before it, only spans that are known to descend
/// from it belong to it.
fn assemble(open: &OpenTrace, root: StoredSpan, parts: Vec<StoredSpan>) -> StoredTrace {
    let parents: HashMap<SpanId, Option<SpanId>> =
        parts.iter().map(|s| (s.span.context.span_id, s.span.parent_span_id)).collect();
    let descends = |mut id: SpanId| {
        let mut seen = HashSet::new();
        while seen.insert(id) {
            match parents.get(&id).copied().flatten() {
                Some(parent) if parent == open.span_id => return true,
                Some(parent) => id = parent,
                None => return false,
            }
        }
        false
    };
    let mut spans: Vec<StoredSpan> = parts
        .iter()
        .filter(|s| s.span.context.span_id != open.span_id)
        .filter(|s| !open.has_parent || descends(s.span.context.span_id))
        .cloned()
        .collect();
    spans.insert(0, root);
    StoredTrace { trace_id: open.trace_id, spans, incomplete: false }
}
