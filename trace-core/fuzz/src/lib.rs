//! What every header format must keep, whatever the headers.

use http::{HeaderMap, HeaderName, HeaderValue};
use trace_core::propagate::{Baggage, Extracted, Propagator};

type Headers = Vec<(String, String)>;

/// Reads the input as header lines (`name: value`), and checks that reading neither panics nor breaks a bound, that
/// what is written is valid in HTTP, and that it says the same when it is read again.
pub fn check(format: &dyn Propagator, input: &[u8]) {
    check_after(0, format, input);
}

/// The same after so many hops: formats that are read together differ in what they can say, so that only what has
/// been sent on stays the same. (One has no state "undecided", another no capitals in the keys of its baggage.)
pub fn check_after(hops: u32, format: &dyn Propagator, input: &[u8]) {
    let lines: Vec<(&[u8], &[u8])> = input.split(|b| *b == b'\n').map(split).collect();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers: Headers = lines.iter().map(|(name, value)| (text(name), text(value))).collect();
    let found = format.extract(&headers);
    check_bounds(&found);

    let mut map = HeaderMap::new();
    for (name, value) in &lines {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    let of_map = format.extract(&map);
    check_bounds(&of_map);
    let mut out = HeaderMap::new();
    format.inject(of_map.context.as_ref(), &of_map.baggage, &mut out);
    assert_eq!(format.extract(&out).context, sent(format, &of_map).context);

    let once = (0..hops).fold(written(format, &found), |sent, _| written(format, &format.extract(&sent)));
    let again = written(format, &format.extract(&once));
    assert_eq!(sorted(once), sorted(again));
}

fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let at = line.iter().position(|b| *b == b':').unwrap_or(line.len());
    (&line[..at], line.get(at + 1..).unwrap_or_default().trim_ascii())
}

fn check_bounds(found: &Extracted) {
    assert!(found.context.is_none() || found.sampled.is_none());
    assert!(found.context.as_ref().is_none_or(|c| c.is_remote));
    assert!(found.baggage.len() <= 64 && found.baggage.to_header().len() <= 8192);
    assert_eq!(Baggage::parse([found.baggage.to_header().as_str()]), found.baggage);
}

fn written(format: &dyn Propagator, found: &Extracted) -> Headers {
    let mut out = Headers::new();
    format.inject(found.context.as_ref(), &found.baggage, &mut out);
    for (name, value) in &out {
        assert!(HeaderName::from_bytes(name.as_bytes()).is_ok(), "{name:?}");
        assert!(value.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')), "{name}: {value:?}");
    }
    out
}

/// What a receiver of the headers finds: less than was there, for formats with less room.
fn sent(format: &dyn Propagator, found: &Extracted) -> Extracted {
    format.extract(&written(format, found))
}

/// The same headers and the same members of the baggage, in an order of their own: formats that are read together
/// may give members in another one.
fn sorted(mut headers: Headers) -> Headers {
    for (_, value) in headers.iter_mut().filter(|(name, _)| name == "baggage") {
        let mut members: Vec<&str> = value.split(',').collect();
        members.sort_unstable();
        *value = members.join(",");
    }
    headers.sort();
    headers
}
