//! What a new subscriber is told first.

use std::time::Duration;

use trace_alerting::RecordFilter;
use trace_core::model::{SeverityFilter, TenantId, TimeRange};
use trace_core::store::{SpanQuery, SpanReader};

use super::collect::Source;
use super::event::LiveEvent;
use crate::server::trace_view;

/// Anomalies and alerts, each, at most.
const RECENT: usize = 50;
const TRACES: usize = 20;
const DAY: Duration = Duration::from_secs(86_400);

impl Source {
    /// Open and recent anomalies and alerts, and the latest traces; the oldest first.
    pub(super) async fn snapshot(&self) -> Vec<LiveEvent> {
        let mut events = Vec::new();
        let Some(module) = self.module.upgrade() else { return events };
        let now = module.service().now();
        // The page shows the default tenant.
        let tenant = TenantId::default();
        // The range ends behind the present, so that what is being opened is inside.
        let range = TimeRange { start: now - DAY, end: now + DAY };
        let anomalies = module.service().anomaly_log().query(&tenant, SeverityFilter::default(), range, true);
        events.extend(anomalies.iter().take(RECENT).rev().filter_map(|a| LiveEvent::new("anomaly", a)));
        if let Some(alerts) = module.alerts() {
            let records = alerts.records(&RecordFilter {
                tenant: Some(tenant.clone()),
                limit: RECENT,
                ..RecordFilter::default()
            });
            events.extend(records.iter().rev().filter_map(|r| LiveEvent::new("alert", r)));
        }
        // The memory always answers; a store that does not has no traces to show.
        let query = SpanQuery { limit: TRACES, ..SpanQuery::default() };
        if let Ok(page) = module.store().search(&tenant, &query).await {
            let traces = page.items.iter().rev();
            events.extend(traces.filter_map(|t| LiveEvent::new("trace", &trace_view::summary(t))));
        }
        events
    }
}
