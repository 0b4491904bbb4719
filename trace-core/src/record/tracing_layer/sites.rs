//! What is known of a call site of `tracing`, found without a lock.

use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::Metadata;

use crate::model::Scope;

/// Call sites by address, open addressing. A site that finds no place costs a lock and a search.
static SITES: [OnceLock<(usize, &'static Scope)>; PLACES] = [const { OnceLock::new() }; PLACES];
const PLACES: usize = 1024;
const PROBES: usize = 4;

/// The scopes, one for each target. As many as there are targets in the program.
static SCOPES: Mutex<Vec<&'static Scope>> = Mutex::new(Vec::new());

/// The scope of a call site: its target.
#[inline]
pub(super) fn scope(site: &'static Metadata<'static>) -> &'static Scope {
    let address = std::ptr::from_ref(site) as usize;
    let hash = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    for probe in 0..PROBES {
        let place = &SITES[(hash as usize + probe) % PLACES];
        let (owner, scope) = place.get_or_init(|| (address, make(site.target())));
        if *owner == address {
            return scope;
        }
    }
    make(site.target())
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
