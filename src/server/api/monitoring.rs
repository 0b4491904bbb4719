//! `/api/v1/monitoring/performance` and `/api/v1/monitoring/anomalies`.

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::json;
use trace_core::service::{AnomalyQuery, PerformanceQuery};

use super::{Answer, Parameters, tenant};
use crate::server::state::AppState;

/// The query of `performance`. An empty text counts as absent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::server) struct Performance {
    tenant: Option<String>,
    trace_id: Option<String>,
    time_range: Option<String>,
    #[serde(default = "yes")]
    include_anomalies: bool,
    #[serde(default = "yes")]
    include_recommendations: bool,
}

fn yes() -> bool {
    true
}

/// The query of `anomalies`. An empty text counts as absent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::server) struct Anomalies {
    tenant: Option<String>,
    severity: Option<String>,
    time_range: Option<String>,
    #[serde(default, alias = "resolved")]
    include_resolved: bool,
}

fn given(value: Option<String>) -> Option<String> {
    value.filter(|v| !v.is_empty())
}

pub(in crate::server) async fn performance(
    State(app): State<AppState>,
    query: Parameters<Performance>,
) -> Answer {
    let Query(query) = query?;
    let default = PerformanceQuery::default();
    let tenant = tenant(query.tenant)?;
    let query = PerformanceQuery {
        trace_id: given(query.trace_id),
        time_range: given(query.time_range).unwrap_or(default.time_range),
        include_anomalies: query.include_anomalies,
        include_recommendations: query.include_recommendations,
    };
    let data = app.module.service().for_tenant(tenant).performance_data(query).await?;
    Ok(Json(json!({ "success": true, "data": data })))
}

pub(in crate::server) async fn anomalies(
    State(app): State<AppState>,
    query: Parameters<Anomalies>,
) -> Answer {
    let Query(query) = query?;
    let default = AnomalyQuery::default();
    let tenant = tenant(query.tenant)?;
    let query = AnomalyQuery {
        severity: given(query.severity).unwrap_or(default.severity),
        time_range: given(query.time_range).unwrap_or(default.time_range),
        include_resolved: query.include_resolved,
    };
    let anomalies = app.module.service().for_tenant(tenant).anomalies(&query)?;
    Ok(Json(json!({ "success": true, "anomalies": anomalies })))
}
