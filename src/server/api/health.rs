//! `/health`, `/health/live`, `/health/ready`.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use trace_core::model::HealthLevel;

use crate::server::state::AppState;

/// Notifications given up that are shown at most.
const DEAD_LETTERS: usize = 20;

/// Everything: 200 if healthy or degraded, 503 if unhealthy.
pub(in crate::server) async fn health(State(app): State<AppState>) -> Response {
    let (status, mut body) = summary(&app);
    if let Some(alerts) = app.module.alerts() {
        let dead = alerts.dead_letters();
        body["deadLetters"] = json!(&dead[dead.len().saturating_sub(DEAD_LETTERS)..]);
    }
    answer(status, body)
}

/// Whether the process answers at all.
pub(in crate::server) async fn alive() -> Response {
    answer(StatusCode::OK, json!({ "status": "alive" }))
}

/// Whether requests should be sent here: 503 if unhealthy.
pub(in crate::server) async fn ready(State(app): State<AppState>) -> Response {
    let (status, mut body) = summary(&app);
    body["ready"] = json!(status == StatusCode::OK);
    answer(status, body)
}

fn summary(app: &AppState) -> (StatusCode, Value) {
    let health = app.module.service().health();
    let status = match health.overall {
        HealthLevel::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        HealthLevel::Healthy | HealthLevel::Degraded => StatusCode::OK,
    };
    let body = json!({
        "status": health.overall,
        "score": health.score,
        "timestamp": health.checked_at,
        "components": health.components,
    });
    (status, body)
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
