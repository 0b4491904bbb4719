//! The scopes of columns: kept once each, so that a row holds a number.

use std::ops::Deref;
use std::sync::Arc;

use super::columns::Columns;
use crate::model::Scope;

/// Equal scopes are looked for among the last so many. Programs have fewer; a request from outside may have one for each
/// span, and to look through all of them each time would take the square of that.
const LOOKED_AT: usize = 64;

/// A scope known at compile time, or shared.
#[derive(Clone, Debug)]
pub(crate) enum ScopeRef {
    Static(&'static Scope),
    Shared(Arc<Scope>),
}

impl Deref for ScopeRef {
    type Target = Scope;
    fn deref(&self) -> &Scope {
        match self {
            Self::Static(s) => s,
            Self::Shared(s) => s,
        }
    }
}

impl ScopeRef {
    fn same(&self, other: &Self) -> bool {
        // A library may ask for a tracer, and so make a scope, again and again.
        std::ptr::eq::<Scope>(&**self, &**other) || **self == **other
    }
}

impl Columns {
    /// The number of a scope. Beyond [`LOOKED_AT`], two numbers may be of equal ones.
    #[inline]
    pub(crate) fn scope_index(&mut self, scope: &ScopeRef) -> u32 {
        let first = self.scopes.len().saturating_sub(LOOKED_AT);
        // A thread mostly records for one library after another, so the last entry is the likely one.
        match self.scopes.iter().skip(first).rposition(|s| s.same(scope)) {
            Some(i) => (first + i) as u32,
            None => {
                self.scopes.push(scope.clone());
                (self.scopes.len() - 1) as u32
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scopes_have_one_number_and_many_scopes_are_not_compared_with_all_before_them() {
        let mut columns = Columns::default();
        let mut index =
            |n: usize| columns.scope_index(&ScopeRef::Shared(Arc::new(Scope::named(n.to_string())))) as usize;
        assert!((0..100).all(|n| index(n) == n));
        assert_eq!([99, 36, 35, 35].map(&mut index), [99, 36, 100, 100]);
    }
}
