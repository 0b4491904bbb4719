//! `/api/v1/traces` and `/api/v1/traces/{id}`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::json;
use trace_core::batch::StatusCode;
use trace_core::model::{SpanKind, TimeRange, TraceId};
use trace_core::store::{AttributeCondition, ReadError, SpanFilter, SpanQuery};

use super::{Answer, Parameters, tenant};
use crate::server::error::ApiError;
use crate::server::state::AppState;
use crate::server::trace_view;

/// The query of the list. An empty text counts as absent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::server) struct List {
    tenant: Option<String>,
    limit: Option<usize>,
    service: Option<String>,
    operation: Option<String>,
    kind: Option<String>,
    status: Option<String>,
    /// A JSON object of names and texts.
    attributes: Option<String>,
    error_only: bool,
    min_duration_ms: Option<f64>,
    max_duration_ms: Option<f64>,
    time_range: Option<String>,
    cursor: Option<String>,
}

pub(in crate::server) async fn list(State(app): State<AppState>, query: Parameters<List>) -> Answer {
    let Query(query) = query?;
    let tenant = tenant(query.tenant.clone())?;
    let query = query.into_span_query(&app)?;
    let page = app.module.reader().search(&tenant, &query).await.map_err(unreadable)?;
    let traces: Vec<_> = page.items.iter().map(trace_view::summary).collect();
    Ok(Json(json!({ "success": true, "traces": traces, "nextCursor": page.next_cursor })))
}

/// The query of one trace. An empty text counts as absent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::server) struct One {
    tenant: Option<String>,
}

pub(in crate::server) async fn one(
    State(app): State<AppState>,
    Path(id): Path<String>,
    query: Parameters<One>,
) -> Answer {
    let Query(query) = query?;
    let tenant = tenant(query.tenant)?;
    let id: TraceId = id.parse().map_err(|e: trace_core::model::ParseIdError| {
        ApiError::bad_request("INVALID_TRACE_ID", e.to_string())
    })?;
    let Some(trace) = app.module.reader().trace(&tenant, &id).await.map_err(unreadable)? else {
        let error = trace_core::service::QueryError::TraceNotFound(id);
        return Err(error.into());
    };
    Ok(Json(json!({ "success": true, "trace": trace_view::whole(&trace) })))
}

impl List {
    fn into_span_query(self, app: &AppState) -> Result<SpanQuery, ApiError> {
        let text = |v: Option<String>| v.filter(|v| !v.is_empty());
        let range = text(self.time_range)
            .map(|t| TimeRange::parse(&t, app.module.service().now()))
            .transpose()
            .map_err(|e| ApiError::bad_request("INVALID_TIME_RANGE", e.to_string()))?;
        if self.limit.is_some_and(|n| n == 0 || n > SpanQuery::MAX_LIMIT) {
            let message = format!("limit must be 1 to {}", SpanQuery::MAX_LIMIT);
            return Err(ApiError::bad_request("INVALID_LIMIT", message));
        }
        Ok(SpanQuery {
            filter: SpanFilter {
                service: text(self.service),
                operation: text(self.operation),
                kind: text(self.kind).map(|k| kind(&k)).transpose()?,
                status: text(self.status).map(|s| status(&s)).transpose()?,
                attributes: text(self.attributes).map_or(Ok(Vec::new()), |a| attributes(&a))?,
            },
            error_only: self.error_only,
            min_duration: self.min_duration_ms.map(|ms| milliseconds("minDurationMs", ms)).transpose()?,
            max_duration: self.max_duration_ms.map(|ms| milliseconds("maxDurationMs", ms)).transpose()?,
            range,
            limit: self.limit.unwrap_or(0),
            cursor: text(self.cursor),
        })
    }
}

fn milliseconds(name: &str, ms: f64) -> Result<Duration, ApiError> {
    Duration::try_from_secs_f64(ms / 1e3).map_err(|_| {
        ApiError::bad_request(
            "INVALID_DURATION",
            format!("{name} must be a number of milliseconds, 0 or more"),
        )
    })
}

fn kind(text: &str) -> Result<SpanKind, ApiError> {
    match text {
        "internal" => Ok(SpanKind::Internal),
        "server" => Ok(SpanKind::Server),
        "client" => Ok(SpanKind::Client),
        "producer" => Ok(SpanKind::Producer),
        "consumer" => Ok(SpanKind::Consumer),
        _ => {
            let message = "kind must be internal, server, client, producer or consumer";
            Err(ApiError::bad_request("INVALID_KIND", message))
        }
    }
}

fn status(text: &str) -> Result<StatusCode, ApiError> {
    match text {
        "unset" => Ok(StatusCode::Unset),
        "ok" => Ok(StatusCode::Ok),
        "error" => Ok(StatusCode::Error),
        _ => Err(ApiError::bad_request("INVALID_STATUS", "status must be unset, ok or error")),
    }
}

/// `{"http.route":"/items/{id}","http.response.status_code":500}`: every name has this value.
fn attributes(json: &str) -> Result<Vec<AttributeCondition>, ApiError> {
    let of: BTreeMap<String, serde_json::Value> = serde_json::from_str(json).map_err(|e| {
        ApiError::bad_request("INVALID_ATTRIBUTES", format!("attributes must be a JSON object: {e}"))
    })?;
    let condition = |(key, value)| match value {
        serde_json::Value::String(text) => AttributeCondition::equals(key, text),
        other => AttributeCondition::equals(key, other.to_string()),
    };
    Ok(of.into_iter().map(condition).collect())
}

fn unreadable(error: ReadError) -> ApiError {
    match error {
        ReadError::InvalidCursor(_) => ApiError::bad_request("INVALID_CURSOR", error.to_string()),
        _ => ApiError::new(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            "STORAGE_UNAVAILABLE",
            "stored spans cannot be read",
        ),
    }
}
