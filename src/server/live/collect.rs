//! The figures of a second.

use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use trace_core::analyze::{RedQuery, RedRow};
use trace_core::model::{TimeRange, Timestamp};

use super::event::LiveEvent;
use crate::module::TraceModule;
use crate::server::trace_view::millis;

/// Operations in a tick at most.
const OPERATIONS: usize = 20;
/// The period that operations are summed over.
const PERIOD: Duration = Duration::from_secs(60);
const SECOND: u64 = 1_000_000_000;

/// Where the figures come from. Does not keep the module alive.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) module: Weak<TraceModule>,
}

impl Source {
    pub(super) fn new(module: &Arc<TraceModule>) -> Self {
        Self { module: Arc::downgrade(module) }
    }

    /// `{time, requests}` of the last full second.
    pub(super) fn requests(&self, now: Timestamp) -> Value {
        let Some(module) = self.module.upgrade() else { return Value::Null };
        let end = Timestamp::from_unix_nanos(now.unix_nanos() / SECOND * SECOND);
        let range = TimeRange { start: end - Duration::from_secs(1), end };
        let query = RedQuery::all(range).requests();
        let summary = module.windows().summary(&query);
        let quantile = |ms: f64| (summary.count > 0).then_some(ms);
        json!({
            "time": millis(end),
            "requests": {
                "count": summary.count,
                "errors": summary.errors,
                "p50Ms": quantile(summary.duration_ms.p50),
                "p95Ms": quantile(summary.duration_ms.p95),
                "p99Ms": quantile(summary.duration_ms.p99),
            },
        })
    }

    /// The whole `tick` of the last full second.
    pub(super) fn tick(&self, now: Timestamp) -> Option<LiveEvent> {
        let module = self.module.upgrade()?;
        let mut tick = self.requests(now);
        let ledger = module.ledger();
        tick["service"] = json!(module.recorder().resource().service_name());
        tick["operations"] = json!(operations(&module, now));
        tick["pipeline"] = json!({
            "recorded": ledger.received,
            "open": ledger.open,
            "dropped": ledger.dropped,
            "destinations": ledger.destinations,
        });
        tick["health"] = json!(module.service().health());
        LiveEvent::new("tick", &tick)
    }
}

/// Those with the most time of their own, first.
fn operations(module: &TraceModule, now: Timestamp) -> Vec<Value> {
    let mut rows = module.windows().rows(&RedQuery::all(TimeRange::last(PERIOD, now)));
    let total = |row: &RedRow| row.summary.self_time_ms.avg * row.summary.count as f64;
    rows.sort_by(|a, b| total(b).total_cmp(&total(a)));
    rows.truncate(OPERATIONS);
    let operation = |row: RedRow| {
        json!({
            "series": format!("{}/{}", row.service, row.operation),
            "kind": row.kind,
            "count": row.summary.count,
            "errors": row.summary.errors,
            "p50Ms": row.summary.duration_ms.p50,
            "p95Ms": row.summary.duration_ms.p95,
            "selfP50Ms": row.summary.self_time_ms.p50,
        })
    };
    rows.into_iter().map(operation).collect()
}
