//! `io.prometheus.write.v2.Request`.
//!
//! Messages: Prometheus, `prompb/io/prometheus/write/v2/types.proto`.

use super::collect::Collected;
use super::series::{Label, Series, example, sample};
use super::v1::COUNTER;
use super::{Budget, DecodeError, DecodedWrite, Fault, histogram};
use crate::receiver::ReceiverLimits;
use crate::remote_write_receiver::families::Family;
use crate::wire_reader::{Field, Malformed, fields, varints};

/// Reads a request of 2.0, decompressed.
///
/// # Errors
/// If the bytes are no such request, or hold more than the limits allow.
pub fn decode_v2(bytes: &[u8], limits: &ReceiverLimits) -> Result<DecodedWrite, DecodeError> {
    read(bytes, limits).map_err(|fault| fault.of("2.0"))
}

fn read(bytes: &[u8], limits: &ReceiverLimits) -> Result<DecodedWrite, Fault> {
    let mut budget = Budget::new(limits);
    // Symbols may stand behind what names them.
    let mut symbols = Symbols(Vec::new());
    for field in fields(bytes) {
        match field? {
            (4, Field::Bytes(text)) => {
                budget.bytes(size_of::<Option<&str>>())?;
                symbols.0.push(str::from_utf8(text).ok());
            }
            (4 | 5, Field::Varint(_) | Field::Fixed64(_) | Field::Fixed32(_)) => return Err(Malformed.into()),
            _ => {}
        }
    }
    if !bytes.is_empty() && symbols.0.first() != Some(&Some("")) {
        return Err(DecodeError::FirstSymbol.into());
    }
    let mut collected = Collected::default();
    for field in fields(bytes) {
        if let (5, Field::Bytes(one)) = field? {
            budget.record()?;
            let (series, metadata) = series(one, &symbols, &mut budget)?;
            let family = metadata.map(|m| m.family(&symbols, &mut budget)).transpose()?;
            collected.take(series, family.as_ref(), &mut budget)?;
        }
    }
    Ok(collected.finish())
}

/// `None` for one that is not UTF-8.
struct Symbols<'a>(Vec<Option<&'a str>>);

impl<'a> Symbols<'a> {
    fn get(&self, number: u64) -> Result<Option<&'a str>, DecodeError> {
        let found = usize::try_from(number).ok().and_then(|i| self.0.get(i));
        found.copied().ok_or(DecodeError::Symbol)
    }

    /// Adds the labels that numbers stand for, by twos. `false` if one of them is not UTF-8.
    fn labels(
        &self,
        field: &Field<'_>,
        budget: &mut Budget,
        out: &mut Vec<Label<'a>>,
    ) -> Result<bool, Fault> {
        if !matches!(field, Field::Bytes(_)) {
            return Err(Malformed.into());
        }
        let mut numbers = varints(field);
        let mut whole = true;
        while let Some(name) = numbers.next() {
            let value = numbers.next().ok_or(DecodeError::Symbol)?;
            match self.get(name?)?.zip(self.get(value?)?) {
                Some(label) => {
                    budget.label(label)?;
                    out.push(label);
                }
                None => whole = false,
            }
        }
        Ok(whole)
    }
}

/// Numbers of symbols.
#[derive(Default)]
struct Metadata {
    kind: u64,
    help: u64,
    unit: u64,
}

impl Metadata {
    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut out = Self::default();
        for field in fields(bytes) {
            match field? {
                (1, Field::Varint(v)) => out.kind = v,
                (3, Field::Varint(v)) => out.help = v,
                (4, Field::Varint(v)) => out.unit = v,
                (1 | 3 | 4, _) => return Err(Malformed),
                _ => {}
            }
        }
        Ok(out)
    }

    fn family(&self, symbols: &Symbols<'_>, budget: &mut Budget) -> Result<Family, Fault> {
        let text = |number| symbols.get(number).map(|text| text.unwrap_or_default().to_owned());
        let (help, unit) = (text(self.help)?, text(self.unit)?);
        budget.bytes(help.len() + unit.len())?;
        Ok(Family { counter: self.kind == COUNTER, help, unit })
    }
}

fn series<'a>(
    bytes: &'a [u8],
    symbols: &Symbols<'a>,
    budget: &mut Budget,
) -> Result<(Series<'a>, Option<Metadata>), Fault> {
    let (mut out, mut metadata) = (Series::default(), None);
    for field in fields(bytes) {
        match field? {
            (1, refs) => out.garbled |= !symbols.labels(&refs, budget, &mut out.labels)?,
            (2, Field::Bytes(v)) => {
                budget.record()?;
                out.samples.push(sample(v)?);
            }
            (3, Field::Bytes(v)) => {
                budget.record()?;
                out.histograms.push(histogram::read(v, budget)?);
            }
            (4, Field::Bytes(v)) => {
                budget.record()?;
                // An exemplar with a label that is not UTF-8 is one without that label.
                out.exemplars
                    .push(example(v, |refs, labels| symbols.labels(refs, budget, labels).map(drop))?);
            }
            (5, Field::Bytes(v)) => metadata = Some(Metadata::read(v)?),
            (6, Field::Varint(v)) => out.created = v.cast_signed(),
            (2..=6, _) => return Err(Malformed.into()),
            _ => {}
        }
    }
    Ok((out, metadata))
}
