//! The headers of Jaeger's own clients: `uber-trace-id` and its company.

use super::carrier::only;
use super::percent::decode;
use super::prefixed::{self, Values};
use super::{Baggage, Extracted, Extractor, Injector, Propagator, hex};
use crate::model::{SpanContext, SpanId, TenantTag, TraceFlags, TraceId, TraceState};

const TRACE: &str = "uber-trace-id";
const BAGGAGE_PREFIX: &str = "uberctx-";
const BAGGAGE: &str = "jaeger-baggage";
const DEBUG_ID: &str = "jaeger-debug-id";
/// More than four fields of any valid length, with every character encoded.
const MAX_BYTES: usize = 512;
/// Of `jaeger-baggage`, as of W3C Baggage.
const MAX_BAGGAGE_BYTES: usize = 8192;

const SAMPLED: u128 = 1;
const DEBUG: u128 = 2;

/// Reads and writes the headers of Jaeger's clients, which are deprecated and still in use.
///
/// `uber-trace-id` may be URL-encoded, and its ids may lack leading zeros. Baggage comes in `uberctx-*` headers and
/// in `jaeger-baggage`, which people add by hand; it is written in the former. Header names have no case, so keys
/// come in lower case. A `jaeger-debug-id` without a span asks that the new trace be recorded.
#[derive(Clone, Copy, Debug, Default)]
pub struct JaegerPropagator;

/// `trace:span:parent:flags`, of which the parent is deprecated and ignored.
fn parse(value: &str) -> Option<SpanContext> {
    if value.len() > MAX_BYTES {
        return None;
    }
    let value = decode(value.trim_matches([' ', '\t']));
    let mut fields = value.splitn(5, ':');
    let (trace_id, span_id) = (fields.next()?, fields.next()?);
    let (parent, flags) = (fields.next()?, fields.next()?);
    let number = |digits: &str, most: usize| {
        (digits.len() <= most).then(|| hex::any_case(digits.as_bytes())).flatten()
    };
    if fields.next().is_some() || !(parent.is_empty() || number(parent, 16).is_some()) {
        return None;
    }
    let flags = match number(flags, 2)? & (SAMPLED | DEBUG) {
        // Jaeger's clients set debug with sampled only; that bit alone is W3C's "random", which OpenTelemetry for
        // Python writes here.
        0 | DEBUG => TraceFlags::default(),
        SAMPLED => TraceFlags::SAMPLED,
        _ => TraceFlags(TraceFlags::DEBUG.0 | TraceFlags::SAMPLED.0),
    };
    Some(SpanContext {
        trace_id: TraceId::new(number(trace_id, 32)?)?,
        // 16 digits are 64 bits: the cast loses nothing.
        span_id: SpanId::new(number(span_id, 16)? as u64)?,
        flags,
        trace_state: TraceState::EMPTY,
        is_remote: true,
        tenant: TenantTag::NONE,
    })
}

fn format(context: &SpanContext) -> String {
    let flags = match context.flags {
        f if f.is_debug() => SAMPLED | DEBUG,
        f if f.is_sampled() => SAMPLED,
        _ => 0,
    };
    format!("{}:{}:0:{flags}", context.trace_id, context.span_id)
}

/// `key=value,key2=value2`.
fn parse_list(values: &[&str], baggage: &mut Baggage) {
    if values.iter().map(|v| v.len()).sum::<usize>() > MAX_BAGGAGE_BYTES {
        return;
    }
    for member in values.iter().flat_map(|v| v.split(',')) {
        if let Some((key, value)) = member.split_once('=') {
            // What is malformed is left out.
            let _ = baggage.insert(key.trim_matches([' ', '\t']), decode(value.trim_matches([' ', '\t'])));
        }
    }
}

impl Propagator for JaegerPropagator {
    fn extract(&self, carrier: &dyn Extractor) -> Extracted {
        let mut baggage = Baggage::EMPTY;
        parse_list(&carrier.get_all(BAGGAGE), &mut baggage);
        prefixed::read(carrier, BAGGAGE_PREFIX, Values::Encoded, &mut baggage);
        let context = only(carrier, TRACE).and_then(parse);
        let debugs = carrier.get_all(DEBUG_ID).iter().any(|id| !id.is_empty());
        let sampled = (context.is_none() && debugs).then_some(true);
        Extracted { context, baggage, sampled, ..Extracted::default() }
    }

    fn inject(&self, context: Option<&SpanContext>, baggage: &Baggage, carrier: &mut dyn Injector) {
        match context {
            Some(context) => carrier.set(TRACE, format(context)),
            None => carrier.remove(TRACE),
        }
        carrier.remove(BAGGAGE);
        carrier.remove(DEBUG_ID);
        prefixed::write(baggage, BAGGAGE_PREFIX, Values::Encoded, carrier);
    }

    fn fields(&self) -> Vec<&str> {
        vec![TRACE]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE_HEX: &str = "000000000000004d0000000000000016";
    const SPAN_HEX: &str = "0000000000017c29";

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn read(pairs: &[(&str, &str)]) -> Extracted {
        JaegerPropagator.extract(&headers(pairs))
    }

    fn ids(value: &str) -> Option<(String, String, TraceFlags)> {
        let context = read(&[("Uber-Trace-Id", value)]).context?;
        assert!(context.is_remote);
        Some((context.trace_id.to_string(), context.span_id.to_string(), context.flags))
    }

    #[test]
    fn padded_unpadded_and_url_encoded_headers_are_one() {
        let expected = Some((TRACE_HEX.to_owned(), SPAN_HEX.to_owned(), TraceFlags::SAMPLED));
        for value in [
            format!("{TRACE_HEX}:{SPAN_HEX}:0:1"),
            "4d0000000000000016:17c29:0:1".to_owned(),
            "4D0000000000000016%3A17C29%3a0%3A01".to_owned(),
            " 4d0000000000000016:17c29::1 ".to_owned(),
        ] {
            assert_eq!(ids(&value), expected, "{value}");
        }
    }

    #[test]
    fn what_an_old_client_sent_is_read() {
        // jaeger-client 4.8.0 for Python.
        let (trace, span, flags) = ids("2354309742282610:48f9eb25efc7d7f8:0:1").unwrap();
        assert_eq!(trace, "00000000000000002354309742282610");
        assert_eq!((span.as_str(), flags), ("48f9eb25efc7d7f8", TraceFlags::SAMPLED));
    }

    #[test]
    fn debug_counts_with_sampled_and_is_passed_on() {
        let debug = TraceFlags(TraceFlags::DEBUG.0 | TraceFlags::SAMPLED.0);
        for (value, flags) in [
            ("0", TraceFlags(0)),
            ("1", TraceFlags::SAMPLED),
            ("2", TraceFlags(0)),
            ("3", debug),
            ("9", TraceFlags::SAMPLED),
        ] {
            assert_eq!(ids(&format!("1:2:0:{value}")).unwrap().2, flags, "{value}");
        }
        let mut out = Vec::new();
        let found = read(&[("uber-trace-id", "1:2:0:3")]);
        JaegerPropagator.inject(found.context.as_ref(), &Baggage::EMPTY, &mut out);
        assert_eq!(out, headers(&[("uber-trace-id", &format!("{:032x}:{:016x}:0:3", 1, 2))]));
    }

    #[test]
    fn malformed_headers_are_left_out() {
        for bad in [
            "",
            ":::",
            "1:2:0",
            "1:2:0:1:",
            "0:2:0:1",
            "1:0:0:1",
            "g:2:0:1",
            "1:g:0:1",
            "1:2:g:1",
            "1:2:0:",
            "1:2:0:100",
            "1:2:0:g",
            "+1:2:0:1",
            "111111111111111111111111111111111:2:0:1",
            "1:22222222222222222:0:1",
            "é:2:0:1",
            "1%3A2%3A0%3",
        ] {
            assert_eq!(ids(bad), None, "{bad}");
        }
        assert_eq!(ids(&format!("1:2:0:1{}", " ".repeat(MAX_BYTES))), None);
        let twice = ("uber-trace-id", "1:2:0:1");
        assert_eq!(read(&[twice, twice]).context, None);
    }

    #[test]
    fn baggage_comes_in_both_ways_and_goes_in_one() {
        let found = read(&[
            ("Uberctx-User", "a%20b%25"),
            ("uberctx-bad key", "x"),
            ("uberctx-", "x"),
            ("jaeger-baggage", "k=v, k2 = w%2C ,user=other,novalue"),
        ]);
        let members: Vec<_> = found.baggage.iter().map(|e| (e.key(), e.value())).collect();
        assert_eq!(members, [("k", "v"), ("k2", "w,"), ("user", "a b%")]);
        let mut out =
            headers(&[("UBERCTX-stale", "1"), ("jaeger-baggage", "stale=1"), ("jaeger-debug-id", "x")]);
        let mut baggage = Baggage::EMPTY;
        baggage.insert_with_properties("k", "v é", "p").unwrap();
        JaegerPropagator.inject(None, &baggage, &mut out);
        assert_eq!(out, headers(&[("uberctx-k", "v%20%C3%A9")]));
    }

    #[test]
    fn a_debug_id_asks_for_a_new_trace_to_be_recorded() {
        assert_eq!(read(&[("jaeger-debug-id", "ticket-7")]).sampled, Some(true));
        assert_eq!(read(&[("jaeger-debug-id", "")]).sampled, None);
        assert_eq!(read(&[("jaeger-debug-id", "ticket-7"), ("uber-trace-id", "1:2:0:0")]).sampled, None);
    }

    #[test]
    fn more_baggage_than_there_is_room_for_is_left_out() {
        let many: Vec<(String, String)> =
            (0..200).map(|i| (format!("uberctx-k{i:03}"), "v".to_owned())).collect();
        assert_eq!(JaegerPropagator.extract(&many).baggage.len(), 64);
        let long = format!("k={}", "v".repeat(MAX_BAGGAGE_BYTES));
        assert!(read(&[("jaeger-baggage", &long)]).baggage.is_empty());
    }

    proptest! {
        #[test]
        fn no_headers_panic_and_what_is_read_is_written_alike(
            trace in prop_oneof![any::<String>(), "[0-9a-f]{1,33}(:|%3A)[0-9a-f]{1,16}:0:[0-3]"],
            key in "[a-z._*]{1,9}", value in any::<String>(), list in "[a-c=,% ]{0,20}",
        ) {
            let key = format!("uberctx-{key}");
            let found = read(&[("uber-trace-id", &trace), (&key, &value), ("jaeger-baggage", &list)]);
            let mut out = Vec::new();
            JaegerPropagator.inject(found.context.as_ref(), &found.baggage, &mut out);
            let again = JaegerPropagator.extract(&out);
            prop_assert_eq!(again.context, found.context);
            let sorted = |b: &Baggage| {
                let mut members: Vec<_> = b.iter().map(|e| (e.key().to_owned(), e.value().to_owned())).collect();
                members.sort();
                members
            };
            prop_assert_eq!(sorted(&again.baggage), sorted(&found.baggage));
        }

        #[test]
        fn any_span_survives(trace in 1u128.., span in 1u64.., bits in 0usize..3) {
            let flags = [0, 1, 5][bits];
            let mut context = SpanContext::new(
                TraceId::new(trace).unwrap(), SpanId::new(span).unwrap(), TraceFlags(flags));
            context.is_remote = true;
            prop_assert_eq!(parse(&format(&context)), Some(context.clone()));
            // As an old client writes it.
            prop_assert_eq!(parse(&format!("{trace:x}%3A{span:x}%3A0%3A{:x}", flags & 1 | flags >> 1)), Some(context));
        }
    }
}
