//! What is known of a span at compile time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};

use super::ring_header::LAST_CALLSITE;
use crate::model::{Scope, SpanKind, TenantId};

/// Every call site that has recorded; a site's number is its index plus one.
static ALL: RwLock<Sites> = RwLock::new(Sites { all: Vec::new(), tenant_keys: Vec::new() });

struct Sites {
    all: Vec<&'static Callsite>,
    /// Keys that name a tenant in some recorder of the process, besides [`TenantId::ATTRIBUTE`].
    tenant_keys: Vec<String>,
}

/// In [`Callsite::number`]: one of the keys may name a tenant. The sign, so that one look tells it and a site without a
/// number from all others.
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

    /// A number that stands for the site in this process; `None` if there are too many sites.
    pub(super) fn number(&'static self) -> Option<u32> {
        let number = self.number_and_mark() & !NAMES_TENANT;
        (number != 0).then_some(number)
    }

    /// The same for a site that is registered and has no key that may name a tenant: the quick look.
    #[inline(always)]
    pub(super) fn plain_number(&'static self) -> Option<u32> {
        // Who sees the number also sees that it was registered, and so does the reader of what is then written.
        let number = self.number.load(Ordering::Acquire);
        (number.cast_signed() > 0).then_some(number)
    }

    /// Whether one of the keys may name a tenant, so that the values have to be looked at.
    pub(super) fn names_tenant(&'static self) -> bool {
        self.number_and_mark() & NAMES_TENANT != 0
    }

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
        let n = match u32::try_from(sites.all.len() + 1) {
            Ok(n) if n <= LAST_CALLSITE => {
                sites.all.push(self);
                n | sites.mark(self)
            }
            // It has no number, and may well name a tenant.
            _ => NAMES_TENANT,
        };
        self.number.store(n, Ordering::Release);
        n
    }

    /// The site of a number.
    pub(super) fn of(number: u32) -> Option<&'static Self> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        ALL.read().unwrap_or_else(PoisonError::into_inner).all.get(index).copied()
    }
}
