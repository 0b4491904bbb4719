//! Numbers as text, without the machinery of `fmt`.

use trace_core::model::{Number, Timestamp};

use super::page::Page;

/// An integer.
fn push_u64(v: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(v).as_bytes());
}

/// Integers beyond 2^53 keep all their digits.
pub(super) fn push_number(v: Number, out: &mut Vec<u8>) {
    match v {
        Number::I64(v) => out.extend_from_slice(itoa::Buffer::new().format(v).as_bytes()),
        Number::F64(v) => push_f64(v, out),
    }
}

/// The same on a page, for which room is made.
#[inline]
pub(super) fn put_number(v: Number, page: &mut Page) {
    match v {
        Number::I64(v) => put_i64(v, page),
        Number::F64(v) => put_f64(v, page),
    }
}

#[inline]
fn put_i64(v: i64, page: &mut Page) {
    page.make_room(32);
    if v < 0 {
        page.put_bytes([b'-']);
    }
    page.put_u64(v.unsigned_abs());
}

/// As [`push_f64`] does.
#[inline]
pub(super) fn put_f64(v: f64, page: &mut Page) {
    match whole(v) {
        Some(whole) => put_i64(whole, page),
        None => page.put_with(|out| push_f64(v, out)),
    }
}

/// Exact in both directions below 2^53. Not for -0, which has a sign.
#[inline]
fn whole(v: f64) -> Option<i64> {
    let whole = v as i64;
    (v.abs() < 1e15 && whole as f64 == v && (whole != 0 || v.is_sign_positive())).then_some(whole)
}

/// The shortest digits that read back; whole numbers without a point; `NaN`, `+Inf`, `-Inf`.
pub(super) fn push_f64(v: f64, out: &mut Vec<u8>) {
    if v.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if v.is_infinite() {
        out.extend_from_slice(if v > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if let Some(whole) = whole(v) {
        out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    } else if v == 0.0 {
        out.extend_from_slice(b"-0");
    } else {
        out.extend_from_slice(ryu::Buffer::new().format_finite(v).as_bytes());
    }
}

/// The same with a point or an exponent, as OpenMetrics wants the bounds of buckets.
pub(super) fn push_canonical_f64(v: f64, out: &mut Vec<u8>) {
    let before = out.len();
    push_f64(v, out);
    if out[before..].iter().all(|b| b.is_ascii_digit() || *b == b'-') {
        out.extend_from_slice(b".0");
    }
}

/// Seconds since 1970 with milliseconds.
pub(super) fn push_seconds(time: Timestamp, out: &mut Vec<u8>) {
    let ms = time.unix_nanos() / 1_000_000;
    push_u64(ms / 1000, out);
    let fraction = ms % 1000;
    out.extend([b'.'].into_iter().chain([100, 10, 1].map(|d| b'0' + (fraction / d % 10) as u8)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn odd_values_have_their_words() {
        for (v, plain, canonical) in [
            (1.0, "1", "1.0"),
            (-0.0, "-0", "-0.0"),
            (0.0, "0", "0.0"),
            (0.005, "0.005", "0.005"),
            (1e300, "1e300", "1e300"),
            (-12.0, "-12", "-12.0"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (f64::NEG_INFINITY, "-Inf", "-Inf"),
            (f64::NAN, "NaN", "NaN"),
        ] {
            assert_eq!(text(|out| push_f64(v, out)), plain);
            assert_eq!(text(|out| push_canonical_f64(v, out)), canonical);
        }
        assert_eq!(
            text(|out| push_seconds(Timestamp::from_unix_nanos(1_500_000_012_999_999), out)),
            "1500000.012"
        );
    }

    proptest! {
        #[test]
        fn a_double_reads_back(bits: u64) {
            let v = f64::from_bits(bits);
            prop_assume!(v.is_finite());
            for write in [push_f64, push_canonical_f64] {
                prop_assert_eq!(text(|out| write(v, out)).parse::<f64>().unwrap().to_bits(), bits);
            }
        }

        #[test]
        fn a_page_has_the_same_digits(bits: u64, whole in any::<i64>(), shift in 0u32..64) {
            let mut page = Page::default();
            let mut expected = Vec::new();
            for v in [Number::F64(f64::from_bits(bits)), Number::F64((whole >> shift) as f64), Number::I64(whole >> shift)] {
                put_number(v, &mut page);
                push_number(v, &mut expected);
            }
            prop_assert_eq!(page.as_slice(), &*expected);
        }
    }
}
