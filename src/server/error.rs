//! How an error is answered: `{"success": false, "error": "text", "code": "CODE"}` with the status that fits.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use trace_core::model::TraceIds;
use trace_core::service::QueryError;

/// An answer other than success.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    trace: Option<TraceIds>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), trace: None }
    }

    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The same answer with the trace that shows what happened.
    pub(super) fn traced(mut self, trace: Option<TraceIds>) -> Self {
        self.trace = trace;
        self
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let status = StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, error.code(), error.to_string())
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request("INVALID_QUERY", innermost(&rejection))
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let status = rejection.status();
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(status, "BODY_TOO_LARGE", "the body is over 1 MiB"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(
                status,
                "UNSUPPORTED_MEDIA_TYPE",
                "the body must be JSON, with content-type application/json",
            ),
            _ => Self::bad_request("INVALID_BODY", innermost(&rejection)),
        }
    }
}

/// The text of the innermost cause: what is wrong, without the layers that noticed it.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = json!({ "success": false, "error": self.message, "code": self.code });
        if let Some(trace) = self.trace {
            body["tracing"] = json!({ "traceId": trace.trace_id, "spanId": trace.span_id });
        }
        (self.status, Json(body)).into_response()
    }
}
