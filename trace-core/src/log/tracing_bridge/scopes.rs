//! Scopes of targets that are only known at run time, as those of the `log` crate.

use std::sync::{Arc, Mutex, PoisonError};

use crate::model::Scope;

/// The most that are remembered; further ones are made for each record.
const MOST: usize = 256;

/// Scopes by name, the first ones that came.
#[derive(Debug, Default)]
pub(super) struct Scopes(Mutex<Vec<Arc<Scope>>>);

impl Scopes {
    pub(super) fn of(&self, target: &str) -> Arc<Scope> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scope) = known.iter().find(|s| s.name == target) {
            return scope.clone();
        }
        let scope = Arc::new(Scope::named(target.to_owned()));
        if known.len() < MOST {
            known.push(scope.clone());
        }
        scope
    }
}
