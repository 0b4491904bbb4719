//! Baggage with a header for each member, as OpenTracing clients send it.

use std::borrow::Cow;

use super::carrier::after_prefix;
use super::percent;
use super::{Baggage, Extractor, Injector};

/// More headers of this kind are not looked at: a baggage holds no more members.
const MAX_HEADERS: usize = 64;

/// How a value stands in its header.
#[derive(Clone, Copy)]
pub(super) enum Values {
    /// Percent-encoded, so that any text can travel.
    Encoded,
    /// As it is, if it is printable ASCII; any other is left out.
    Raw,
}

impl Values {
    fn read(self, value: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Encoded => Some(percent::decode(value)),
            Self::Raw => is_header_text(value).then_some(Cow::Borrowed(value)),
        }
    }

    fn write(self, value: &str) -> Option<String> {
        match self {
            Self::Encoded => {
                let mut out = String::new();
                percent::encode(value, &mut out);
                Some(out)
            }
            Self::Raw => is_header_text(value).then(|| value.to_owned()),
        }
    }
}

/// RFC 9110, section 5.5, without the obsolete bytes above ASCII, which readers take for different characters.
fn is_header_text(value: &str) -> bool {
    value.bytes().all(|b| matches!(b, b'\t' | b' '..=b'~'))
}

/// Reads `PREFIXkey: value`. Header names have no case, so keys are in lower case. What does not fit into a baggage
/// is left out; of a header that occurs twice the first value counts.
pub(super) fn read(carrier: &dyn Extractor, prefix: &str, values: Values, baggage: &mut Baggage) {
    let keys = carrier.names().into_iter().filter_map(|name| after_prefix(name, prefix));
    let mut keys: Vec<String> = keys.take(MAX_HEADERS).map(str::to_ascii_lowercase).collect();
    // Carriers without an order would give a different baggage each time.
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let first = carrier.get_all(&format!("{prefix}{key}")).first().copied();
        if let Some(value) = first.and_then(|value| values.read(value)) {
            let _ = baggage.insert(&key, value);
        }
    }
}

/// Writes the members in place of those that the carrier has. Properties have no place here and are left out; of keys
/// that differ in case only the last one counts.
pub(super) fn write(baggage: &Baggage, prefix: &str, values: Values, carrier: &mut dyn Injector) {
    carrier.remove_prefix(prefix);
    for entry in baggage {
        if let Some(value) = values.write(entry.value()) {
            carrier.set(&format!("{prefix}{}", entry.key().to_ascii_lowercase()), value);
        }
    }
}
