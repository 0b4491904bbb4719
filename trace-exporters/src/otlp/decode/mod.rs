//! Requests as others send them, and what this toolkit has encoded itself: protobuf bytes to batches.
//!
//! Unknown fields are passed over. A record that cannot be kept, such as a span with an id of zeros, is left out and
//! counted; bytes that are no protobuf fail as a whole. Values that the data model has no room for become text: maps
//! and mixed lists as JSON, bytes as base64, no value as an empty text.

mod error;
mod metric;
mod reading;
mod shared;
mod span;
#[cfg(test)]
mod tests;

pub use error::DecodeError;
pub use metric::{decode_metrics, decode_metrics_within};
pub use span::{decode_spans, decode_spans_within};

/// What a request held.
#[derive(Clone, Debug)]
pub struct Decoded<T> {
    /// One for each resource of the request that has records.
    pub batches: Vec<T>,
    /// Records that were left out.
    pub rejected: u64,
    /// Why the first of them was.
    pub reason: Option<&'static str>,
}

impl<T> Decoded<T> {
    fn new() -> Self {
        Self { batches: Vec::new(), rejected: 0, reason: None }
    }

    fn reject(&mut self, reason: &'static str) {
        self.rejected += 1;
        self.reason.get_or_insert(reason);
    }
}
