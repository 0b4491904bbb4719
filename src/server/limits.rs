//! What keeps one client from harming the others, and what every answer carries.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::error::ApiError;

/// The largest body of a request.
pub(super) const MAX_BODY: usize = 1 << 20;
/// Requests answered at a time; further ones are told to come again.
const MAX_IN_FLIGHT: usize = 512;
/// The longest a handler may take until its answer begins.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Scripts, styles, pictures and connections come from this server alone; nothing else is loaded or framed.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Places for requests under way.
#[derive(Clone)]
pub(super) struct InFlight(Arc<Semaphore>);

impl Default for InFlight {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_IN_FLIGHT)))
    }
}

/// Refuses a request for which there is no place, and ends one that takes too long.
pub(super) async fn guard(State(places): State<InFlight>, request: Request, next: Next) -> Response {
    let Ok(_place) = places.0.try_acquire() else {
        let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED", "too many requests at once");
        return ([(header::RETRY_AFTER, "1")], error).into_response();
    };
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let message = format!("no answer within {} s", REQUEST_TIMEOUT.as_secs());
            ApiError::new(StatusCode::GATEWAY_TIMEOUT, "TIMEOUT", message).into_response()
        }
    }
}

/// Adds the security headers.
pub(super) async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
