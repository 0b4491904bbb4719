//! The trait of header formats.

use super::{Baggage, Extractor, Injector};
use crate::model::SpanContext;

/// What headers carried.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extracted {
    /// The caller's span, marked as remote; `None` if there was none or it was malformed.
    pub context: Option<SpanContext>,
    /// The caller's baggage; empty if there was none or it was too large.
    pub baggage: Baggage,
}

/// A header format. Neither call fails or panics: what is malformed is left out.
pub trait Propagator: Send + Sync {
    /// Reads the headers of a request that came in.
    fn extract(&self, carrier: &dyn Extractor) -> Extracted;

    /// Writes the headers of a request that goes out, in place of any that the carrier has.
    fn inject(&self, context: Option<&SpanContext>, baggage: &Baggage, carrier: &mut dyn Injector);

    /// The names of the headers, in lower case.
    fn fields(&self) -> &'static [&'static str];
}
