//! `/api/v1/alerts`.

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::json;
use trace_alerting::RecordFilter;
use trace_core::model::{AlertKind, AlertState, SeverityFilter, TimeRange};

use super::{Answer, Parameters, tenant};
use crate::server::error::ApiError;
use crate::server::state::AppState;

/// Records in an answer at most.
const MAX_LIMIT: usize = 1000;

/// The query. An empty text counts as absent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::server) struct List {
    tenant: Option<String>,
    severity: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    state: Option<AlertState>,
    time_range: Option<String>,
    limit: Option<usize>,
}

pub(in crate::server) async fn list(State(app): State<AppState>, query: Parameters<List>) -> Answer {
    let Query(query) = query?;
    let filter = query.into_filter(&app)?;
    // Without alerting nobody was ever told of anything.
    let alerts = app.module.alerts().map_or_else(Vec::new, |router| router.records(&filter));
    Ok(Json(json!({ "success": true, "alerts": alerts })))
}

impl List {
    fn into_filter(self, app: &AppState) -> Result<RecordFilter, ApiError> {
        let text = |v: Option<String>| v.filter(|v| !v.is_empty());
        let severity: SeverityFilter = text(self.severity).unwrap_or_default().parse().map_err(
            |e: trace_core::model::ParseSeverityError| {
                ApiError::bad_request("INVALID_SEVERITY", e.to_string())
            },
        )?;
        let range = text(self.time_range)
            .map(|t| TimeRange::parse(&t, app.module.service().now()))
            .transpose()
            .map_err(|e| ApiError::bad_request("INVALID_TIME_RANGE", e.to_string()))?;
        let limit = self.limit.unwrap_or(100);
        if limit == 0 || limit > MAX_LIMIT {
            return Err(ApiError::bad_request("INVALID_LIMIT", format!("limit must be 1 to {MAX_LIMIT}")));
        }
        Ok(RecordFilter {
            tenant: Some(tenant(self.tenant)?),
            severity,
            kind: text(self.kind).map(|k| AlertKind::from(k.as_str())),
            state: self.state,
            since: range.map(|r| r.start),
            limit,
        })
    }
}
