//! The handlers, one file a topic.

pub(super) mod alerts;
pub(super) mod health;
pub(super) mod monitoring;
pub(super) mod traces;
pub(super) mod workflows;

use axum::Json;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;

use super::error::ApiError;

/// What a handler answers.
type Answer = Result<Json<serde_json::Value>, ApiError>;

/// The parameters of a query, or why they are none.
type Parameters<T> = Result<Query<T>, QueryRejection>;
