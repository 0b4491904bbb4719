//! Targets whose events are not logged, and a memory of call sites.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::Metadata;

/// Crates that exporters are made of: what they say while telemetry is sent must not become telemetry.
const USUAL: [&str; 10] =
    ["h2", "hyper", "hyper_rustls", "hyper_util", "mio", "reqwest", "rustls", "tokio", "tonic", "tower"];

/// Places of the memory; a program logs at some hundred call sites often.
const SLOTS: usize = 256;

/// A list of targets. A target names itself and everything below it.
#[derive(Debug)]
pub(super) struct Denied {
    targets: Vec<Cow<'static, str>>,
    /// Addresses of call sites with the answer in the lowest bit, which an address does not use.
    known: Box<[AtomicUsize]>,
}

impl Default for Denied {
    fn default() -> Self {
        Self::new(USUAL.map(Cow::Borrowed).to_vec())
    }
}

impl Denied {
    pub(super) fn new(targets: Vec<Cow<'static, str>>) -> Self {
        Self { targets, known: (0..SLOTS).map(|_| AtomicUsize::new(0)).collect() }
    }

    /// Whether events of this call site are not logged.
    #[inline]
    pub(super) fn is_site(&self, site: &'static Metadata<'static>) -> bool {
        let address = std::ptr::from_ref(site) as usize;
        let hash = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
        let known = &self.known[hash as usize % SLOTS];
        let entry = known.load(Ordering::Relaxed);
        if entry & !1 == address {
            return entry & 1 == 1;
        }
        let denied = self.is_target(site.target());
        known.store(address | usize::from(denied), Ordering::Relaxed);
        denied
    }

    pub(super) fn is_target(&self, target: &str) -> bool {
        self.targets.iter().any(|denied| {
            target.strip_prefix(&**denied).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_stands_for_itself_and_what_is_below_it() {
        let denied = Denied::default();
        for target in ["hyper", "hyper::proto::h1", "h2::client", "tokio::task"] {
            assert!(denied.is_target(target), "{target}");
        }
        for target in ["hyperspace", "my_app::hyper", "h2o", ""] {
            assert!(!denied.is_target(target), "{target}");
        }
    }
}
