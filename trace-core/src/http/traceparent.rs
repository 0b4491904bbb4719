//! The `traceparent` header as a header value, made without formatting machinery: every response gets one.

use http::HeaderValue;

use crate::model::SpanContext;

/// `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits.
const LENGTH: usize = 55;

/// The same text as [`crate::propagate::format_traceparent`].
pub(super) fn header_value(context: &SpanContext) -> Option<HeaderValue> {
    let mut text = [b'-'; LENGTH];
    text[..2].copy_from_slice(b"00");
    let trace = context.trace_id.to_u128();
    text[3..19].copy_from_slice(&hex((trace >> 64) as u64));
    text[19..35].copy_from_slice(&hex(trace as u64));
    text[36..52].copy_from_slice(&hex(context.span_id.to_u64()));
    // The flags of version 00: sampled and random.
    text[53..].copy_from_slice(&[b'0', b'0' + (context.flags.0 & 0b11)]);
    // Digits and dashes are a valid value; the answer to the impossible is to send none.
    HeaderValue::from_bytes(&text).ok()
}

/// The sixteen digits of a number.
fn hex(value: u64) -> [u8; 16] {
    let (high, low) = (digits((value >> 32) as u32), digits(value as u32));
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

/// The eight digits of a number, one in each byte: all at once, for a table would be asked eight times.
fn digits(value: u32) -> u64 {
    let x = u64::from(value);
    let x = (x << 16 | x) & 0x0000_ffff_0000_ffff;
    let x = (x << 8 | x) & 0x00ff_00ff_00ff_00ff;
    let x = (x << 4 | x) & 0x0f0f_0f0f_0f0f_0f0f;
    // One in each byte that is ten or more, and so is a letter.
    let letters = (x + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    x + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10)
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
