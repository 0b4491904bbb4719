//! B3, the headers of Zipkin: one header or several (openzipkin/b3-propagation).

use super::carrier::only;
use super::{Baggage, Extracted, Extractor, Injector, Propagator, hex};
use crate::model::{SpanContext, SpanId, TraceFlags, TraceId};

const SINGLE: &str = "b3";
const TRACE_ID: &str = "x-b3-traceid";
const SPAN_ID: &str = "x-b3-spanid";
const PARENT_SPAN_ID: &str = "x-b3-parentspanid";
const SAMPLED: &str = "x-b3-sampled";
const FLAGS: &str = "x-b3-flags";

/// Which headers are written. Both kinds are read either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum B3Encoding {
    /// `b3`.
    #[default]
    Single,
    /// `x-b3-traceid`, `x-b3-spanid`, `x-b3-sampled` and `x-b3-flags`.
    Multi,
    /// All of them.
    Both,
}

/// Reads and writes B3. It carries no baggage and no trace state.
///
/// Of two encodings in one request, the single header counts if it is valid. Ids of 64 bits are padded with zeros;
/// ids may be written in either case. A caller that sends no state leaves the decision to us
/// ([`TraceFlags::UNDECIDED`]); one that debugs ([`TraceFlags::DEBUG`]) is sampled, and that is passed on. A state
/// without ids (`b3: 0`) is [`Extracted::sampled`]. What is written replaces both encodings.
#[derive(Clone, Copy, Debug, Default)]
pub struct B3Propagator {
    encoding: B3Encoding,
}

impl B3Propagator {
    /// Writes one header.
    pub const SINGLE: Self = Self { encoding: B3Encoding::Single };
    /// Writes several.
    pub const MULTI: Self = Self { encoding: B3Encoding::Multi };
    /// Writes the one and the several.
    pub const BOTH: Self = Self { encoding: B3Encoding::Both };

    /// Writes these headers.
    pub fn new(encoding: B3Encoding) -> Self {
        Self { encoding }
    }
}

/// A state without ids, or a span.
enum Found {
    State(TraceFlags),
    Span(SpanContext),
}

impl From<Found> for Extracted {
    fn from(found: Found) -> Self {
        match found {
            Found::State(flags) => Self { sampled: Some(flags.is_sampled()), ..Self::default() },
            Found::Span(context) => Self { context: Some(context), ..Self::default() },
        }
    }
}

fn span(trace_id: &str, span_id: &str, flags: TraceFlags) -> Option<SpanContext> {
    let trace_id = match trace_id.len() {
        16 | 32 => TraceId::new(hex::any_case(trace_id.as_bytes())?)?,
        _ => return None,
    };
    let span_id = SpanId::new(span_number(span_id)?)?;
    Some(SpanContext { is_remote: true, ..SpanContext::new(trace_id, span_id, flags) })
}

fn span_number(digits: &str) -> Option<u64> {
    if digits.len() != 16 {
        return None;
    }
    // 16 digits are 64 bits: the cast loses nothing.
    hex::any_case(digits.as_bytes()).map(|n| n as u64)
}

/// `d` is of the single header, `true` and `false` of old senders of the several ones; both take all.
fn state(text: &str) -> Option<TraceFlags> {
    match text {
        "0" => Some(TraceFlags::default()),
        "1" => Some(TraceFlags::SAMPLED),
        "d" => Some(DEBUG),
        _ if text.eq_ignore_ascii_case("true") => Some(TraceFlags::SAMPLED),
        _ if text.eq_ignore_ascii_case("false") => Some(TraceFlags::default()),
        _ => None,
    }
}

/// Debug implies an accept decision.
const DEBUG: TraceFlags = TraceFlags(TraceFlags::DEBUG.0 | TraceFlags::SAMPLED.0);

/// `trace-span[-state[-parent]]`, or a state alone.
fn parse_single(value: &str) -> Option<Found> {
    let value = value.trim_matches([' ', '\t']);
    let mut parts = value.splitn(5, '-');
    let first = parts.next()?;
    let Some(span_id) = parts.next() else { return state(first).map(Found::State) };
    let flags = match parts.next() {
        Some(text) => state(text)?,
        None => TraceFlags::UNDECIDED,
    };
    if let Some(parent) = parts.next() {
        span_number(parent)?;
    }
    if parts.next().is_some() {
        return None;
    }
    span(first, span_id, flags).map(Found::Span)
}

fn parse_multi(carrier: &dyn Extractor) -> Option<Found> {
    let header = |name| -> Option<Option<&str>> {
        match carrier.get_all(name)[..] {
            [] => Some(None),
            [one] => Some(Some(one.trim_matches([' ', '\t']))),
            _ => None,
        }
    };
    let flags = match (header(FLAGS)?, header(SAMPLED)?) {
        (Some("1"), _) => Some(DEBUG),
        (_, Some(text)) => Some(state(text)?),
        (_, None) => None,
    };
    if let Some(parent) = header(PARENT_SPAN_ID)? {
        span_number(parent)?;
    }
    match (header(TRACE_ID)?, header(SPAN_ID)?) {
        (Some(trace_id), Some(span_id)) => {
            span(trace_id, span_id, flags.unwrap_or(TraceFlags::UNDECIDED)).map(Found::Span)
        }
        (None, None) => flags.map(Found::State),
        _ => None,
    }
}

/// The state to send: none while nobody has decided.
fn state_of(flags: TraceFlags) -> Option<&'static str> {
    match flags {
        f if f.is_debug() => Some("d"),
        f if f.is_undecided() => None,
        f if f.is_sampled() => Some("1"),
        _ => Some("0"),
    }
}

impl Propagator for B3Propagator {
    fn extract(&self, carrier: &dyn Extractor) -> Extracted {
        let single = only(carrier, SINGLE).and_then(parse_single);
        single.or_else(|| parse_multi(carrier)).map(Extracted::from).unwrap_or_default()
    }

    fn inject(&self, context: Option<&SpanContext>, _: &Baggage, carrier: &mut dyn Injector) {
        // Whatever encoding the carrier had: the other one would be read too.
        for name in [SINGLE, TRACE_ID, SPAN_ID, PARENT_SPAN_ID, SAMPLED, FLAGS] {
            carrier.remove(name);
        }
        let Some(context) = context else { return };
        let state = state_of(context.flags);
        if self.encoding != B3Encoding::Multi {
            let (dash, state) = state.map_or(("", ""), |state| ("-", state));
            carrier.set(SINGLE, format!("{}-{}{dash}{state}", context.trace_id, context.span_id));
        }
        if self.encoding != B3Encoding::Single {
            carrier.set(TRACE_ID, context.trace_id.to_string());
            carrier.set(SPAN_ID, context.span_id.to_string());
            match state {
                // The standard: do not send X-B3-Sampled with it.
                Some("d") => carrier.set(FLAGS, "1".to_owned()),
                Some(state) => carrier.set(SAMPLED, state.to_owned()),
                None => {}
            }
        }
    }

    fn fields(&self) -> Vec<&str> {
        match self.encoding {
            B3Encoding::Single => vec![SINGLE],
            B3Encoding::Multi => vec![TRACE_ID, SPAN_ID, SAMPLED, FLAGS],
            B3Encoding::Both => vec![SINGLE, TRACE_ID, SPAN_ID, SAMPLED, FLAGS],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
    const SPAN: &str = "e457b5a2e4d86bd1";
    const PARENT: &str = "05e3ac9a4f6e3b90";

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn read(pairs: &[(&str, &str)]) -> Extracted {
        B3Propagator::SINGLE.extract(&headers(pairs))
    }

    fn single(value: &str) -> Extracted {
        read(&[("b3", value)])
    }

    fn flags(found: &Extracted) -> Option<TraceFlags> {
        found.context.as_ref().map(|c| c.flags)
    }

    #[test]
    fn the_example_of_the_standard_is_read_and_its_parent_ignored() {
        let found = single(&format!("{TRACE}-{SPAN}-1-{PARENT}"));
        let context = found.context.unwrap();
        assert_eq!((context.trace_id.to_string(), context.span_id.to_string()), (TRACE.into(), SPAN.into()));
        assert!(context.is_remote && context.flags == TraceFlags::SAMPLED);
    }

    #[test]
    fn each_state_of_the_single_header_has_its_flags() {
        let state = |state: &str| flags(&single(&format!("{TRACE}-{SPAN}{state}")));
        assert_eq!(state(""), Some(TraceFlags::UNDECIDED));
        assert_eq!(state("-0"), Some(TraceFlags(0)));
        assert_eq!(state("-1"), Some(TraceFlags::SAMPLED));
        assert_eq!(state("-d"), Some(DEBUG));
        assert_eq!(state("-True"), Some(TraceFlags::SAMPLED));
    }

    #[test]
    fn ids_of_64_bits_are_padded_and_either_case_is_read() {
        let context = single(&format!("{}-{}-1", &TRACE[16..], SPAN.to_uppercase())).context.unwrap();
        assert_eq!(context.trace_id.to_string(), format!("{:0>32}", &TRACE[16..]));
        assert_eq!(context.span_id.to_string(), SPAN);
    }

    #[test]
    fn a_state_without_ids_is_a_wish_for_the_new_trace() {
        for (value, sampled) in [("0", false), ("1", true), ("d", true)] {
            assert_eq!(single(value), Extracted { sampled: Some(sampled), ..Extracted::default() });
        }
        assert_eq!(read(&[("X-B3-Sampled", "0")]).sampled, Some(false));
        assert_eq!(read(&[("X-B3-Flags", "1")]).sampled, Some(true));
    }

    #[test]
    fn several_headers_are_read_in_any_case() {
        let ids = [("X-B3-TraceId", TRACE), ("x-b3-SpanId", SPAN), ("X-B3-PARENTSPANID", PARENT)];
        let with = |more: &[(&str, &str)]| flags(&read(&[&ids[..], more].concat()));
        assert_eq!(with(&[]), Some(TraceFlags::UNDECIDED));
        assert_eq!(with(&[("x-b3-sampled", "1")]), Some(TraceFlags::SAMPLED));
        assert_eq!(with(&[("x-b3-sampled", "false")]), Some(TraceFlags(0)));
        assert_eq!(with(&[("x-b3-flags", "1")]), Some(DEBUG));
        assert_eq!(with(&[("x-b3-flags", "1"), ("x-b3-sampled", "0")]), Some(DEBUG));
        assert_eq!(with(&[("x-b3-flags", "0"), ("x-b3-sampled", "1")]), Some(TraceFlags::SAMPLED));
    }

    #[test]
    fn the_single_header_wins_if_it_is_valid() {
        let multi = [("x-b3-traceid", "1111111111111111"), ("x-b3-spanid", "2222222222222222")];
        let with = |value: &str| read(&[&multi[..], &[("b3", value)]].concat()).context.unwrap();
        assert_eq!(with(&format!("{TRACE}-{SPAN}-1")).trace_id.to_string(), TRACE);
        assert_eq!(with("malformed-").trace_id.to_string(), format!("{:0>32}", "1111111111111111"));
    }

    #[test]
    fn malformed_headers_are_left_out() {
        for bad in [
            String::new(),
            "-".into(),
            "x".into(),
            "00".into(),
            format!("{TRACE}-"),
            format!("-{SPAN}"),
            format!("{TRACE}-{SPAN}-"),
            format!("{TRACE}-{SPAN}-2"),
            format!("{TRACE}-{SPAN}-1-"),
            format!("{TRACE}-{SPAN}-1-{PARENT}-"),
            format!("{TRACE}-{SPAN}-1-0"),
            format!("{}-{SPAN}-1", "0".repeat(32)),
            format!("{TRACE}-{}-1", "0".repeat(16)),
            format!("{}-{SPAN}-1", &TRACE[1..]),
            format!("+{}-{SPAN}-1", &TRACE[1..]),
            format!("{}-{SPAN}-1", "é".repeat(16)),
        ] {
            assert_eq!(single(&bad), Extracted::default(), "{bad}");
        }
        let (trace, span) = (("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN));
        for bad in [
            vec![trace],
            vec![span, ("x-b3-sampled", "1")],
            vec![trace, span, ("x-b3-sampled", "yes")],
            vec![trace, span, ("x-b3-parentspanid", "x")],
            vec![trace, trace, span],
        ] {
            assert_eq!(read(&bad), Extracted::default(), "{bad:?}");
        }
        let twice =
            single(&format!("{TRACE}-{SPAN}-1")).context.map(|_| format!("{TRACE}-{SPAN}-1")).unwrap();
        assert_eq!(read(&[("b3", &twice), ("b3", &twice)]), Extracted::default());
    }

    #[test]
    fn writing_replaces_both_encodings_and_sends_no_parent() {
        let context = single(&format!("{TRACE}-{SPAN}-d")).context.unwrap();
        let stale =
            headers(&[("B3", "0"), ("X-B3-TraceId", "x"), ("x-b3-sampled", "0"), ("X-B3-ParentSpanId", "x")]);
        let mut out = stale.clone();
        B3Propagator::SINGLE.inject(Some(&context), &Baggage::EMPTY, &mut out);
        assert_eq!(out, headers(&[("b3", &format!("{TRACE}-{SPAN}-d"))]));
        let mut out = stale.clone();
        B3Propagator::MULTI.inject(Some(&context), &Baggage::EMPTY, &mut out);
        assert_eq!(out, headers(&[("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN), ("x-b3-flags", "1")]));
        let mut out = stale.clone();
        B3Propagator::BOTH.inject(Some(&context), &Baggage::EMPTY, &mut out);
        assert_eq!(out.len(), 4);
        let mut out = stale;
        B3Propagator::SINGLE.inject(None, &Baggage::EMPTY, &mut out);
        assert!(out.is_empty());
    }

    proptest! {
        #[test]
        fn no_headers_panic_and_what_is_read_is_written_alike(
            one in prop_oneof![any::<String>(), "[0-9a-f]{16,32}-[0-9a-f]{16}(-[01d])?(-[0-9a-f]{16})?"],
            trace in "[0-9a-fA-F]{0,33}", span in any::<String>(), sampled in "[01d]?|true",
        ) {
            let carrier = headers(&[("b3", &one), ("x-b3-traceid", &trace), ("x-b3-spanid", &span),
                ("x-b3-sampled", &sampled)]);
            let found = B3Propagator::SINGLE.extract(&carrier);
            for propagator in [B3Propagator::SINGLE, B3Propagator::MULTI, B3Propagator::BOTH] {
                let mut out = carrier.clone();
                propagator.inject(found.context.as_ref(), &Baggage::EMPTY, &mut out);
                prop_assert_eq!(propagator.extract(&out).context, found.context.clone());
            }
        }

        #[test]
        fn any_span_survives_either_encoding(trace in 1u128.., span in 1u64.., bits in 0usize..4) {
            let flags = [TraceFlags(0), TraceFlags::SAMPLED, DEBUG, TraceFlags::UNDECIDED][bits];
            let mut context =
                SpanContext::new(TraceId::new(trace).unwrap(), SpanId::new(span).unwrap(), flags);
            context.is_remote = true;
            for propagator in [B3Propagator::SINGLE, B3Propagator::MULTI, B3Propagator::BOTH] {
                let mut out = Vec::new();
                propagator.inject(Some(&context), &Baggage::EMPTY, &mut out);
                prop_assert_eq!(propagator.extract(&out).context, Some(context.clone()));
            }
        }
    }
}
