//! What senders of 1.0 say about metrics, in requests of their own.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use trace_core::model::TenantId;

/// The most families that are remembered, of all tenants together.
const MAX_FAMILIES: usize = 16_384;
/// What is kept of a help text or a unit.
const MAX_TEXT: usize = 1024;
/// What the series of a family have behind its name.
const SUFFIXES: [&str; 7] = ["_total", "_bucket", "_count", "_sum", "_info", "_gcount", "_gsum"];

/// What is said about all series of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Family {
    /// Whether it is a counter.
    pub(super) counter: bool,
    pub(super) help: String,
    pub(super) unit: String,
}

/// The types that metrics have, as far as a sender of 1.0 has told: at most 16 384 families. Further ones stay unknown.
#[derive(Debug, Default)]
pub struct Families(RwLock<Known>);

#[derive(Debug, Default)]
pub(super) struct Known {
    by_tenant: HashMap<Option<TenantId>, HashMap<String, Arc<Family>>>,
    count: usize,
}

impl Families {
    pub(super) fn learn(&self, tenant: Option<&TenantId>, said: Vec<(&str, Family)>) {
        if said.is_empty() {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Known { by_tenant, count } = &mut *known;
        if *count >= MAX_FAMILIES && !by_tenant.contains_key(&tenant.cloned()) {
            return;
        }
        let of_tenant = by_tenant.entry(tenant.cloned()).or_default();
        for (name, mut family) in said {
            cut(&mut family.help);
            cut(&mut family.unit);
            match of_tenant.get_mut(name) {
                Some(old) => *old = Arc::new(family),
                None if *count < MAX_FAMILIES && name.len() <= MAX_TEXT => {
                    of_tenant.insert(name.to_owned(), Arc::new(family));
                    *count += 1;
                }
                None => {}
            }
        }
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// What is known of the series `name`.
    pub(super) fn of(&self, tenant: Option<&TenantId>, name: &str) -> Option<Arc<Family>> {
        let of_tenant = self.by_tenant.get(&tenant.cloned())?;
        let exact = of_tenant.get(name);
        let of_suffix = || {
            let family = SUFFIXES.iter().find_map(|suffix| of_tenant.get(name.strip_suffix(suffix)?))?;
            Some(family)
        };
        exact.or_else(of_suffix).cloned()
    }
}

fn cut(text: &mut String) {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter() -> Family {
        Family { counter: true, ..Family::default() }
    }

    #[test]
    fn a_family_is_known_by_its_name_and_its_suffixes_and_to_its_tenant_alone() {
        let families = Families::default();
        let tenant = TenantId::new("acme").unwrap();
        families.learn(Some(&tenant), vec![("requests", counter())]);
        let known = families.read();
        for name in ["requests", "requests_total"] {
            assert!(known.of(Some(&tenant), name).is_some_and(|f| f.counter), "{name}");
        }
        assert!(known.of(Some(&tenant), "other").is_none());
        assert!(known.of(None, "requests").is_none());
    }

    #[test]
    fn memory_is_bounded_whatever_is_said() {
        let families = Families::default();
        let names: Vec<String> = (0..MAX_FAMILIES + 5).map(|i| format!("f{i}")).collect();
        let long = Family { help: "é".repeat(MAX_TEXT), ..counter() };
        families.learn(None, names.iter().map(|n| (&**n, long.clone())).collect());
        families.learn(Some(&TenantId::new("late").unwrap()), vec![("a", counter())]);
        let known = families.read();
        assert_eq!((known.count, known.by_tenant.len()), (MAX_FAMILIES, 1));
        assert_eq!(known.of(None, "f0").unwrap().help.len(), MAX_TEXT);
        assert!(known.of(None, &format!("f{MAX_FAMILIES}")).is_none());
    }
}
