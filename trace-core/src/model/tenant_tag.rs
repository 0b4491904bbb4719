//! Tenants as numbers, to be inherited at the cost of copying one.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, PoisonError, RwLock};

use super::TenantId;

/// Whose a span's children are, unless they say otherwise: the tenant of a [`SpanContext`](super::SpanContext), as a
/// number of this process. It never leaves the process by itself; see
/// [`TenantBaggage`](crate::propagate::TenantBaggage).
///
/// A process tells 65,535 tenants apart. Spans of further ones belong to them all the same, if they say so themselves;
/// but their children inherit nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TenantTag(u16);

#[cfg_attr(not(feature = "otel"), allow(dead_code, reason = "asked for by that door"))]
static ANY: AtomicBool = AtomicBool::new(false);
static TABLE: LazyLock<RwLock<Table>> = LazyLock::new(RwLock::default);

/// Names live as long as the process, at most 8 MiB of them.
#[derive(Default)]
struct Table {
    by_name: HashMap<&'static str, TenantTag>,
    names: Vec<&'static str>,
}

thread_local! {
    /// The last that this thread asked for: spans of one tenant mostly come one after another.
    static LAST: Cell<(&'static str, TenantTag)> = const { Cell::new(("", TenantTag::NONE)) };
}

impl TenantTag {
    /// No tenant has been named.
    pub const NONE: Self = Self(0);

    /// The tag of a tenant; [`TenantTag::NONE`] if the process has too many.
    pub fn of(tenant: &TenantId) -> Self {
        Self::of_valid(tenant.as_str())
    }

    /// The tag of the tenant of this name, if it is a name of one.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let (last, tag) = LAST.get();
        if !last.is_empty() && last == name {
            return Some(tag);
        }
        TenantId::is_valid(name).then(|| Self::of_valid(name))
    }

    fn of_valid(name: &str) -> Self {
        let known = |table: &Table| table.by_name.get_key_value(name).map(|(name, tag)| (*name, *tag));
        // A statement of its own, which lets the lock go.
        let found = known(&TABLE.read().unwrap_or_else(PoisonError::into_inner));
        let found = found.or_else(|| {
            let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(found) = known(&table) {
                return Some(found);
            }
            let tag = Self(u16::try_from(table.names.len() + 1).ok()?);
            let name: &'static str = Box::leak(name.into());
            table.names.push(name);
            table.by_name.insert(name, tag);
            ANY.store(true, Ordering::Relaxed);
            Some((name, tag))
        });
        let Some(found) = found else { return Self::NONE };
        LAST.set(found);
        found.1
    }

    /// Whether any tenant has been named in this process.
    #[cfg(feature = "otel")]
    pub(crate) fn any() -> bool {
        ANY.load(Ordering::Relaxed)
    }

    /// Whether no tenant has been named.
    #[inline]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// This tag, or the other if this is none.
    #[must_use]
    #[inline]
    pub const fn or(self, other: Self) -> Self {
        if self.is_none() { other } else { self }
    }

    /// The tenant's name.
    pub fn name(self) -> Option<&'static str> {
        let index = usize::from(self.0.checked_sub(1)?);
        TABLE.read().unwrap_or_else(PoisonError::into_inner).names.get(index).copied()
    }

    #[inline]
    pub(crate) const fn number(self) -> u16 {
        self.0
    }

    /// The tag of a number that [`TenantTag::number`] gave.
    #[inline]
    pub(crate) const fn of_number(number: u16) -> Self {
        Self(number)
    }
}

impl fmt::Debug for TenantTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantTag({})", self.name().unwrap_or("-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_one_tag_on_all_threads_and_a_bad_name_none() {
        let here = TenantTag::named("tag-acme").unwrap();
        let there = std::thread::spawn(|| TenantTag::of(&TenantId::new("tag-acme").unwrap())).join().unwrap();
        let other = TenantTag::named("tag-globex").unwrap();
        assert_eq!((here, here.name()), (there, Some("tag-acme")));
        assert_ne!(here, other);
        assert_eq!(TenantTag::named("tag-acme"), Some(here), "after another was the last");
        assert_eq!([TenantTag::named(""), TenantTag::named("no id")], [None; 2]);
        assert_eq!((TenantTag::NONE.name(), TenantTag::NONE.or(here), other.or(here)), (None, here, other));
        assert_eq!(format!("{here:?} {:?}", TenantTag::NONE), "TenantTag(tag-acme) TenantTag(-)");
    }
}
