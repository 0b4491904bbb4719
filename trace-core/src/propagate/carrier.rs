//! Where headers are read from and written to.

use std::collections::HashMap;

/// A set of headers to read.
pub trait Extractor {
    /// All values of a header, in order; the name is in lower case, and case does not count. A value that is not
    /// text must be returned as something that no format accepts, such as `"\u{fffd}"`, not left out.
    fn get_all<'a>(&'a self, name: &str) -> Vec<&'a str>;
}

/// A set of headers to write.
pub trait Injector {
    /// Sets a header to one value, in place of what it had. The name is in lower case; the value is printable
    /// ASCII and tabs.
    fn set(&mut self, name: &'static str, value: String);

    /// Removes a header, so that a reused carrier does not mix two contexts. Carriers that are always new need
    /// not.
    fn remove(&mut self, _name: &'static str) {}
}

impl Extractor for HashMap<String, String> {
    fn get_all<'a>(&'a self, name: &str) -> Vec<&'a str> {
        self.iter().filter(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }
}

impl Injector for HashMap<String, String> {
    fn set(&mut self, name: &'static str, value: String) {
        Injector::remove(self, name);
        self.insert(name.to_owned(), value);
    }

    fn remove(&mut self, name: &'static str) {
        self.retain(|k, _| !k.eq_ignore_ascii_case(name));
    }
}
