//! How spans are batched and bounded.

use std::time::Duration;

use serde::{Serialize, Serializer};
use trace_core::env::{BatchSettings, EnvSettings, LimitSettings};
use trace_core::pipeline::DestinationConfig;
use trace_core::record::SpanLimits;

use super::section::Section;

/// `opentelemetry.tracing.batch` and `opentelemetry.logs.batch` (whose variables are `OTEL_BLRP_*`): for destinations elsewhere; what is `None` has the default of [`DestinationConfig`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchConfig {
    /// `maxDelayMs`: how long spans wait for others to travel with. Else `OTEL_BSP_SCHEDULE_DELAY`.
    #[serde(rename = "maxDelayMs", serialize_with = "ms")]
    pub max_delay: Option<Duration>,
    /// `maxQueueSize`: how many spans may wait. Else `OTEL_BSP_MAX_QUEUE_SIZE`.
    pub max_queue_size: Option<usize>,
    /// `maxBatchSize`: the most spans in one call. Else `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`.
    pub max_batch_size: Option<usize>,
    /// `exportTimeoutMs`: the longest one call of an exporter may take, whatever the exporter allows itself; 0 is without
    /// limit. Else `OTEL_BSP_EXPORT_TIMEOUT`, else as long as the exporter's `timeoutMs`.
    #[serde(rename = "exportTimeoutMs", serialize_with = "ms")]
    pub export_timeout: Option<Duration>,
}

pub(super) fn ms<S: Serializer>(length: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
    match length {
        Some(length) => super::duration::as_ms(length, s),
        None => s.serialize_none(),
    }
}

fn size(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

impl BatchConfig {
    pub(super) fn read(s: &Section<'_>, env: &BatchSettings) -> Self {
        let most = 1..=10_000_000;
        let count = |key, env: Option<u64>| s.field(key).integer(most.clone()).or(env).map(size);
        let millis = |key| s.field(key).integer(0..=600_000).map(Duration::from_millis);
        let timeout = millis("exportTimeoutMs").map(|t| if t.is_zero() { Duration::MAX } else { t });
        Self {
            max_delay: millis("maxDelayMs").or(env.schedule_delay),
            max_queue_size: count("maxQueueSize", env.max_queue_size),
            max_batch_size: count("maxBatchSize", env.max_export_batch_size),
            export_timeout: timeout.or(env.export_timeout),
        }
    }

    /// `config`, with what is set here instead. A batch is never larger than the queue.
    pub fn apply_to(&self, mut config: DestinationConfig) -> DestinationConfig {
        config.max_delay = self.max_delay.unwrap_or(config.max_delay);
        config.queue_records = self.max_queue_size.unwrap_or(config.queue_records);
        config.max_batch = self.max_batch_size.unwrap_or(config.max_batch).min(config.queue_records);
        config.timeout = self.export_timeout.unwrap_or(config.timeout);
        config
    }
}

/// `opentelemetry.tracing.limits`: of one span; what is `None` has the default of [`SpanLimits`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitsConfig {
    /// Attributes. Else `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, else `OTEL_ATTRIBUTE_COUNT_LIMIT`.
    pub attributes: Option<u64>,
    /// Events. Else `OTEL_SPAN_EVENT_COUNT_LIMIT`.
    pub events: Option<u64>,
    /// Links. Else `OTEL_SPAN_LINK_COUNT_LIMIT`.
    pub links: Option<u64>,
    /// `valueLength`: characters of a text value. Else `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else
    /// `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else without limit.
    pub value_length: Option<u64>,
    /// `OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT`, else 128.
    pub event_attributes: Option<u64>,
    /// `OTEL_LINK_ATTRIBUTE_COUNT_LIMIT`, else 128.
    pub link_attributes: Option<u64>,
}

impl LimitsConfig {
    pub(super) fn read(s: &Section<'_>, env: &EnvSettings) -> Self {
        let limit = |key, env: Option<u64>| s.field(key).integer(0..=u64::from(u16::MAX)).or(env);
        Self {
            attributes: limit("attributes", env.limits.attribute_count),
            events: limit("events", env.limits.event_count),
            links: limit("links", env.limits.link_count),
            event_attributes: limit("eventAttributes", env.limits.event_attribute_count),
            link_attributes: limit("linkAttributes", env.limits.link_attribute_count),
            value_length: s.field("valueLength").integer(0..=1 << 30).or(env.limits.attribute_value_length),
        }
    }

    /// `limits`, with what is set here instead.
    pub fn apply_to(&self, limits: SpanLimits) -> SpanLimits {
        let settings = LimitSettings {
            attribute_count: self.attributes,
            event_count: self.events,
            link_count: self.links,
            attribute_value_length: self.value_length,
            event_attribute_count: self.event_attributes,
            link_attribute_count: self.link_attributes,
        };
        settings.apply_to(limits)
    }
}
