//! How much a receiver takes.

use std::time::Duration;

use serde::Deserialize;

/// How much a receiver takes: of one request, and at a time. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReceiverLimits {
    /// Bytes of one body as sent. Default 64 MiB, as OTLP recommends.
    #[serde(alias = "maxBodyBytes")]
    pub max_body_bytes: usize,
    /// Bytes of one body after decompression; it stops there. Default 64 MiB.
    #[serde(alias = "maxDecodedBytes")]
    pub max_decoded_bytes: usize,
    /// Records of one request: spans, events, links and what surrounds them, or metrics, data points and exemplars.
    /// Default 262 144.
    #[serde(alias = "maxRecords")]
    pub max_records: usize,
    /// Requests at a time; more are told to come back. Default 256.
    #[serde(alias = "maxRequests")]
    pub max_requests: usize,
    /// Bytes of all requests at a time, after decompression. Default 256 MiB.
    #[serde(alias = "maxBytesInFlight")]
    pub max_bytes_in_flight: usize,
    /// Requests in a second; more are told to come back. 0, the default: no limit.
    #[serde(alias = "maxRequestsPerSecond")]
    pub max_requests_per_second: u64,
    /// Bytes in a second, after decompression: a request is taken while those before it stay below, so that a large one
    /// may overdraw it. 0, the default: no limit.
    #[serde(alias = "maxBytesPerSecond")]
    pub max_bytes_per_second: u64,
    /// Time for a body to arrive, in milliseconds. Default 30 000.
    #[serde(alias = "bodyTimeoutMs")]
    pub body_timeout_ms: u64,
    /// When a client that was told to come back should, in seconds. Default 1.
    #[serde(alias = "retryAfterSeconds")]
    pub retry_after_seconds: u64,
}

impl Default for ReceiverLimits {
    fn default() -> Self {
        Self {
            max_body_bytes: 64 << 20,
            max_decoded_bytes: 64 << 20,
            max_records: 262_144,
            max_requests: 256,
            max_bytes_in_flight: 256 << 20,
            max_requests_per_second: 0,
            max_bytes_per_second: 0,
            body_timeout_ms: 30_000,
            retry_after_seconds: 1,
        }
    }
}

/// A limit of nothing would refuse everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("receiver limit {key} must be at least 1")]
pub struct InvalidLimits {
    /// The limit.
    pub key: &'static str,
}

impl ReceiverLimits {
    /// Checks the values.
    ///
    /// # Errors
    /// If a limit is zero. (Those by the second, and `retry_after_seconds`, may be.)
    pub fn check(&self) -> Result<(), InvalidLimits> {
        let all = [
            ("max_body_bytes", self.max_body_bytes),
            ("max_decoded_bytes", self.max_decoded_bytes),
            ("max_records", self.max_records),
            ("max_requests", self.max_requests),
            ("max_bytes_in_flight", self.max_bytes_in_flight),
            ("body_timeout_ms", usize::from(self.body_timeout_ms > 0)),
        ];
        match all.iter().find(|(_, v)| *v == 0) {
            Some((key, _)) => Err(InvalidLimits { key }),
            None => Ok(()),
        }
    }

    pub(crate) fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }
}
