//! A sketch in few bytes, for keeping: differences of bucket numbers and counts, seven bits a byte.
//!
//! Layout: `count << 2 | form`, as a variable-length number (LEB128). Form bit 0: weights are whole numbers, and are
//! written as such. Form bit 1: all values are equal, and only the value and the weight follow. Otherwise: minimum,
//! maximum and sum (8 bytes each), the weight of zeros, the number of buckets, the first bucket (zigzag) with its
//! weight, and for each further one the distance from the previous one with its weight.

use super::{MergedSketch, ONE, QuantileSketch, bin_of};

const WHOLE: u64 = 1;
const EQUAL: u64 = 2;
/// Further from zero than the bucket of any number.
const MAX_BIN: i32 = 40_000;

fn put(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

#[inline(always)]
fn take(from: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = from.split_first()?;
    if first & 0x80 == 0 {
        *from = rest;
        return Some(first.into());
    }
    take_long(from)
}

#[cold]
fn take_long(from: &mut &[u8]) -> Option<u64> {
    let (&first, mut rest) = from.split_first()?;
    let mut v = u64::from(first & 0x7f);
    let (mut byte, mut shift) = (first, 7);
    while byte & 0x80 != 0 {
        byte = *rest.split_off_first()?;
        v |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
    }
    *from = rest;
    Some(v)
}

fn take_f64(from: &mut &[u8]) -> Option<f64> {
    let (bytes, rest) = from.split_first_chunk::<8>()?;
    *from = rest;
    Some(f64::from_le_bytes(*bytes))
}

impl QuantileSketch {
    /// Appends the packed form.
    pub(in crate::analyze) fn pack(&self, out: &mut Vec<u8>) {
        let whole = self.zeros.is_multiple_of(ONE) && self.bins.iter().all(|b| b.1.is_multiple_of(ONE));
        let equal = self.min == self.max;
        let unit = if whole { ONE } else { 1 };
        put(out, self.count << 2 | if whole { WHOLE } else { 0 } | if equal { EQUAL } else { 0 });
        out.extend(self.min.to_le_bytes());
        if equal {
            return put(out, self.weight / unit);
        }
        out.extend(self.max.to_le_bytes());
        out.extend(self.sum.to_le_bytes());
        put(out, self.zeros / unit);
        put(out, self.bins.len() as u64);
        let mut last = None;
        for &(bin, n) in &self.bins {
            match last {
                None => put(out, zigzag(bin)),
                Some(last) => put(out, (bin - last) as u64),
            }
            put(out, n / unit);
            last = Some(bin);
        }
    }
}

fn zigzag(v: i32) -> u64 {
    u64::from(((v << 1) ^ (v >> 31)).cast_unsigned())
}

fn unzigzag(v: u64) -> i32 {
    ((v >> 1) as u32).cast_signed() ^ -((v & 1) as u32).cast_signed()
}

impl MergedSketch {
    /// Adds a packed sketch, and moves behind it. `None` if the bytes are none; they are made here, so that does
    /// not happen.
    pub(in crate::analyze) fn merge_packed(&mut self, from: &mut &[u8]) -> Option<()> {
        let head = take(from)?;
        let (count, unit) = (head >> 2, if head & WHOLE != 0 { ONE } else { 1 });
        let min = take_f64(from)?;
        if head & EQUAL != 0 {
            let weight = take(from)?.saturating_mul(unit);
            if count > 0 {
                let zeros = if min == 0.0 { weight } else { 0 };
                self.seen(count, weight, zeros, (min * (weight as f64 / ONE as f64), min, min));
                if min != 0.0 {
                    self.add(bin_of(min), weight);
                }
            }
            return Some(());
        }
        let (max, sum) = (take_f64(from)?, take_f64(from)?);
        let zeros = take(from)?.saturating_mul(unit);
        let bins = take(from)?;
        let mut weight = zeros;
        if bins > 0 {
            // No number has a bucket further out.
            let first = unzigzag(take(from)?).clamp(-MAX_BIN, MAX_BIN);
            let mut bin = first;
            for i in 0..bins {
                if i > 0 {
                    bin = (bin + take(from)?.min(MAX_BIN as u64) as i32).min(MAX_BIN);
                }
                let n = take(from)?.wrapping_mul(unit);
                self.add_from(first, bin, n);
                weight = weight.wrapping_add(n);
            }
            self.use_to(first, bin + 1);
        }
        self.seen(count, weight, zeros, (sum, min, max));
        Some(())
    }
}
