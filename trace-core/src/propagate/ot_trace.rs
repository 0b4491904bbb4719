//! The headers of OpenTracing's basic tracers: `ot-tracer-*` (deprecated).

use super::carrier::only;
use super::prefixed::{self, Values};
use super::{Baggage, Extracted, Extractor, Injector, Propagator, hex};
use crate::model::{SpanContext, SpanId, TenantTag, TraceFlags, TraceId, TraceState};

const TRACE_ID: &str = "ot-tracer-traceid";
const SPAN_ID: &str = "ot-tracer-spanid";
const SAMPLED: &str = "ot-tracer-sampled";
const BAGGAGE_PREFIX: &str = "ot-baggage-";

/// Reads and writes `ot-tracer-traceid`, `ot-tracer-spanid`, `ot-tracer-sampled` and `ot-baggage-*`, as the
/// propagators of this name in other OpenTelemetry SDKs do.
///
/// The format holds 64 bits of the trace id: the receiver of what is written here sees the lower half. Ids that are
/// read may lack leading zeros, which OpenTelemetry for Python leaves out. Baggage values travel as they are; those
/// that are not printable ASCII do not.
#[derive(Clone, Copy, Debug, Default)]
pub struct OtTracePropagator;

fn context(carrier: &dyn Extractor) -> Option<SpanContext> {
    let (trace_id, span_id) = (only(carrier, TRACE_ID)?, only(carrier, SPAN_ID)?);
    if trace_id.len() > 32 || span_id.len() > 16 {
        return None;
    }
    let flags = match carrier.get_all(SAMPLED)[..] {
        [] => TraceFlags::UNDECIDED,
        [text] if text == "1" || text.eq_ignore_ascii_case("true") => TraceFlags::SAMPLED,
        [text] if text == "0" || text.eq_ignore_ascii_case("false") => TraceFlags::default(),
        _ => return None,
    };
    Some(SpanContext {
        trace_id: TraceId::new(hex::any_case(trace_id.as_bytes())?)?,
        // 16 digits are 64 bits: the cast loses nothing.
        span_id: SpanId::new(hex::any_case(span_id.as_bytes())? as u64)?,
        flags,
        trace_state: TraceState::EMPTY,
        is_remote: true,
        tenant: TenantTag::NONE,
    })
}

impl Propagator for OtTracePropagator {
    fn extract(&self, carrier: &dyn Extractor) -> Extracted {
        let mut baggage = Baggage::EMPTY;
        prefixed::read(carrier, BAGGAGE_PREFIX, Values::Raw, &mut baggage);
        Extracted { context: context(carrier), baggage, ..Extracted::default() }
    }

    fn inject(&self, context: Option<&SpanContext>, baggage: &Baggage, carrier: &mut dyn Injector) {
        // The lower half, by intent.
        let low = |c: &SpanContext| c.trace_id.to_u128() as u64;
        match context.filter(|c| low(c) != 0) {
            Some(context) => {
                carrier.set(TRACE_ID, format!("{:016x}", low(context)));
                carrier.set(SPAN_ID, context.span_id.to_string());
                match context.flags.is_undecided() {
                    true => carrier.remove(SAMPLED),
                    false => carrier.set(SAMPLED, context.is_sampled().to_string()),
                }
            }
            None => [TRACE_ID, SPAN_ID, SAMPLED].iter().for_each(|name| carrier.remove(name)),
        }
        prefixed::write(baggage, BAGGAGE_PREFIX, Values::Raw, carrier);
    }

    fn fields(&self) -> Vec<&str> {
        vec![TRACE_ID, SPAN_ID, SAMPLED]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_lower_half_of_the_trace_id_the_decision_and_baggage_travel() {
        let sent = headers(&[
            ("Ot-Tracer-TraceId", "64fe8b2a57d3eff7"),
            ("ot-tracer-spanid", "e457b5a2e4d86bd1"),
            ("ot-tracer-sampled", "true"),
            ("ot-baggage-k", "v w, 100%25"),
        ]);
        let found = OtTracePropagator.extract(&sent);
        assert_eq!(found.context.clone().unwrap().flags, TraceFlags::SAMPLED);
        assert_eq!(found.baggage.get("k"), Some("v w, 100%25"), "other SDKs encode nothing");
        let mut wide = found.context.unwrap();
        wide.trace_id = TraceId::new(wide.trace_id.to_u128() | 7 << 64).unwrap();
        let mut out = headers(&[("OT-Tracer-Sampled", "false"), ("ot-baggage-stale", "1")]);
        OtTracePropagator.inject(Some(&wide), &found.baggage, &mut out);
        let lower = |(k, v): &(String, String)| (k.to_lowercase(), v.clone());
        assert_eq!(out, sent.iter().map(lower).collect::<Vec<_>>());
    }

    #[test]
    fn a_trace_id_without_a_lower_half_is_not_sent() {
        let context = SpanContext::new(TraceId::new(1 << 64).unwrap(), SpanId::MAX, TraceFlags::SAMPLED);
        let mut out = headers(&[("ot-tracer-traceid", "stale")]);
        OtTracePropagator.inject(Some(&context), &Baggage::EMPTY, &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn malformed_headers_are_left_out() {
        for (trace, span, sampled) in [
            ("", "e457b5a2e4d86bd1", "true"),
            ("64fe8b2a57d3eff7", "", "true"),
            ("000000000000000000000000000000001", "1", "true"),
            ("64fe8b2a57d3eff7", "0e457b5a2e4d86bd1", "true"),
            ("0", "e457b5a2e4d86bd1", "true"),
            ("64fe8b2a57d3eff7", "e457b5a2e4d86bd1", "x"),
        ] {
            let carrier = headers(&[(TRACE_ID, trace), (SPAN_ID, span), (SAMPLED, sampled)]);
            assert_eq!(OtTracePropagator.extract(&carrier), Extracted::default());
        }
    }

    #[test]
    fn ids_without_leading_zeros_are_read_and_written_with_them() {
        let carrier = headers(&[(TRACE_ID, "4d0000"), (SPAN_ID, "17c29"), (SAMPLED, "true")]);
        let found = OtTracePropagator.extract(&carrier).context.unwrap();
        assert_eq!((found.trace_id.to_u128(), found.span_id.to_u64()), (0x4d_0000, 0x1_7c29));
        let mut out = Vec::new();
        OtTracePropagator.inject(Some(&found), &Baggage::EMPTY, &mut out);
        let ids = [(TRACE_ID, "00000000004d0000"), (SPAN_ID, "0000000000017c29"), (SAMPLED, "true")];
        assert_eq!(out, headers(&ids));
    }

    #[test]
    fn baggage_that_no_header_can_carry_is_left_out_both_ways() {
        let mut baggage = Baggage::EMPTY;
        ["é", "a\r\nb", "\u{fffd}"].iter().enumerate().for_each(|(i, bad)| {
            baggage.insert(&format!("k{i}"), *bad).unwrap();
        });
        let mut out = Vec::new();
        OtTracePropagator.inject(None, &baggage, &mut out);
        assert!(out.is_empty(), "{out:?}");
        let carrier =
            headers(&[("ot-baggage-a", "\u{fffd}"), ("ot-baggage-b", "é"), ("ot-baggage-c", "\t+ ")]);
        assert_eq!(OtTracePropagator.extract(&carrier).baggage, Baggage::parse(["c=%09%2B%20"]));
    }

    proptest! {
        #[test]
        fn no_headers_panic_and_spans_of_64_bits_survive(
            trace in prop_oneof![any::<String>(), "[0-9a-f]{1,16}"], span in prop_oneof![any::<String>(), "[0-9a-f]{1,16}"],
            sampled in "true|false|",
        ) {
            let carrier = headers(&[(TRACE_ID, &trace), (SPAN_ID, &span), (SAMPLED, &sampled)]);
            let found = OtTracePropagator.extract(&carrier);
            let mut out = Vec::new();
            OtTracePropagator.inject(found.context.as_ref(), &found.baggage, &mut out);
            prop_assert_eq!(OtTracePropagator.extract(&out), found);
        }
    }
}
