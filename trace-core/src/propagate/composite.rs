//! Several header formats as one.

use std::fmt;
use std::sync::Arc;

use super::{Baggage, Extracted, Extractor, Injector, Propagator};
use crate::model::SpanContext;

/// Reads and writes several formats, in order.
///
/// All are written. Of what is read, a later format counts where two disagree: on the span, on a baggage member, on
/// the wish to be recorded. Without any format nothing is read or written.
///
/// ```
/// use trace_core::propagate::{B3Propagator, CompositePropagator, W3cPropagator};
///
/// // W3C if the caller speaks it, else B3; both on the way out.
/// let both = CompositePropagator::new().and(B3Propagator::MULTI).and(W3cPropagator);
/// ```
#[derive(Clone, Default)]
pub struct CompositePropagator {
    formats: Vec<Arc<dyn Propagator>>,
}

impl CompositePropagator {
    /// No format yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a format after the others.
    #[must_use]
    pub fn and(mut self, format: impl Propagator + 'static) -> Self {
        self.formats.push(Arc::new(format));
        self
    }

    /// Whether there is no format.
    pub fn is_empty(&self) -> bool {
        self.formats.is_empty()
    }
}

impl Propagator for CompositePropagator {
    fn extract(&self, carrier: &dyn Extractor) -> Extracted {
        self.formats.iter().fold(Extracted::default(), |found, format| found.and(format.extract(carrier)))
    }

    fn inject(&self, context: Option<&SpanContext>, baggage: &Baggage, carrier: &mut dyn Injector) {
        for format in &self.formats {
            format.inject(context, baggage, carrier);
        }
    }

    fn fields(&self) -> Vec<&str> {
        let mut fields: Vec<&str> = self.formats.iter().flat_map(|format| format.fields()).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }
}

impl fmt::Debug for CompositePropagator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompositePropagator").field("fields", &self.fields()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagate::{
        B3Propagator, BaggagePropagator, CorrelationPropagator, JaegerPropagator, TraceContextPropagator,
    };

    const W3C: (&str, &str) = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    const B3: (&str, &str) = ("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0");

    fn all() -> CompositePropagator {
        CompositePropagator::new()
            .and(B3Propagator::SINGLE)
            .and(JaegerPropagator)
            .and(CorrelationPropagator::new())
            .and(TraceContextPropagator)
            .and(BaggagePropagator)
    }

    fn read(pairs: &[(&str, &str)]) -> Extracted {
        all().extract(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>())
    }

    #[test]
    fn the_last_format_that_names_a_span_counts() {
        let trace = |found: Extracted| found.context.unwrap().trace_id.to_string();
        assert_eq!(trace(read(&[W3C, B3])), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace(read(&[B3])), "80f198ee56343ba864fe8b2a57d3eff7");
        assert_eq!(trace(read(&[("traceparent", "bad"), B3])), "80f198ee56343ba864fe8b2a57d3eff7");
    }

    #[test]
    fn a_wish_counts_only_without_a_span() {
        assert_eq!(read(&[("b3", "0")]).sampled, Some(false));
        assert_eq!(read(&[("b3", "0"), ("jaeger-debug-id", "x")]).sampled, Some(true));
        assert_eq!(read(&[("b3", "0"), W3C]).sampled, None);
        assert_eq!(read(&[B3, ("jaeger-debug-id", "x")]).sampled, None);
    }

    #[test]
    fn baggage_of_all_formats_comes_together() {
        let found = read(&[("uberctx-a", "1"), ("x-correlation-id", "id"), ("baggage", "a=2,b=3;p")]);
        let members: Vec<_> = found.baggage.iter().map(|e| (e.key(), e.value(), e.properties())).collect();
        assert_eq!(members, [("a", "2", ""), ("mplp.correlation_id", "id", ""), ("b", "3", "p")]);
    }

    #[test]
    fn all_formats_are_written_and_none_writes_nothing() {
        let found = read(&[W3C, ("baggage", "a=2")]);
        let mut out = Vec::new();
        all().inject(found.context.as_ref(), &found.baggage, &mut out);
        let names: Vec<_> = out.iter().map(|(k, _)| k.as_str()).collect();
        assert_eq!(names, ["b3", "uber-trace-id", "uberctx-a", "traceparent", "baggage"]);
        assert_eq!(all().extract(&out), found);

        let none = CompositePropagator::new();
        let before = out.clone();
        none.inject(found.context.as_ref(), &found.baggage, &mut out);
        assert!(none.is_empty() && out == before && none.extract(&out) == Extracted::default());
    }

    #[test]
    fn fields_are_named_once() {
        let twice = CompositePropagator::new().and(B3Propagator::SINGLE).and(B3Propagator::SINGLE);
        assert_eq!(format!("{twice:?}"), "CompositePropagator { fields: [\"b3\"] }");
    }
}
