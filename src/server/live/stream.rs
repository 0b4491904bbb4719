//! One subscriber.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::unfold;

use crate::server::error::ApiError;
use crate::server::state::AppState;

/// Streams at a time.
const MAX_STREAMS: usize = 64;

/// `GET /api/v1/live`. The stream ends when the subscriber falls too far behind, and with the server.
pub(in crate::server) async fn stream(State(app): State<AppState>) -> Response {
    if app.live.subscribers() >= MAX_STREAMS {
        let message = format!("{MAX_STREAMS} live streams are open, which is the limit");
        return ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "TOO_MANY_STREAMS", message).into_response();
    }
    let (known, receiver) = app.live.subscribe().await;
    let first: String = known.iter().filter_map(super::event::LiveEvent::frame).collect();
    let frames = unfold((Some(first), receiver), |(first, mut receiver)| async move {
        let frame = match first {
            Some(first) => first,
            // Cut off, or the end of the server: the stream ends, and the page connects again.
            None => receiver.recv().await.ok()?.frame()?,
        };
        Some((Ok::<_, Infallible>(Bytes::from(frame)), (None, receiver)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx would hold events back.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(frames)).into_response()
}
