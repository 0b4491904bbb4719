//! How much a span may hold, from the environment.

use super::reader::Reader;
use crate::log::LogLimits;
use crate::record::SpanLimits;

/// `OTEL_*_LIMIT`; `None` is unset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitSettings {
    /// `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, else `OTEL_ATTRIBUTE_COUNT_LIMIT`.
    pub attribute_count: Option<u64>,
    /// `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`; in characters.
    pub attribute_value_length: Option<u64>,
    /// `OTEL_SPAN_EVENT_COUNT_LIMIT`.
    pub event_count: Option<u64>,
    /// `OTEL_SPAN_LINK_COUNT_LIMIT`.
    pub link_count: Option<u64>,
    /// `OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT`.
    pub event_attribute_count: Option<u64>,
    /// `OTEL_LINK_ATTRIBUTE_COUNT_LIMIT`.
    pub link_attribute_count: Option<u64>,
}

impl LimitSettings {
    pub(super) fn read(r: &Reader<'_>) -> Self {
        let either = |own: Option<u64>, general| own.or_else(|| r.number(general, 0));
        Self {
            attribute_count: either(
                r.number("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", 0),
                "OTEL_ATTRIBUTE_COUNT_LIMIT",
            ),
            attribute_value_length: either(
                r.number("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0),
                "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            ),
            event_count: r.number("OTEL_SPAN_EVENT_COUNT_LIMIT", 0),
            link_count: r.number("OTEL_SPAN_LINK_COUNT_LIMIT", 0),
            event_attribute_count: r.number("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", 0),
            link_attribute_count: r.number("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", 0),
        }
    }

    /// `limits`, with what is set here instead.
    #[must_use]
    pub fn apply_to(&self, mut limits: SpanLimits) -> SpanLimits {
        if let Some(n) = self.attribute_count {
            limits.attributes = u16::try_from(n).unwrap_or(u16::MAX);
        }
        if let Some(n) = self.event_count {
            limits.events = u32::try_from(n).unwrap_or(u32::MAX);
        }
        if let Some(n) = self.link_count {
            limits.links = u32::try_from(n).unwrap_or(u32::MAX);
        }
        if let Some(n) = self.event_attribute_count {
            limits.event_attributes = u16::try_from(n).unwrap_or(u16::MAX);
        }
        if let Some(n) = self.link_attribute_count {
            limits.link_attributes = u16::try_from(n).unwrap_or(u16::MAX);
        }
        if let Some(n) = self.attribute_value_length {
            limits.value_length = usize::try_from(n).unwrap_or(usize::MAX);
        }
        limits
    }
}

/// `OTEL_LOGRECORD_*_LIMIT`; `None` is unset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogLimitSettings {
    /// `OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT`, else `OTEL_ATTRIBUTE_COUNT_LIMIT`.
    pub attribute_count: Option<u64>,
    /// `OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`; in characters.
    pub attribute_value_length: Option<u64>,
}

impl LogLimitSettings {
    pub(super) fn read(r: &Reader<'_>) -> Self {
        let either = |own, general| r.number(own, 0).or_else(|| r.number(general, 0));
        Self {
            attribute_count: either("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
            attribute_value_length: either(
                "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
                "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
            ),
        }
    }

    /// `limits`, with what is set here instead.
    #[must_use]
    pub fn apply_to(&self, limits: LogLimits) -> LogLimits {
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        LogLimits {
            attributes: self.attribute_count.map_or(limits.attributes, size),
            value_length: self.attribute_value_length.map_or(limits.value_length, size),
        }
    }
}
