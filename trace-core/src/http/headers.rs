//! Headers of a request as a carrier that is quick to read.

use http::HeaderMap;

use crate::propagate::Extractor;

/// Up to so many headers are looked through; finding one by its hash costs as much as comparing some twenty names.
const FEW: usize = 24;

/// The headers of a request that came in. Each propagator asks for several headers, most of which are not there.
pub(super) struct Headers<'a>(pub(super) &'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get_all<'a>(&'a self, name: &str) -> Vec<&'a str> {
        // Names in a map are in lower case; so are those asked for, but nobody has to.
        if self.0.len() > FEW || name.bytes().any(|b| b.is_ascii_uppercase()) {
            return Extractor::get_all(self.0, name);
        }
        match self.0.keys().any(|key| key.as_str() == name) {
            true => Extractor::get_all(self.0, name),
            false => Vec::new(),
        }
    }

    fn names(&self) -> Vec<&str> {
        Extractor::names(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_headers_are_read_alike() {
        for others in [0, 1, 100] {
            let mut headers = HeaderMap::new();
            for i in 0..others {
                headers.insert(http::HeaderName::try_from(format!("x-{i}")).unwrap(), "v".parse().unwrap());
            }
            assert!(Headers(&headers).get_all("traceparent").is_empty());
            headers.append("traceparent", "1".parse().unwrap());
            headers.append("traceparent", "2".parse().unwrap());
            for name in ["traceparent", "TraceParent"] {
                assert_eq!(Headers(&headers).get_all(name), ["1", "2"], "{others} {name}");
            }
        }
    }
}
