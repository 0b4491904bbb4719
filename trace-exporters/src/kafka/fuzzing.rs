//! What the fuzz targets reach: batches to records.

use rskafka::chrono::DateTime;
use trace_core::batch::SpanBatch;

use super::records::records_of;

/// A record's key and value.
pub type KeyAndValue = (Vec<u8>, Vec<u8>);

/// The records of a batch, and how many spans alone are over the limit.
pub fn records(batch: &SpanBatch, max_bytes: usize) -> (Vec<KeyAndValue>, u64) {
    let made = records_of(batch, max_bytes, DateTime::UNIX_EPOCH);
    let pairs = made.records.into_iter().map(|r| (r.key.unwrap_or_default(), r.value.unwrap_or_default()));
    (pairs.collect(), made.too_large)
}
