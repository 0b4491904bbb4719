//! Identifiers: the protocol's are UUIDs of version 4, a span's are 16 and 8 bytes.
//!
//! A trace id that is no such UUID gets version and variant; a span id gets a half before it that depends on both ids. The
//! original is kept beside wherever that changed it.

use std::fmt;

use sha2::{Digest, Sha256};
use trace_core::model::{SpanId, TraceId};

const VARIANT: u64 = 0b10 << 62;
const VARIANT_MASK: u64 = 0b11 << 62;
const VERSION: u64 = 0x4 << 12;
const VERSION_MASK: u64 = 0xf << 12;

/// A UUID of version 4, in the protocol's form: lower case with hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Uuid(u128);

impl Uuid {
    fn of(high: u64, low: u64) -> Self {
        let high = high & !VERSION_MASK | VERSION;
        let low = low & !VARIANT_MASK | VARIANT;
        Self(u128::from(high) << 64 | u128::from(low))
    }

    /// `None` unless the text has exactly the protocol's form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let hyphens = [8, 13, 18, 23];
        let plain = |(i, b): (usize, u8)| match hyphens.contains(&i) {
            true => b == b'-',
            false => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
        };
        if text.len() != 36 || !text.bytes().enumerate().all(plain) {
            return None;
        }
        let bits = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
        let uuid = Self::of((bits >> 64) as u64, bits as u64);
        (uuid.0 == bits).then_some(uuid)
    }

    /// The trace's id; the same bits if they are a UUID of version 4.
    pub(super) fn of_trace(id: TraceId) -> Self {
        let bits = id.to_u128();
        Self::of((bits >> 64) as u64, bits as u64)
    }

    /// The span's id behind a half that is a hash.
    pub(super) fn of_span(trace: TraceId, span: SpanId) -> Self {
        let hash = Sha256::new()
            .chain_update(b"mplp.span/v1")
            .chain_update(trace.to_bytes())
            .chain_update(span.to_bytes());
        Self::of(first_half(hash), span.to_u64())
    }

    /// An id that is always the same for the same parts.
    pub(super) fn of_parts(parts: &[&[u8]]) -> Self {
        let hash = |salt: u8| {
            let start = Sha256::new().chain_update(b"mplp.event/v1").chain_update([salt]);
            first_half(parts.iter().fold(start, |hash, part| {
                hash.chain_update((part.len() as u64).to_be_bytes()).chain_update(part)
            }))
        };
        Self::of(hash(0), hash(1))
    }

    /// The trace id of the same bits.
    pub(super) fn trace_id(self) -> TraceId {
        TraceId::new(self.0).unwrap_or(TraceId::MIN)
    }

    /// The span id in the last eight bytes: the first ones are often those of all ids of a document.
    pub(super) fn span_id(self) -> SpanId {
        SpanId::new(self.0 as u64).unwrap_or(SpanId::MAX)
    }
}

fn first_half(hash: Sha256) -> u64 {
    hash.finalize().iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the vectors of the project's own proposal; the ids are those of the W3C recommendation.
    #[test]
    fn foreign_ids_become_uuids() {
        let trace: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
        let span: SpanId = "00f067aa0ba902b7".parse().unwrap();
        assert_eq!(Uuid::of_trace(trace).to_string(), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736");
        assert_eq!(Uuid::of_trace(trace).trace_id(), trace);
        assert_eq!(Uuid::of_span(trace, span).to_string(), "73f34b50-f846-4f12-80f0-67aa0ba902b7");
    }

    #[test]
    fn only_the_protocols_form_is_read() {
        let good = "550e8400-e29b-41d4-a716-446655440530";
        assert_eq!(Uuid::parse(good).unwrap().to_string(), good);
        assert_eq!(Uuid::parse(good).unwrap().span_id().to_string(), "a716446655440530");
        let bad = [
            "550E8400-e29b-41d4-a716-446655440530",
            "550e8400-e29b-51d4-a716-446655440530",
            "550e8400-e29b-41d4-c716-446655440530",
            "550e8400e29b41d4a716446655440530",
            "550e8400-e29b-41d4-a716-44665544053é",
            "",
        ];
        assert!(bad.into_iter().all(|text| Uuid::parse(text).is_none()));
    }
}
