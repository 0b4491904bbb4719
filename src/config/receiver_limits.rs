//! How much a receiver takes.

use std::time::Duration;

use serde::Serialize;

use super::duration::Length;
use super::section::Section;

/// `limits` of a receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiverLimitsConfig {
    /// `maxBodyBytes`: of one body as sent; 64 MiB by default.
    pub max_body_bytes: usize,
    /// `maxDecodedBytes`: of one body after decompression; 64 MiB by default.
    pub max_decoded_bytes: usize,
    /// `maxRecords`: of one request; 262 144 by default.
    pub max_records: usize,
    /// `maxRequests`: at a time; 256 by default.
    pub max_requests: usize,
    /// `maxBytesInFlight`: of all requests at a time; 256 MiB by default.
    pub max_bytes_in_flight: usize,
    /// `maxRequestsPerSecond`; 0, the default, is without limit.
    pub max_requests_per_second: u64,
    /// `maxBytesPerSecond`, after decompression; 0, the default, is without limit.
    pub max_bytes_per_second: u64,
    /// `bodyTimeout`: for a body to arrive; 30 s by default.
    #[serde(serialize_with = "super::duration::as_text")]
    pub body_timeout: Duration,
    /// `retryAfter`: what a client is told under load, in whole seconds; 1 s by default.
    #[serde(serialize_with = "super::duration::as_text")]
    pub retry_after: Duration,
}

impl Default for ReceiverLimitsConfig {
    fn default() -> Self {
        Self {
            max_body_bytes: 64 << 20,
            max_decoded_bytes: 64 << 20,
            max_records: 262_144,
            max_requests: 256,
            max_bytes_in_flight: 256 << 20,
            max_requests_per_second: 0,
            max_bytes_per_second: 0,
            body_timeout: Duration::from_secs(30),
            retry_after: Duration::from_secs(1),
        }
    }
}

/// The most of anything that can be asked for.
const MOST: u64 = 1 << 40;

impl ReceiverLimitsConfig {
    pub(super) fn read(s: &Section<'_>) -> Self {
        let default = Self::default();
        let size = |key, otherwise| {
            s.field(key).integer(1..=MOST).and_then(|n| usize::try_from(n).ok()).unwrap_or(otherwise)
        };
        let rate = |key| s.field(key).integer(0..=MOST).unwrap_or(0);
        let length = |key, otherwise| s.field(key).parse::<Length>().map_or(otherwise, |l| l.0);
        Self {
            max_body_bytes: size("maxBodyBytes", default.max_body_bytes),
            max_decoded_bytes: size("maxDecodedBytes", default.max_decoded_bytes),
            max_records: size("maxRecords", default.max_records),
            max_requests: size("maxRequests", default.max_requests),
            max_bytes_in_flight: size("maxBytesInFlight", default.max_bytes_in_flight),
            max_requests_per_second: rate("maxRequestsPerSecond"),
            max_bytes_per_second: rate("maxBytesPerSecond"),
            body_timeout: length("bodyTimeout", default.body_timeout).max(Duration::from_millis(1)),
            retry_after: length("retryAfter", default.retry_after),
        }
    }
}
