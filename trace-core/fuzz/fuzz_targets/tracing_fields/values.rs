//! Field values of every kind that `tracing` has.

use std::error::Error;
use std::fmt;

use tracing::field::{Value, ValueSet, debug, display};
use tracing_core::Metadata;

use super::Unruly;
use super::callsite::Callsite;

/// Values for the fields of a callsite, as many as it has.
pub struct Values(Vec<Option<Box<dyn Value>>>);

impl Values {
    /// Takes a count and that many values from the input; where it ends, there are no more.
    pub fn read(input: &mut &[u8]) -> Self {
        let count = input.split_off_first().map_or(0, |n| n % 33);
        Self((0..count).map(|_| value(input)).collect())
    }

    /// Calls with the callsite's metadata and these values for its first fields.
    pub fn with<R>(
        &self,
        callsite: &'static Callsite,
        f: impl FnOnce(&'static Metadata<'static>, &ValueSet<'_>) -> R,
    ) -> R {
        let metadata = callsite.get();
        let mut values: Vec<Option<&dyn Value>> = self.0.iter().map(Option::as_deref).collect();
        values.resize(metadata.fields().len(), None);
        f(metadata, &metadata.fields().value_set_all(&values))
    }
}

/// One value, or none for a field that is left empty.
fn value(input: &mut &[u8]) -> Option<Box<dyn Value>> {
    let kind = *input.split_off_first()?;
    let mut bytes = [0; 8];
    Some(match kind % 12 {
        0 => return None,
        1 => Box::new(kind > 127),
        2 => Box::new(i64::from_le_bytes(take(input, &mut bytes))),
        3 => Box::new(u64::from_le_bytes(take(input, &mut bytes))),
        4 => Box::new(f64::from_le_bytes(take(input, &mut bytes))),
        5 => Box::new(i128::from(i64::from_le_bytes(take(input, &mut bytes))) * 3),
        6 => Box::new(u128::from(u64::from_le_bytes(take(input, &mut bytes))) * 3),
        7 => Box::new(text(input)),
        8 => Box::new(display(text(input))),
        9 => Box::new(debug(text(input))),
        10 => Box::new(debug(Unruly)),
        _ => Box::new(Box::new(Failure(text(input))) as Box<dyn Error + 'static>),
    })
}

fn take(input: &mut &[u8], bytes: &mut [u8; 8]) -> [u8; 8] {
    for byte in bytes.iter_mut() {
        *byte = input.split_off_first().copied().unwrap_or_default();
    }
    *bytes
}

fn text(input: &mut &[u8]) -> String {
    let length = input.split_off_first().map_or(0, |n| usize::from(*n)).min(input.len());
    let (text, rest) = input.split_at(length);
    *input = rest;
    String::from_utf8_lossy(text).into_owned()
}

/// An error that is its own cause.
#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}
