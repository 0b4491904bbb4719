//! Requests as others send them, and what this toolkit has encoded itself: protobuf bytes to batches.
//!
//! Unknown fields are passed over. A record that cannot be kept, such as a span with an id of zeros, is left out and
//! counted; bytes that are no protobuf fail as a whole. Values that spans and metrics have no room for become text: maps
//! and mixed lists as JSON, bytes as base64, no value as an empty text. Log records keep them as they are.

mod error;
mod log;
mod metric;
mod reading;
mod shared;
mod span;
#[cfg(test)]
mod tests;

pub use crate::decoded::Decoded;
pub use error::DecodeError;
pub use log::{decode_logs, decode_logs_within};
pub use metric::{decode_metrics, decode_metrics_within};
pub use span::{decode_spans, decode_spans_within};
