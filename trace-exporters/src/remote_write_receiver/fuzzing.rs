//! What the fuzz targets reach: the reader of a body before it is decoded.

use bytes::Bytes;

use crate::receiver::{Gate, ReceiverLimits};

/// What a body of snappy holds, at most so many bytes.
pub fn unpack(packed: &[u8], limit: usize) -> Option<Bytes> {
    let mut pass = Gate::new(&ReceiverLimits::default()).enter().ok()?;
    super::body::unpack(packed, limit, &mut pass).ok()
}
