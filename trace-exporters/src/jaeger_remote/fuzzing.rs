//! What the fuzz targets reach: the reader of an answer over gRPC.

use trace_core::sample::remote::Strategy;

/// The strategy of a `SamplingStrategyResponse`.
pub fn strategy(message: &[u8]) -> Option<Strategy> {
    super::message::response(message).ok()
}
