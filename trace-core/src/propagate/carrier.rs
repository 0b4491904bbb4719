//! Where headers are read from and written to.

use std::collections::HashMap;
use std::hash::BuildHasher;

/// A set of headers to read.
pub trait Extractor {
    /// All values of a header, in order; the name is in lower case, and case does not count. A value that is not
    /// text must be returned as something that no format accepts, such as `"\u{fffd}"`, not left out.
    fn get_all<'a>(&'a self, name: &str) -> Vec<&'a str>;

    /// The names of all headers, in any case and order: formats that send each baggage member in a header of its
    /// own find it by these.
    fn names(&self) -> Vec<&str>;
}

/// A set of headers to write. Besides those of this crate, a few lines make one of anything that takes headers:
///
/// ```
/// use trace_core::propagate::{Injector, inject_current};
///
/// struct Message { metadata: Vec<(String, Vec<u8>)> }
///
/// impl Injector for Message {
///     fn set(&mut self, name: &str, value: String) {
///         self.metadata.push((name.to_owned(), value.into_bytes()));
///     }
/// }
///
/// let mut message = Message { metadata: Vec::new() };
/// inject_current(&mut message);
/// ```
pub trait Injector {
    /// Sets a header to one value, in place of what it had. The name is an HTTP token; the value is printable ASCII
    /// and tabs.
    fn set(&mut self, name: &str, value: String);

    /// Removes a header, so that a reused carrier does not mix two contexts. Carriers that are always new need
    /// not.
    fn remove(&mut self, _name: &str) {}

    /// Removes all headers whose names begin so, for the same reason. The prefix is in lower case.
    fn remove_prefix(&mut self, _prefix: &str) {}
}

/// The only value of a header. One that occurs twice counts as malformed: which of the two others would follow
/// cannot be known.
pub(super) fn only<'a>(carrier: &'a dyn Extractor, name: &str) -> Option<&'a str> {
    match carrier.get_all(name)[..] {
        [one] => Some(one),
        _ => None,
    }
}

/// What follows a prefix, of which case does not count.
pub(super) fn after_prefix<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = name.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

impl<S: BuildHasher> Extractor for HashMap<String, String, S> {
    fn get_all<'a>(&'a self, name: &str) -> Vec<&'a str> {
        self.iter().filter(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    fn names(&self) -> Vec<&str> {
        self.keys().map(String::as_str).collect()
    }
}

impl<S: BuildHasher> Injector for HashMap<String, String, S> {
    fn set(&mut self, name: &str, value: String) {
        Injector::remove(self, name);
        self.insert(name.to_owned(), value);
    }

    fn remove(&mut self, name: &str) {
        self.retain(|k, _| !k.eq_ignore_ascii_case(name));
    }

    fn remove_prefix(&mut self, prefix: &str) {
        self.retain(|k, _| after_prefix(k, prefix).is_none());
    }
}

/// Headers as a list, for clients that take them one by one.
impl Extractor for Vec<(String, String)> {
    fn get_all<'a>(&'a self, name: &str) -> Vec<&'a str> {
        self.iter().filter(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    fn names(&self) -> Vec<&str> {
        self.iter().map(|(k, _)| k.as_str()).collect()
    }
}

/// Headers as a list, for clients that take them one by one.
impl Injector for Vec<(String, String)> {
    fn set(&mut self, name: &str, value: String) {
        Injector::remove(self, name);
        self.push((name.to_owned(), value));
    }

    fn remove(&mut self, name: &str) {
        self.retain(|(k, _)| !k.eq_ignore_ascii_case(name));
    }

    fn remove_prefix(&mut self, prefix: &str) {
        self.retain(|(k, _)| after_prefix(k, prefix).is_none());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
        headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_list_keeps_repeated_headers_apart_and_replaces_all_of_them() {
        let mut list = pairs(&[("B3", "1"), ("x", "y"), ("b3", "2")]);
        assert_eq!(Extractor::get_all(&list, "b3"), ["1", "2"]);
        assert_eq!(only(&list, "b3"), None);
        list.set("b3", "3".into());
        assert_eq!(list, pairs(&[("x", "y"), ("b3", "3")]));
        assert_eq!(only(&list, "b3"), Some("3"));
    }

    #[test]
    fn a_prefix_is_removed_in_any_case() {
        let mut list = pairs(&[("Uberctx-a", "1"), ("uberctx", "2"), ("é", "3")]);
        let mut map: HashMap<String, String> = list.iter().cloned().collect();
        list.remove_prefix("uberctx-");
        map.remove_prefix("uberctx-");
        assert_eq!(list, pairs(&[("uberctx", "2"), ("é", "3")]));
        assert_eq!(map, list.into_iter().collect());
    }
}
