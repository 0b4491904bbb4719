//! What the fuzz targets reach: the readers of what a receiver answers, over HTTP and over gRPC.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use super::reply;
use crate::grpc_client::{Status, frame};

/// What an answer over HTTP means: how many records were refused and the remark on that, or whether another attempt is
/// worth it, after which wait, and the message.
pub fn read_answer(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Result<(u64, String), (bool, Option<Duration>, String)> {
    let answer = reply::read(status, headers, body, now);
    answer.map(|a| (a.rejected, a.message)).map_err(|r| (r.retryable, r.retry_after, r.message))
}

/// The message of a gRPC answer's one frame.
pub fn grpc_message(body: &[u8]) -> Option<&[u8]> {
    frame::message(body).ok()
}

/// Code, message, wait and text of a gRPC status.
pub fn grpc_status(trailers: &HeaderMap) -> Option<(u32, String, Option<Duration>, String)> {
    let status = Status::read(trailers)?;
    let text = status.to_string();
    Some((status.code.0, status.message, status.retry_delay, text))
}

/// How many records a gRPC answer says were refused, and why.
pub fn grpc_partial_success(message: &[u8]) -> Option<(u64, String)> {
    reply::partial_success(message).ok().map(|a| (a.rejected, a.message))
}
