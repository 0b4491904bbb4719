//! How much one span may hold, and how much one thread.

/// Limits of one span. What exceeds them is left out and counted on the span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanLimits {
    /// Attributes of a span; 128 by default (OpenTelemetry SDK specification).
    pub attributes: u16,
    /// Events of a span; 128 by default.
    pub events: u32,
    /// Links of a span; 128 by default.
    pub links: u32,
    /// Attributes of an event; 128 by default.
    pub event_attributes: u16,
    /// Attributes of a link; 128 by default.
    pub link_attributes: u16,
    /// Characters of a text value of an attribute; longer ones are cut. Unlimited by default.
    pub value_length: usize,
    /// Spans that one thread holds until the pipeline takes them; 16,384 by default.
    pub spans_per_thread: usize,
    /// Threads that get a ring of 2 MiB for [`span!`](crate::span); 64 by default. Further threads record the slower way.
    pub rings: usize,
    /// Bytes that one thread holds until the pipeline takes them; 8 MiB by default.
    pub bytes_per_thread: usize,
    /// Spans that were open when the pipeline took their chunk, and wait for their end; 65,536 by default.
    pub open_spans: usize,
}

impl Default for SpanLimits {
    fn default() -> Self {
        Self {
            attributes: 128,
            events: 128,
            links: 128,
            event_attributes: 128,
            link_attributes: 128,
            value_length: usize::MAX,
            spans_per_thread: 16_384,
            rings: 64,
            bytes_per_thread: 8 << 20,
            open_spans: 65_536,
        }
    }
}
