//! Trace and span identifiers.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The 16-byte identifier of a trace; never zero (W3C Trace Context, section 3.2.2.3).
///
/// Displayed as 32 lower-case hex digits. Ids that this toolkit makes are UUID version 4, so that an MPLP
/// `trace_id` is the same bytes with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(NonZeroU128);

/// The 8-byte identifier of a span within a trace; never zero.
///
/// Displayed as 16 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(NonZeroU64);

/// A trace and, where known, one span of it: what an anomaly or an alert points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceIds {
    /// The trace.
    pub trace_id: TraceId,
    /// The span within it, if one is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<SpanId>,
}

/// A text is not a trace or span id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseIdError {
    /// The text has the wrong length or a character that is not a hex digit.
    #[error("{kind} id must be {expected}, got {found:?}")]
    Malformed {
        /// `trace` or `span`.
        kind: &'static str,
        /// The accepted form.
        expected: &'static str,
        /// The first 64 characters of what was given.
        found: String,
    },
    /// All digits are zero.
    #[error("{kind} id must not be all zeros")]
    Zero {
        /// `trace` or `span`.
        kind: &'static str,
    },
}

const TRACE_FORM: &str = "32 hex digits or a UUID";
const SPAN_FORM: &str = "16 hex digits";

fn malformed(kind: &'static str, expected: &'static str, found: &str) -> ParseIdError {
    ParseIdError::Malformed { kind, expected, found: found.chars().take(64).collect() }
}

impl TraceId {
    /// The smallest id: a lower bound for searches.
    pub const MIN: Self = Self(NonZeroU128::MIN);

    /// The id with this value, or `None` for zero.
    pub const fn new(value: u128) -> Option<Self> {
        match NonZeroU128::new(value) {
            Some(v) => Some(Self(v)),
            None => None,
        }
    }

    /// A UUID version 4 made of 128 random bits: version and variant are forced.
    pub const fn from_random(bits: u128) -> Self {
        const VERSION: u128 = 0xf << 76;
        const VARIANT: u128 = 0x3 << 62;
        let v = (bits & !(VERSION | VARIANT)) | (0x4 << 76) | (0x2 << 62);
        match NonZeroU128::new(v) {
            Some(v) => Self(v),
            // The version bits are set, so the value is never zero.
            None => unreachable!(),
        }
    }

    /// The id as a number; the first byte of the wire form is the most significant.
    pub const fn to_u128(self) -> u128 {
        self.0.get()
    }

    /// The 16 bytes in wire order.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.get().to_be_bytes()
    }

    /// The id of 16 bytes in wire order, or `None` if all are zero.
    pub const fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        Self::new(u128::from_be_bytes(bytes))
    }
}

impl SpanId {
    /// The largest id.
    pub const MAX: Self = Self(NonZeroU64::MAX);

    /// The id with this value, or `None` for zero.
    pub const fn new(value: u64) -> Option<Self> {
        match NonZeroU64::new(value) {
            Some(v) => Some(Self(v)),
            None => None,
        }
    }

    /// The id as a number; the first byte of the wire form is the most significant.
    pub const fn to_u64(self) -> u64 {
        self.0.get()
    }

    /// The 8 bytes in wire order.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }

    /// The id of 8 bytes in wire order, or `None` if all are zero.
    pub const fn from_bytes(bytes: [u8; 8]) -> Option<Self> {
        Self::new(u64::from_be_bytes(bytes))
    }
}

impl FromStr for TraceId {
    type Err = ParseIdError;

    /// Accepts 32 hex digits of either case, and the hyphenated UUID form.
    fn from_str(s: &str) -> Result<Self, ParseIdError> {
        let compact: String;
        let hex = match s.len() {
            36 if [8, 13, 18, 23].iter().all(|&i| s.as_bytes()[i] == b'-') => {
                compact = s.chars().filter(|c| *c != '-').collect();
                &compact
            }
            _ => s,
        };
        if hex.len() != 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(malformed("trace", TRACE_FORM, s));
        }
        let value = u128::from_str_radix(hex, 16).map_err(|_| malformed("trace", TRACE_FORM, s))?;
        Self::new(value).ok_or(ParseIdError::Zero { kind: "trace" })
    }
}

impl FromStr for SpanId {
    type Err = ParseIdError;

    fn from_str(s: &str) -> Result<Self, ParseIdError> {
        if s.len() != 16 || !s.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(malformed("span", SPAN_FORM, s));
        }
        let value = u64::from_str_radix(s, 16).map_err(|_| malformed("span", SPAN_FORM, s))?;
        Self::new(value).ok_or(ParseIdError::Zero { kind: "span" })
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl Serialize for SpanId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for SpanId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_reads_hex_and_uuid_forms_alike() {
        let hex: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
        let uuid: TraceId = "4BF92F35-77b3-4da6-a3ce-929d0e0e4736".parse().unwrap();
        assert_eq!(hex, uuid);
        assert_eq!(hex.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn malformed_and_zero_ids_are_refused_with_a_reason() {
        for bad in ["", "trace-001", "é".repeat(16).as_str(), "+bf92f3577b34da6a3ce929d0e0e4736"] {
            assert!(matches!(bad.parse::<TraceId>(), Err(ParseIdError::Malformed { .. })), "{bad}");
        }
        assert_eq!("0".repeat(32).parse::<TraceId>(), Err(ParseIdError::Zero { kind: "trace" }));
        assert_eq!("0".repeat(16).parse::<SpanId>(), Err(ParseIdError::Zero { kind: "span" }));
    }

    #[test]
    fn random_trace_ids_are_version_4_uuids() {
        for bits in [0, u128::MAX, 0x1234_5678_9abc_def0_1234_5678_9abc_def0] {
            let uuid = uuid::Uuid::from_u128(TraceId::from_random(bits).to_u128());
            assert_eq!(uuid.get_version_num(), 4);
            assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
        }
    }
}
