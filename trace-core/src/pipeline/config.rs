//! How a destination is fed.

use std::time::Duration;

use super::backoff::RetryPolicy;

/// How a destination is fed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DestinationConfig {
    /// The most spans in one call of the exporter; 512 by default (`OTEL_BSP_MAX_EXPORT_BATCH_SIZE`).
    pub max_batch: usize,
    /// How long spans may wait for others to travel with; 1 s by default (`OTEL_BSP_SCHEDULE_DELAY`).
    pub max_delay: Duration,
    /// How much may wait, in bytes; 32 MiB by default. What comes on top is dropped as `queue_full`.
    pub queue_bytes: usize,
    /// How much may wait, in spans, data points or log records; without limit by default (`OTEL_BSP_MAX_QUEUE_SIZE`).
    pub queue_records: usize,
    /// The longest one attempt may take; 10 s by default (`OTEL_BSP_EXPORT_TIMEOUT`). Retries do not count into it.
    pub timeout: Duration,
    /// How failed attempts are repeated.
    pub retry: RetryPolicy,
    /// `otel.component.type` of the exporter in metrics about the pipeline, such as `otlp_http_span_exporter`. By
    /// default `mplp_` and the destination's name.
    pub component: &'static str,
    /// Whether it also gets spans that are not sampled, which were recorded for processors; not by default.
    pub record_only: bool,
}

impl Default for DestinationConfig {
    fn default() -> Self {
        Self {
            max_batch: 512,
            max_delay: Duration::from_secs(1),
            queue_bytes: 32 << 20,
            queue_records: usize::MAX,
            timeout: Duration::from_secs(10),
            retry: RetryPolicy::default(),
            component: "",
            record_only: false,
        }
    }
}
