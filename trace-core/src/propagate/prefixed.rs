//! Baggage with a header for each member, as OpenTracing clients send it.

use super::carrier::after_prefix;
use super::percent::{decode, encode};
use super::{Baggage, Extractor, Injector};

/// More headers of this kind are not looked at: a baggage holds no more members.
const MAX_HEADERS: usize = 64;

/// Reads `PREFIXkey: value`, values percent-encoded. Header names have no case, so keys are in lower case. What does
/// not fit into a baggage is left out; of a header that occurs twice the first value counts.
pub(super) fn read(carrier: &dyn Extractor, prefix: &str, baggage: &mut Baggage) {
    let keys = carrier.names().into_iter().filter_map(|name| after_prefix(name, prefix));
    let mut keys: Vec<String> = keys.take(MAX_HEADERS).map(str::to_ascii_lowercase).collect();
    // Carriers without an order would give a different baggage each time.
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        if let Some(value) = carrier.get_all(&format!("{prefix}{key}")).first() {
            let _ = baggage.insert(&key, decode(value));
        }
    }
}

/// Writes the members in place of those that the carrier has. Properties have no place here and are left out; of keys
/// that differ in case only the last one counts.
pub(super) fn write(baggage: &Baggage, prefix: &str, carrier: &mut dyn Injector) {
    carrier.remove_prefix(prefix);
    for entry in baggage {
        let mut value = String::new();
        encode(entry.value(), &mut value);
        carrier.set(&format!("{prefix}{}", entry.key().to_ascii_lowercase()), value);
    }
}
