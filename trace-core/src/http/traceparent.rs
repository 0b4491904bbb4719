//! The `traceparent` header as a header value, made without formatting machinery: every response gets one.

use http::HeaderValue;

use crate::model::SpanContext;

/// `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits.
const LENGTH: usize = 55;

/// The same text as [`crate::propagate::format_traceparent`].
pub(super) fn header_value(context: &SpanContext) -> Option<HeaderValue> {
    let mut text = [b'-'; LENGTH];
    text[..2].copy_from_slice(b"00");
    hex(&mut text[3..35], context.trace_id.to_u128());
    hex(&mut text[36..52], u128::from(context.span_id.to_u64()));
    // The flags of version 00: sampled and random.
    hex(&mut text[53..], u128::from(context.flags.0 & 0b11));
    // Digits and dashes are a valid value; the answer to the impossible is to send none.
    HeaderValue::from_bytes(&text).ok()
}

/// The lowest digits of a number, as many as there is room for.
fn hex(out: &mut [u8], mut value: u128) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 0xf) as usize];
        value >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{SpanId, TraceFlags, TraceId};
    use crate::propagate::format_traceparent;

    proptest! {
        #[test]
        fn it_is_the_text_that_the_propagator_writes(trace in 1u128.., span in 1u64.., flags: u8) {
            let ids = (TraceId::new(trace).unwrap(), SpanId::new(span).unwrap());
            let context = SpanContext::new(ids.0, ids.1, TraceFlags(flags));
            let value = header_value(&context).unwrap();
            prop_assert_eq!(value.to_str().unwrap(), format_traceparent(&context));
        }
    }
}
