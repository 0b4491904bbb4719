//! What is known of a call site of `tracing`, found without a lock.

use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::Metadata;

use crate::model::{Scope, SpanKind};
use crate::record::Callsite;
use crate::record::ring::MAX_VALUES;

/// Call sites by address, open addressing. A site that finds no place costs a lock and a search.
static SITES: [OnceLock<Site>; PLACES] = [const { OnceLock::new() }; PLACES];
const PLACES: usize = 1024;
const PROBES: usize = 4;

/// The scopes, one for each target. As many as there are targets in the program.
static SCOPES: Mutex<Vec<&'static Scope>> = Mutex::new(Vec::new());

struct Site {
    address: usize,
    scope: &'static Scope,
    plan: Option<Plan>,
}

/// How the spans of a call site are recorded if their values are plain ones.
pub(super) struct Plan {
    name: &'static str,
    scope: &'static Scope,
    keys: &'static [&'static str],
    /// By the number of values: fields at the end are often declared empty.
    callsites: [OnceLock<Callsite>; MAX_VALUES + 1],
}

impl Plan {
    /// `None` if a field steers the span, or there are too many of them.
    fn of(site: &'static Metadata<'static>, scope: &'static Scope) -> Option<Self> {
        let keys: Vec<_> = site.fields().iter().map(|f| f.name()).collect();
        if keys.len() > MAX_VALUES || keys.iter().any(|key| key.starts_with("otel.")) {
            return None;
        }
        let callsites = [const { OnceLock::new() }; MAX_VALUES + 1];
        Some(Self { name: site.name(), scope, keys: keys.leak(), callsites })
    }

    /// The call site with so many values, which must not be more than it has fields.
    #[inline]
    pub(super) fn callsite(&'static self, values: usize) -> &'static Callsite {
        self.callsites[values % (MAX_VALUES + 1)].get_or_init(|| {
            let keys = self.keys.get(..values).unwrap_or_default();
            Callsite::new(self.name, SpanKind::Internal, self.scope, keys)
        })
    }
}

/// The scope of a call site: its target.
#[inline]
pub(crate) fn scope(site: &'static Metadata<'static>) -> &'static Scope {
    find(site).map_or_else(|| make(site.target()), |found| found.scope)
}

/// How plain spans of a call site are recorded.
#[inline]
pub(super) fn plan(site: &'static Metadata<'static>) -> Option<&'static Plan> {
    find(site)?.plan.as_ref()
}

#[inline]
fn find(site: &'static Metadata<'static>) -> Option<&'static Site> {
    let address = std::ptr::from_ref(site) as usize;
    let hash = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    for probe in 0..PROBES {
        let found = SITES[(hash as usize + probe) % PLACES].get_or_init(|| describe(site));
        if found.address == address {
            return Some(found);
        }
    }
    None
}

#[cold]
fn describe(site: &'static Metadata<'static>) -> Site {
    let scope = make(site.target());
    Site { address: std::ptr::from_ref(site) as usize, scope, plan: Plan::of(site, scope) }
}

#[cold]
fn make(target: &'static str) -> &'static Scope {
    let mut scopes = SCOPES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = scopes.iter().find(|s| s.name == target) {
        return known;
    }
    let scope: &'static Scope = Box::leak(Box::new(Scope::named(target)));
    scopes.push(scope);
    scope
}
