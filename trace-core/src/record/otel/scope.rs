//! Instrumentation scopes, each kept once.

use std::sync::{Arc, Mutex, PoisonError};

use crate::batch::ScopeRef;
use crate::model::Scope;

/// Scopes that a tracer has been asked for. A library may ask for a tracer with every span.
static KNOWN: Mutex<Vec<&'static Scope>> = Mutex::new(Vec::new());

/// As many are kept for ever; who makes up a new name with every tracer pays for a count of references with every span.
const KEPT: usize = 256;

/// The scope as spans refer to it: for ever, without counting references, if it is one of the first.
pub(super) fn intern(scope: Scope) -> ScopeRef {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(same) = known.iter().find(|s| ***s == scope) {
        return ScopeRef::Static(same);
    }
    if known.len() >= KEPT {
        return ScopeRef::Shared(Arc::new(scope));
    }
    let kept: &'static Scope = Box::leak(Box::new(scope));
    known.push(kept);
    ScopeRef::Static(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_that_is_asked_for_again_is_the_same_one() {
        let one = intern(Scope::named("otel::scope::tests"));
        let two = intern(Scope::named("otel::scope::tests".to_owned()));
        assert!(std::ptr::eq::<Scope>(&*one, &*two));
        let other = intern(Scope { version: "1".into(), ..Scope::named("otel::scope::tests") });
        assert_ne!(*one, *other);
    }
}
