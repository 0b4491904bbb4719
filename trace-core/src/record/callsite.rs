//! What is known of a span at compile time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::model::{Scope, SpanKind};

/// Every call site that has recorded; a site's number is its index plus one.
static ALL: RwLock<Vec<&'static Callsite>> = RwLock::new(Vec::new());

/// What is known of a span at compile time. [`span!`](crate::span) makes one per call site.
#[derive(Debug)]
pub struct Callsite {
    pub(crate) name: &'static str,
    pub(crate) kind: SpanKind,
    pub(crate) scope: &'static Scope,
    pub(crate) keys: &'static [&'static str],
    number: AtomicU32,
}

impl Callsite {
    /// A span of this name, kind and library, with attributes of these keys.
    pub const fn new(
        name: &'static str,
        kind: SpanKind,
        scope: &'static Scope,
        keys: &'static [&'static str],
    ) -> Self {
        Self { name, kind, scope, keys, number: AtomicU32::new(0) }
    }

    /// A number that stands for the site in this process.
    #[inline]
    pub(super) fn number(&'static self) -> u32 {
        // Who sees the number also sees that it was registered, and so does the reader of what is then written.
        match self.number.load(Ordering::Acquire) {
            0 => self.register(),
            n => n,
        }
    }

    #[cold]
    fn register(&'static self) -> u32 {
        let mut all = ALL.write().unwrap_or_else(PoisonError::into_inner);
        let n = self.number.load(Ordering::Relaxed);
        if n != 0 {
            return n;
        }
        all.push(self);
        let n = u32::try_from(all.len()).unwrap_or(u32::MAX);
        self.number.store(n, Ordering::Release);
        n
    }

    /// The site of a number.
    pub(super) fn of(number: u32) -> Option<&'static Self> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        ALL.read().unwrap_or_else(PoisonError::into_inner).get(index).copied()
    }
}
