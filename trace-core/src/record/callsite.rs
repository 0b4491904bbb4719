//! What is known of a span at compile time.

use crate::model::{Scope, SpanKind};

/// What is known of a span at compile time. [`span!`](crate::span) makes one per call site.
#[derive(Debug)]
pub struct Callsite {
    pub(crate) name: &'static str,
    pub(crate) kind: SpanKind,
    pub(crate) scope: &'static Scope,
}

impl Callsite {
    /// A span of this name, kind and library.
    pub const fn new(name: &'static str, kind: SpanKind, scope: &'static Scope) -> Self {
        Self { name, kind, scope }
    }
}
