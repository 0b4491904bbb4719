//! `POST /api/v1/workflows/execute`.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde_json::json;

use super::Answer;
use crate::server::error::ApiError;
use crate::server::state::AppState;
use crate::server::workflow::{WorkflowError, WorkflowRequest};

pub(in crate::server) async fn execute(
    State(app): State<AppState>,
    body: Result<Json<WorkflowRequest>, JsonRejection>,
) -> Answer {
    let Json(request) = body?;
    let run = app.workflows.execute(&request).await;
    match run.result {
        Ok(result) => Ok(Json(json!({
            "success": true,
            "workflowId": request.workflow_id,
            "executionId": run.trace.map(|t| t.trace_id),
            "result": result,
            "tracing": run.trace.map(|t| json!({ "traceId": t.trace_id, "spanId": t.span_id })),
        }))),
        Err(error @ WorkflowError::Invalid(_)) => {
            Err(ApiError::bad_request("INVALID_WORKFLOW", error.to_string()).traced(run.trace))
        }
        Err(error) => {
            let failed = StatusCode::INTERNAL_SERVER_ERROR;
            Err(ApiError::new(failed, "WORKFLOW_EXECUTION_FAILED", error.to_string()).traced(run.trace))
        }
    }
}
