//! One series as it stands in a request: the same in both versions but for its labels.

use trace_core::model::Timestamp;

use super::Fault;
use super::histogram::Native;
use crate::wire_reader::{Field, Malformed, fields};

/// The bits of the NaN that says that a series has ended.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// A label: its name and its value.
pub(super) type Label<'a> = (&'a str, &'a str);

#[derive(Debug, Default)]
pub(super) struct Series<'a> {
    pub(super) labels: Vec<Label<'a>>,
    /// A label is not UTF-8.
    pub(super) garbled: bool,
    pub(super) samples: Vec<Sample>,
    pub(super) histograms: Vec<Native>,
    pub(super) exemplars: Vec<Example<'a>>,
    /// When it began, for samples that do not say.
    pub(super) created: i64,
}

/// Times are milliseconds since 1970; 0: unknown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    pub(super) value: f64,
    pub(super) time: i64,
    pub(super) start: i64,
}

#[derive(Debug, Default)]
pub(super) struct Example<'a> {
    pub(super) labels: Vec<Label<'a>>,
    pub(super) value: f64,
    pub(super) time: i64,
}

pub(super) fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE
}

/// `None` before 1970.
pub(super) fn time(ms: i64) -> Option<Timestamp> {
    Some(Timestamp::from_unix_nanos(u64::try_from(ms).ok()?.saturating_mul(1_000_000)))
}

pub(super) fn sample(bytes: &[u8]) -> Result<Sample, Malformed> {
    let mut out = Sample::default();
    for field in fields(bytes) {
        match field? {
            (1, Field::Fixed64(bits)) => out.value = f64::from_bits(bits),
            (2, Field::Varint(v)) => out.time = v.cast_signed(),
            (3, Field::Varint(v)) => out.start = v.cast_signed(),
            (1..=3, _) => return Err(Malformed),
            _ => {}
        }
    }
    Ok(out)
}

/// An exemplar, without its labels: they are given to `label` as they stand.
pub(super) fn example<'a>(
    bytes: &'a [u8],
    mut label: impl FnMut(&Field<'a>, &mut Vec<Label<'a>>) -> Result<(), Fault>,
) -> Result<Example<'a>, Fault> {
    let mut out = Example::default();
    for field in fields(bytes) {
        match field? {
            (1, refs) => label(&refs, &mut out.labels)?,
            (2, Field::Fixed64(bits)) => out.value = f64::from_bits(bits),
            (3, Field::Varint(v)) => out.time = v.cast_signed(),
            (2..=3, _) => return Err(Malformed.into()),
            _ => {}
        }
    }
    Ok(out)
}
