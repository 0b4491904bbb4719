//! What the fuzz targets reach: the reader of what a receiver answers.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::reply::{self, Outcome};
use super::sample::Amount;
use crate::http_client::Answer;

/// How many of so many samples and histograms an answer says are not stored: of a refusal all, with the wait that it asks
/// for. `None` if the receiver knows another version.
pub fn missing(
    (status, headers, body): (StatusCode, HeaderMap, Bytes),
    (samples, histograms): (u64, u64),
    v2: bool,
) -> Option<(u64, Option<Duration>)> {
    let sent = Amount { samples, histograms, exemplars: 0 };
    let answer = Answer { status, headers, body, oversized: false };
    match reply::read(&answer, sent, v2, "remote write", SystemTime::UNIX_EPOCH) {
        Outcome::Stored => Some((0, None)),
        Outcome::Partly { missing, .. } => Some((missing, None)),
        Outcome::OtherVersion { .. } => None,
        Outcome::Refused(error) => Some((samples.saturating_add(histograms), error.retry_after())),
    }
}
