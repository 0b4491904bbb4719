//! Headers of a request as a carrier that is quick to read.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::propagate::Extractor;

/// Up to so many headers are looked through; finding one by its hash costs as much as looking at so many.
const FEW: usize = 5;

/// The first value of one of the names that the `http` crate knows.
pub(super) fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    match headers.len() {
        0 => None,
        1..=FEW => headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value),
        _ => headers.get(name),
    }
}

/// The headers of a request that came in. Each propagator asks for several headers, most of which are not there.
pub(super) struct Headers<'a> {
    map: &'a HeaderMap,
    /// A bit for each length that a name has; the last one stands for all above it.
    lengths: u64,
}

impl<'a> Headers<'a> {
    pub(super) fn new(map: &'a HeaderMap) -> Self {
        Self { map, lengths: map.keys().fold(0, |lengths, key| lengths | length_bit(key.as_str())) }
    }
}

fn length_bit(name: &str) -> u64 {
    1 << name.len().min(63)
}

impl Extractor for Headers<'_> {
    fn get_all<'a>(&'a self, name: &str) -> Vec<&'a str> {
        match self.lengths & length_bit(name) {
            0 => Vec::new(),
            _ => Extractor::get_all(self.map, name),
        }
    }

    fn names(&self) -> Vec<&str> {
        Extractor::names(self.map)
    }
}

#[cfg(test)]
mod tests {
    use http::header::HOST;

    use super::*;

    #[test]
    fn few_and_many_headers_are_read_alike() {
        for others in [0, 1, 100] {
            let mut headers = HeaderMap::new();
            for i in 0..others {
                headers.insert(http::HeaderName::try_from(format!("x-{i}")).unwrap(), "v".parse().unwrap());
            }
            assert!(Headers::new(&headers).get_all("traceparent").is_empty());
            assert_eq!(first(&headers, &HOST), None);
            headers.append("traceparent", "1".parse().unwrap());
            headers.append("traceparent", "2".parse().unwrap());
            headers.append(HOST, "a.test".parse().unwrap());
            headers.append(HOST, "b.test".parse().unwrap());
            assert_eq!(first(&headers, &HOST).unwrap(), "a.test", "{others}");
            for name in ["traceparent", "TraceParent"] {
                assert_eq!(Headers::new(&headers).get_all(name), ["1", "2"], "{others} {name}");
            }
        }
    }
}
