//! The spans that came last, so that one that is offered again is stored once.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use trace_core::batch::SpanRef;

/// Spans of a generation; there are two.
const GENERATION: usize = 1 << 19;

/// A span as it is remembered. With a million spans remembered, the chance that a new one is mistaken for one of them is 5e-14;
/// the key of the hash is new with each process, so that nobody can aim for it.
pub(super) type SpanKey = u64;

/// The last half to one million spans, in 10 to 20 MB.
#[derive(Debug, Default)]
pub(super) struct Recent {
    hash: RandomState,
    new: HashSet<SpanKey, BuildHasherDefault<Same>>,
    old: HashSet<SpanKey, BuildHasherDefault<Same>>,
}

impl Recent {
    pub(super) fn key(&self, tenant: &str, span: SpanRef<'_>) -> SpanKey {
        let mut hasher = self.hash.build_hasher();
        hasher.write_u128(span.trace_id().to_u128());
        hasher.write_u64(span.span_id().to_u64());
        hasher.write(tenant.as_bytes());
        hasher.finish()
    }

    /// Remembers a span. `false` if it is known.
    pub(super) fn insert(&mut self, key: SpanKey) -> bool {
        if self.old.contains(&key) || !self.new.insert(key) {
            return false;
        }
        if self.new.len() >= GENERATION {
            self.old = std::mem::take(&mut self.new);
        }
        true
    }

    /// Forgets a span that was not stored after all.
    pub(super) fn remove(&mut self, key: SpanKey) {
        if !self.new.remove(&key) {
            self.old.remove(&key);
        }
    }
}

/// Takes a hash as it is.
#[derive(Debug, Default)]
pub(super) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*b);
        }
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}
