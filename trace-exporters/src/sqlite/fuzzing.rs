//! What the fuzz targets reach: the readers of what lies in a file.

use trace_core::batch::SpanBatch;

use super::chunk::Opener;
use super::filter::Filter;
use super::lengths::{Lengths, Wanted};
use super::{block, chunk};

/// The spans of a chunk's payload that says it had this length.
pub fn open_chunk(payload: &[u8], size: usize) -> Option<Vec<SpanBatch>> {
    Opener::new().ok()?.open(payload, size).ok()
}

/// Bytes as they would lie in a chunk; empty if they cannot be compressed.
pub fn pack_chunk(bytes: &[u8]) -> Vec<u8> {
    chunk::compressor().and_then(|mut c| c.compress(bytes)).unwrap_or_default()
}

/// Reads a block of postings; how many chunks it names.
pub fn read_postings(block: &[u8]) -> Option<usize> {
    let mut out = Vec::new();
    for entry in block::terms(block) {
        let (_, list) = entry.ok()?;
        block::chunks(list, 7, &mut out).ok()?;
    }
    Some(out.len())
}

/// Reads a row of lengths; how many spans it has.
pub fn read_lengths(row: &[u8]) -> Option<usize> {
    let (row, mut out) = (Lengths::decode(row.to_vec())?, Vec::new());
    (0..row.chunks()).try_for_each(|chunk| row.read(chunk, &Wanted::default(), &mut out))?;
    Some(out.len())
}

/// Reads a filter; whether it may have a trace.
pub fn read_filter(bytes: &[u8]) -> Option<bool> {
    Some(Filter::from_bytes(bytes)?.may_have(42))
}
