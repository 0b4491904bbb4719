//! A context as a provider returns it.

use crate::context::ContextRef;
use crate::profile::ContextProfile;

/// What monitoring needs of a context.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextRecord {
    /// Its identity.
    pub context: ContextRef,
    /// Its title.
    pub title: String,
    /// Its state, such as `draft` or `active`.
    pub status: String,
    /// The domain it belongs to (`root.domain`).
    pub domain: String,
    /// The environment it runs in (`root.environment`).
    pub environment: String,
    /// How it wants to be monitored (`constraints.monitoring`).
    pub monitoring: ContextProfile,
}

impl ContextRecord {
    /// A context that is known by its id alone.
    pub fn new(context: ContextRef) -> Self {
        Self {
            context,
            title: String::new(),
            status: String::new(),
            domain: String::new(),
            environment: String::new(),
            monitoring: ContextProfile::default(),
        }
    }

    /// The same context with wishes about monitoring.
    #[must_use]
    pub fn monitoring(mut self, monitoring: ContextProfile) -> Self {
        self.monitoring = monitoring;
        self
    }
}
