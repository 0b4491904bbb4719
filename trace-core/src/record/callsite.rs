//! What is known of a span at compile time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::model::{Scope, SpanKind, TenantId};

/// Every call site that has recorded; a site's number is its index plus one.
static ALL: RwLock<Sites> = RwLock::new(Sites { all: Vec::new(), tenant_keys: Vec::new() });

struct Sites {
    all: Vec<&'static Callsite>,
    /// Keys that name a tenant in some recorder of the process, besides [`TenantId::ATTRIBUTE`].
    tenant_keys: Vec<String>,
}

/// In [`Callsite::number`]: one of the keys may name a tenant. Far above any number.
const NAMES_TENANT: u32 = 1 << 31;

impl Sites {
    fn mark(&self, site: &Callsite) -> u32 {
        let names = |key: &&str| *key == TenantId::ATTRIBUTE || self.tenant_keys.iter().any(|k| k == key);
        if site.keys.iter().any(names) { NAMES_TENANT } else { 0 }
    }
}

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
        self.number_and_mark() & !NAMES_TENANT
    }

    /// Whether one of the keys may name a tenant, so that the values have to be looked at.
    #[inline]
    pub(super) fn names_tenant(&'static self) -> bool {
        self.number_and_mark() & NAMES_TENANT != 0
    }

    #[inline]
    fn number_and_mark(&'static self) -> u32 {
        match self.number.load(Ordering::Acquire) {
            0 => self.register(),
            n => n,
        }
    }

    /// Attributes of this key name tenants from now on.
    pub(super) fn add_tenant_key(key: &str) {
        let mut sites = ALL.write().unwrap_or_else(PoisonError::into_inner);
        if sites.tenant_keys.iter().any(|k| k == key) {
            return;
        }
        sites.tenant_keys.push(key.to_owned());
        for site in &sites.all {
            site.number.fetch_or(sites.mark(site), Ordering::Release);
        }
    }

    #[cold]
    fn register(&'static self) -> u32 {
        let mut sites = ALL.write().unwrap_or_else(PoisonError::into_inner);
        let n = self.number.load(Ordering::Relaxed);
        if n != 0 {
            return n;
        }
        sites.all.push(self);
        let n = u32::try_from(sites.all.len()).unwrap_or(u32::MAX) | sites.mark(self);
        self.number.store(n, Ordering::Release);
        n
    }

    /// The site of a number.
    pub(super) fn of(number: u32) -> Option<&'static Self> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        ALL.read().unwrap_or_else(PoisonError::into_inner).all.get(index).copied()
    }
}
