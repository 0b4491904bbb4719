//! The header of AWS X-Ray: `x-amzn-trace-id`.

use super::carrier::only;
use super::{Baggage, Extracted, Extractor, Injector, Propagator, hex};
use crate::model::{SpanContext, SpanId, TenantTag, TraceFlags, TraceId, TraceState};

const HEADER: &str = "x-amzn-trace-id";
/// Load balancers append to it; more than this is refused unread.
const MAX_BYTES: usize = 1024;

/// Reads and writes `Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=1`. Fields may come in any order; those that
/// are unknown (`Self`, `Lineage`) are ignored and not passed on. Without `Parent`, as load balancers send it, there
/// is no span to be a child of.
#[derive(Clone, Copy, Debug, Default)]
pub struct XrayPropagator;

fn parse(value: &str) -> Option<SpanContext> {
    if value.len() > MAX_BYTES {
        return None;
    }
    let (mut root, mut parent, mut flags) = (None, None, TraceFlags::UNDECIDED);
    for field in value.split(';') {
        match field.trim_matches([' ', '\t']).split_once('=') {
            Some(("Root", id)) => root = Some(trace_id(id)?),
            Some(("Parent", id)) if id.len() == 16 => {
                // 16 digits are 64 bits: the cast loses nothing.
                parent = Some(SpanId::new(hex::any_case(id.as_bytes())? as u64)?);
            }
            Some(("Parent", _)) => return None,
            Some(("Sampled", "1")) => flags = TraceFlags::SAMPLED,
            Some(("Sampled", "0")) => flags = TraceFlags::default(),
            Some(("Sampled", "?")) => flags = TraceFlags::UNDECIDED,
            Some(("Sampled", _)) => return None,
            _ => {}
        }
    }
    Some(SpanContext {
        trace_id: root?,
        span_id: parent?,
        flags,
        trace_state: TraceState::EMPTY,
        is_remote: true,
        tenant: TenantTag::NONE,
    })
}

/// `1-<8 hex>-<24 hex>`: the version, the time and a random number, together our id.
fn trace_id(text: &str) -> Option<TraceId> {
    let (time, random) = text.strip_prefix("1-")?.split_once('-')?;
    if (time.len(), random.len()) != (8, 24) {
        return None;
    }
    TraceId::new(hex::any_case(time.as_bytes())? << 96 | hex::any_case(random.as_bytes())?)
}

impl Propagator for XrayPropagator {
    fn extract(&self, carrier: &dyn Extractor) -> Extracted {
        Extracted { context: only(carrier, HEADER).and_then(parse), ..Extracted::default() }
    }

    fn inject(&self, context: Option<&SpanContext>, _: &Baggage, carrier: &mut dyn Injector) {
        let Some(context) = context else { return carrier.remove(HEADER) };
        let id = context.trace_id.to_string();
        // 32 digits, all ASCII.
        let (time, random) = id.split_at(8);
        let sampled = match context.flags {
            f if f.is_undecided() => "?",
            f if f.is_sampled() => "1",
            _ => "0",
        };
        carrier.set(HEADER, format!("Root=1-{time}-{random};Parent={};Sampled={sampled}", context.span_id));
    }

    fn fields(&self) -> Vec<&str> {
        vec![HEADER]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

    #[test]
    fn the_example_of_the_manual_is_read_and_written_again() {
        let context = parse(EXAMPLE).unwrap();
        assert_eq!(context.trace_id.to_string(), "5759e988bd862e3fe1be46a994272793");
        assert_eq!(
            (context.span_id.to_string().as_str(), context.flags),
            ("53995c3f42cd8ad8", TraceFlags::SAMPLED)
        );
        let mut out = vec![("X-Amzn-Trace-Id".to_owned(), "stale".to_owned())];
        XrayPropagator.inject(Some(&context), &Baggage::EMPTY, &mut out);
        assert_eq!(out, [(HEADER.to_owned(), EXAMPLE.to_owned())]);
        XrayPropagator.inject(None, &Baggage::EMPTY, &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn fields_come_in_any_order_and_unknown_ones_are_ignored() {
        let text =
            "Sampled=?; Self=1-67891234-0;Parent=53995c3f42cd8ad8;x;Root=1-5759e988-bd862e3fe1be46a994272793";
        assert_eq!(parse(text).unwrap().flags, TraceFlags::UNDECIDED);
    }

    #[test]
    fn malformed_headers_are_left_out() {
        for bad in [
            "",
            "Root=1-5759e988-bd862e3fe1be46a994272793",
            "Parent=53995c3f42cd8ad8;Sampled=1",
            "Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
            "Root=1-5759e98-8bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
            "Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=2",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse(&format!("{EXAMPLE};{}", "x".repeat(MAX_BYTES))), None);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_any_span_survives(text in any::<String>(), trace in 1u128.., span in 1u64.., bits in 0usize..3) {
            let _ = parse(&text);
            let flags = [TraceFlags(0), TraceFlags::SAMPLED, TraceFlags::UNDECIDED][bits];
            let mut context = SpanContext::new(TraceId::new(trace).unwrap(), SpanId::new(span).unwrap(), flags);
            context.is_remote = true;
            let mut out = Vec::new();
            XrayPropagator.inject(Some(&context), &Baggage::EMPTY, &mut out);
            prop_assert_eq!(XrayPropagator.extract(&out).context, Some(context));
        }
    }
}
