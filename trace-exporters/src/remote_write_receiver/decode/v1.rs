//! `prometheus.WriteRequest`.
//!
//! Messages: Prometheus, `prompb/remote.proto` and `prompb/types.proto`.

use trace_core::model::TenantId;

use super::collect::Collected;
use super::series::{Label, Series, example, sample};
use super::{Budget, DecodeError, DecodedWrite, Fault, histogram};
use crate::receiver::ReceiverLimits;
use crate::remote_write_receiver::families::{Families, Family};
use crate::wire_reader::{Field, Malformed, fields};

/// `MetricMetadata.MetricType` of a counter.
pub(super) const COUNTER: u64 = 1;

/// Reads a request of 1.0, decompressed. What it says of families is added to `families`, under the tenant.
///
/// # Errors
/// If the bytes are no such request, or hold more than the limits allow; then nothing is added.
pub fn decode_v1(
    bytes: &[u8],
    limits: &ReceiverLimits,
    families: &Families,
    tenant: Option<&TenantId>,
) -> Result<DecodedWrite, DecodeError> {
    read(bytes, limits, families, tenant).map_err(|fault| fault.of("1.0"))
}

fn read(
    bytes: &[u8],
    limits: &ReceiverLimits,
    families: &Families,
    tenant: Option<&TenantId>,
) -> Result<DecodedWrite, Fault> {
    let mut budget = Budget::new(limits);
    let (mut all, mut said) = (Vec::new(), Vec::new());
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(one)) => {
                budget.record()?;
                all.push(series(one, &mut budget)?);
            }
            (3, Field::Bytes(one)) => {
                budget.record()?;
                said.extend(family(one)?);
            }
            (1 | 3, _) => return Err(Malformed.into()),
            _ => {}
        }
    }
    families.learn(tenant, said);
    let known = families.read();
    let mut collected = Collected::default();
    for series in all {
        let name = series.labels.iter().find(|(name, _)| *name == "__name__").map(|(_, value)| *value);
        let family = name.and_then(|name| known.of(tenant, name));
        collected.take(series, family.as_deref(), &mut budget)?;
    }
    Ok(collected.finish())
}

fn series<'a>(bytes: &'a [u8], budget: &mut Budget) -> Result<Series<'a>, Fault> {
    let mut out = Series::default();
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(pair)) => match label(pair)? {
                Some(label) => {
                    budget.label(label)?;
                    out.labels.push(label);
                }
                None => out.garbled = true,
            },
            (2, Field::Bytes(v)) => {
                budget.record()?;
                out.samples.push(sample(v)?);
            }
            (3, Field::Bytes(v)) => {
                budget.record()?;
                out.exemplars.push(example(v, |field, labels| {
                    let Field::Bytes(pair) = field else { return Err(Malformed.into()) };
                    if let Some(label) = label(pair)? {
                        budget.label(label)?;
                        labels.push(label);
                    }
                    Ok(())
                })?);
            }
            (4, Field::Bytes(v)) => {
                budget.record()?;
                out.histograms.push(histogram::read(v, budget)?);
            }
            (1..=4, _) => return Err(Malformed.into()),
            _ => {}
        }
    }
    Ok(out)
}

/// `None` if it is not UTF-8.
fn label(bytes: &[u8]) -> Result<Option<Label<'_>>, Malformed> {
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(text)) => name = text,
            (2, Field::Bytes(text)) => value = text,
            (1..=2, _) => return Err(Malformed),
            _ => {}
        }
    }
    Ok(str::from_utf8(name).ok().zip(str::from_utf8(value).ok()))
}

fn family(bytes: &[u8]) -> Result<Option<(&str, Family)>, Malformed> {
    let (mut name, mut out): (&[u8], _) = (&[], Family::default());
    for field in fields(bytes) {
        match field? {
            (1, Field::Varint(kind)) => out.counter = kind == COUNTER,
            (2, Field::Bytes(text)) => name = text,
            (4, Field::Bytes(text)) => out.help = String::from_utf8_lossy(text).into_owned(),
            (5, Field::Bytes(text)) => out.unit = String::from_utf8_lossy(text).into_owned(),
            (1 | 2 | 4 | 5, _) => return Err(Malformed),
            _ => {}
        }
    }
    Ok(str::from_utf8(name).ok().filter(|name| !name.is_empty()).map(|name| (name, out)))
}
