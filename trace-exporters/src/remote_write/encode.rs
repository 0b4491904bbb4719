//! Series as requests of either version.
//!
//! Messages: Prometheus, `prompb/remote.proto` and `types.proto`; `io.prometheus.write.v2`.

use std::collections::HashMap;

use super::sample::{Example, FamilyInfo, Labels, Series, Value};
use crate::prometheus::native::{Native, Side};
use crate::wire_writer::{Wire as _, nested, zigzag};

/// A `prometheus.WriteRequest`: the series, and what is said about their families.
pub(super) fn v1(series: &[Series], families: &[FamilyInfo]) -> Vec<u8> {
    let mut out = Vec::new();
    for one in series {
        nested(&mut out, 1, |out| {
            labels_v1(&one.labels, out);
            match &one.value {
                Value::Number(value) => sample(*value, one.time, 0, 2, out),
                Value::Histogram { count, sum, native } => histogram(*count, *sum, native, one.time, 4, out),
            }
            for exemplar in &one.exemplars {
                nested(out, 3, |out| {
                    labels_v1(&exemplar.labels, out);
                    value_and_time(exemplar, out);
                });
            }
        });
    }
    for family in used(series, families) {
        nested(&mut out, 3, |out| {
            out.uint(1, family.type_number());
            out.string(2, &family.name);
            out.string(4, &family.help);
            out.string(5, &family.unit);
        });
    }
    out
}

/// An `io.prometheus.write.v2.Request`.
pub(super) fn v2(series: &[Series], families: &[FamilyInfo]) -> Vec<u8> {
    let mut symbols = Symbols::default();
    // The first is always the empty text.
    symbols.number("");
    let mut body = Vec::new();
    for one in series {
        let refs = symbols.refs(&one.labels);
        nested(&mut body, 5, |out| {
            out.packed_varints(1, refs.iter().copied());
            match &one.value {
                Value::Number(value) => sample(*value, one.time, one.start, 2, out),
                Value::Histogram { count, sum, native } => histogram(*count, *sum, native, one.time, 3, out),
            }
            for exemplar in &one.exemplars {
                let refs = symbols.refs(&exemplar.labels);
                nested(out, 4, |out| {
                    out.packed_varints(1, refs.iter().copied());
                    value_and_time(exemplar, out);
                });
            }
            if let Some(family) = families.get(one.family) {
                nested(out, 5, |out| {
                    out.uint(1, family.type_number());
                    out.uint(3, symbols.number(&family.help));
                    out.uint(4, symbols.number(&family.unit));
                });
            }
        });
    }
    let mut out = Vec::with_capacity(body.len() + 1024);
    for symbol in &symbols.list {
        // With an empty one, too.
        out.bytes_always(4, symbol.as_bytes());
    }
    out.extend_from_slice(&body);
    out
}

/// Texts by number, each once.
#[derive(Default)]
struct Symbols<'a> {
    numbers: HashMap<&'a str, u64>,
    list: Vec<&'a str>,
}

impl<'a> Symbols<'a> {
    fn number(&mut self, text: &'a str) -> u64 {
        *self.numbers.entry(text).or_insert_with(|| {
            self.list.push(text);
            self.list.len() as u64 - 1
        })
    }

    fn refs(&mut self, labels: &'a Labels) -> Vec<u64> {
        labels.iter().flat_map(|(n, v)| [self.number(n), self.number(v)]).collect()
    }
}

/// The families that the series belong to, each once.
fn used<'a>(series: &[Series], families: &'a [FamilyInfo]) -> impl Iterator<Item = &'a FamilyInfo> {
    let mut used = vec![false; families.len()];
    for one in series {
        if let Some(used) = used.get_mut(one.family) {
            *used = true;
        }
    }
    families.iter().zip(used).filter_map(|(family, used)| used.then_some(family))
}

fn labels_v1(labels: &Labels, out: &mut Vec<u8>) {
    for (name, value) in labels {
        nested(out, 1, |out| {
            out.string(1, name);
            out.string(2, value);
        });
    }
}

fn sample(value: f64, time: i64, start: i64, field: u32, out: &mut Vec<u8>) {
    nested(out, field, |out| {
        out.double_always(1, value);
        out.uint(2, time.cast_unsigned());
        out.uint(3, start.cast_unsigned());
    });
}

fn value_and_time(exemplar: &Example, out: &mut Vec<u8>) {
    out.double_always(2, exemplar.value);
    out.uint(3, exemplar.time.cast_unsigned());
}

/// The same message in both versions.
fn histogram(count: u64, sum: f64, native: &Native, time: i64, field: u32, out: &mut Vec<u8>) {
    nested(out, field, |out| {
        out.uint_always(1, count);
        out.double_always(3, sum);
        out.uint_always(4, zigzag(native.schema.into()));
        out.double_always(5, native.zero_threshold);
        out.uint_always(6, native.zero_count);
        side(&native.negative, 8, out);
        side(&native.positive, 11, out);
        out.uint(15, time.cast_unsigned());
    });
}

fn side(side: &Side, field: u32, out: &mut Vec<u8>) {
    for span in &side.spans {
        nested(out, field, |out| {
            out.uint_always(1, zigzag(span.offset.into()));
            out.uint_always(2, span.length.into());
        });
    }
    out.packed_varints(field + 1, side.deltas.iter().map(|d| zigzag(*d)));
}
