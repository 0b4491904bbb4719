//! Our own OTLP protobuf encoder: batches in, bytes out, no intermediate message tree.

mod metric;
mod shared;
mod span;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use metric::MetricRequest;
pub(crate) use span::SpanRequest;
