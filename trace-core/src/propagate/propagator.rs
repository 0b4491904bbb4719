//! The trait of header formats.

use std::sync::Arc;

use super::{Baggage, Extractor, Injector};
use crate::model::{SpanContext, TenantTag};

/// What headers carried.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extracted {
    /// The caller's span, marked as remote; `None` if there was none or it was malformed.
    pub context: Option<SpanContext>,
    /// The caller's baggage; empty if there was none or it was too large.
    pub baggage: Baggage,
    /// Whether the caller wants the new trace recorded, where it said so without naming a span (`b3: 0`,
    /// `jaeger-debug-id`); see [`SpanBuilder::sampled`](crate::record::SpanBuilder::sampled). Always `None` beside a
    /// `context`.
    pub sampled: Option<bool>,
    /// Whose a trace is that begins here, where a trusted caller said so without naming a span; see
    /// [`TenantBaggage`](super::TenantBaggage). Beside a `context` it is that of the context.
    pub tenant: TenantTag,
}

impl Extracted {
    /// What both said: of two spans, two baggage members of one key, or two wishes, the later one counts.
    #[must_use]
    pub(super) fn and(mut self, later: Self) -> Self {
        self.tenant = later.tenant.or(self.tenant);
        self.context = later.context.or(self.context);
        self.sampled = later.sampled.or(self.sampled).filter(|_| self.context.is_none());
        if self.baggage.is_empty() {
            self.baggage = later.baggage;
        } else {
            for entry in &later.baggage {
                // What does not fit is left out.
                let _ = self.baggage.insert_with_properties(entry.key(), entry.value(), entry.properties());
            }
        }
        self
    }
}

/// A header format. No call fails or panics: what is malformed is left out.
pub trait Propagator: Send + Sync {
    /// Reads the headers of a request that came in.
    fn extract(&self, carrier: &dyn Extractor) -> Extracted;

    /// Writes the headers of a request that goes out, in place of any that the carrier has.
    fn inject(&self, context: Option<&SpanContext>, baggage: &Baggage, carrier: &mut dyn Injector);

    /// The names of the headers, in lower case. Headers whose names depend on the baggage are not among them.
    fn fields(&self) -> Vec<&str>;
}

macro_rules! forward {
    ($($ptr:ident),*) => {$(
        impl<T: Propagator + ?Sized> Propagator for $ptr<T> {
            fn extract(&self, carrier: &dyn Extractor) -> Extracted { (**self).extract(carrier) }
            fn inject(&self, context: Option<&SpanContext>, baggage: &Baggage, carrier: &mut dyn Injector) {
                (**self).inject(context, baggage, carrier);
            }
            fn fields(&self) -> Vec<&str> { (**self).fields() }
        }
    )*};
}
forward!(Box, Arc);
