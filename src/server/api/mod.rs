//! The handlers, one file a topic.

pub(super) mod alerts;
pub(super) mod health;
pub(super) mod monitoring;
pub(super) mod traces;
pub(super) mod workflows;

use axum::Json;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use trace_core::model::TenantId;

use super::error::ApiError;

/// What a handler answers.
type Answer = Result<Json<serde_json::Value>, ApiError>;

/// The parameters of a query, or why they are none.
type Parameters<T> = Result<Query<T>, QueryRejection>;

/// The tenant that a query names; the default one if it names none.
fn tenant(name: Option<String>) -> Result<TenantId, ApiError> {
    match name.as_deref() {
        None | Some("") => Ok(TenantId::default()),
        Some(name) => TenantId::new(name).map_err(|e| ApiError::bad_request("INVALID_TENANT", e.to_string())),
    }
}
