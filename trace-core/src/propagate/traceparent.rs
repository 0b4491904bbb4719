//! The `traceparent` header (W3C Trace Context level 2, section 3.2).

use super::hex;
use crate::model::{SpanContext, SpanId, TenantTag, TraceFlags, TraceId, TraceState};

/// The length of version 00.
const LENGTH: usize = 55;
/// A later version may be longer, but not without end.
const MAX_LENGTH: usize = 512;
/// The flags that this version knows; others are ignored and sent as zero.
const KNOWN_FLAGS: u8 = TraceFlags::SAMPLED.0 | TraceFlags::RANDOM.0;

/// A `traceparent` header is malformed: the trace begins anew, and `tracestate` is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTraceparent {
    /// More than one header.
    #[error("there must be one traceparent header, got {0}")]
    Repeated(usize),
    /// Not `version-traceid-parentid-flags` in lower-case hex digits.
    #[error("traceparent must be 00-<32 hex>-<16 hex>-<2 hex> in lower case")]
    Malformed,
    /// Version `ff`.
    #[error("traceparent has the forbidden version ff")]
    Version,
    /// A trace or span id of zeros.
    #[error("traceparent has a {0} id of zeros")]
    ZeroId(&'static str),
}

/// Parses a header value. Blanks around it are ignored. Of a version later than 00, the known part is read.
///
/// # Errors
/// If it is malformed.
pub fn parse_traceparent(value: &str) -> Result<SpanContext, InvalidTraceparent> {
    use InvalidTraceparent::{Malformed, Version, ZeroId};
    if value.len() > MAX_LENGTH {
        return Err(Malformed);
    }
    let bytes = value.trim_matches([' ', '\t']).as_bytes();
    let (known, rest) = bytes.split_at_checked(LENGTH).ok_or(Malformed)?;
    if known[2] != b'-' || known[35] != b'-' || known[52] != b'-' {
        return Err(Malformed);
    }
    let version = hex::lower(&known[..2]).ok_or(Malformed)?;
    let trace_id = hex::lower(&known[3..35]).ok_or(Malformed)?;
    let span_id = hex::lower(&known[36..52]).ok_or(Malformed)?;
    let flags = hex::lower(&known[53..]).ok_or(Malformed)?;
    match version {
        0xff => return Err(Version),
        0 if !rest.is_empty() => return Err(Malformed),
        _ if rest.first().is_some_and(|b| *b != b'-') => return Err(Malformed),
        _ => {}
    }
    Ok(SpanContext {
        trace_id: TraceId::new(trace_id).ok_or(ZeroId("trace"))?,
        // 16 digits are 64 bits, and 2 digits 8 bits: the casts lose nothing.
        span_id: SpanId::new(span_id as u64).ok_or(ZeroId("span"))?,
        flags: TraceFlags(flags as u8 & KNOWN_FLAGS),
        trace_state: TraceState::EMPTY,
        is_remote: true,
        tenant: TenantTag::NONE,
    })
}

/// The header value, in version 00.
pub fn format_traceparent(context: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", context.trace_id, context.span_id, context.flags.0 & KNOWN_FLAGS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_header_gives_a_remote_context() {
        let c = parse_traceparent(GOOD).unwrap();
        assert_eq!(c.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(c.span_id.to_string(), "00f067aa0ba902b7");
        assert!(c.is_sampled() && c.is_remote);
        assert_eq!(parse_traceparent(&format!(" \t{GOOD} ")).unwrap(), c);
    }

    #[test]
    fn unknown_flags_are_ignored_and_sent_as_zero() {
        let c = parse_traceparent(&format!("{}ff", &GOOD[..53])).unwrap();
        assert_eq!(c.flags, TraceFlags(3));
        let c = SpanContext { flags: TraceFlags(0xfd), ..c };
        assert!(format_traceparent(&c).ends_with("-01"));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        for good in [format!("cc{}", &GOOD[2..]), format!("01{}-what-the-future-will-be-like", &GOOD[2..])] {
            let c = parse_traceparent(&good).unwrap();
            assert_eq!(format_traceparent(&c), GOOD, "{good}");
        }
        assert_eq!(parse_traceparent(&format!("cc{}.x", &GOOD[2..])), Err(InvalidTraceparent::Malformed));
        let endless = format!("cc{}-{}", &GOOD[2..], "x".repeat(1_000));
        assert_eq!(parse_traceparent(&endless), Err(InvalidTraceparent::Malformed));
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        let with = |at: usize, text: &str| format!("{}{text}{}", &GOOD[..at], &GOOD[at + text.len()..]);
        for bad in [
            String::new(),
            "é".repeat(40),
            GOOD.to_uppercase(),
            with(3, "4BF92F"),
            with(0, "FF"),
            with(2, "_"),
            with(35, "."),
            with(52, " "),
            with(10, "g"),
            with(10, "+"),
            format!("{GOOD}-"),
            format!("{GOOD}0"),
            GOOD[..54].to_owned(),
        ] {
            assert_eq!(parse_traceparent(&bad), Err(InvalidTraceparent::Malformed), "{bad}");
        }
        assert_eq!(parse_traceparent(&with(0, "ff")), Err(InvalidTraceparent::Version));
        assert_eq!(parse_traceparent(&with(3, &"0".repeat(32))), Err(InvalidTraceparent::ZeroId("trace")));
        assert_eq!(parse_traceparent(&with(36, &"0".repeat(16))), Err(InvalidTraceparent::ZeroId("span")));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), near in "[0-9a-fA-F-]{50,60}") {
            let _ = parse_traceparent(&text);
            let _ = parse_traceparent(&near);
        }

        #[test]
        fn what_is_formatted_is_parsed_again(trace in 1u128.., span in 1u64.., flags in 0u8..4) {
            let mut c = SpanContext::new(
                TraceId::new(trace).unwrap(),
                SpanId::new(span).unwrap(),
                TraceFlags(flags),
            );
            c.is_remote = true;
            prop_assert_eq!(parse_traceparent(&format_traceparent(&c)), Ok(c));
        }
    }
}
