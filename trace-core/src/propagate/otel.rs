//! Between these header formats and those of the `opentelemetry` API (feature `otel`).

use std::fmt;

use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{self as api, TextMapPropagator};
use opentelemetry::{Context, baggage};

use super::{Baggage, Extracted, Extractor, Injector, Propagator};
use crate::record::bridge;
use crate::record::otel::tenants;

/// One of our formats for the `opentelemetry` API.
///
/// ```
/// use trace_core::propagate::{CompositePropagator, otel::ToTextMap};
///
/// let (propagator, _warnings) = CompositePropagator::from_env(|name| std::env::var(name).ok());
/// opentelemetry::global::set_text_map_propagator(ToTextMap::new(propagator));
/// ```
///
/// The API has no place for [`Extracted::sampled`], which is left out. Of a header that occurs several times it gives
/// what its extractor gives.
pub struct ToTextMap<P> {
    format: P,
    fields: Vec<String>,
}

impl<P: Propagator> ToTextMap<P> {
    /// A format for the API.
    pub fn new(format: P) -> Self {
        // From here on the API asks for the active span, also for one that came through another door.
        bridge::start();
        let fields = format.fields().into_iter().map(str::to_owned).collect();
        Self { format, fields }
    }
}

impl<P> fmt::Debug for ToTextMap<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToTextMap").field("fields", &self.fields).finish_non_exhaustive()
    }
}

impl<P: Propagator> TextMapPropagator for ToTextMap<P> {
    fn inject_context(&self, cx: &Context, injector: &mut dyn api::Injector) {
        let context = tenants::active_in(cx);
        self.format.inject(context.as_ref(), &baggage_from(cx.baggage()), &mut Ours(injector));
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn api::Extractor) -> Context {
        let found = self.format.extract(&Ours(extractor));
        let cx = match found.context {
            Some(context) => tenants::with_active(cx, &context),
            None => cx.clone(),
        };
        if found.baggage.is_empty() { cx } else { cx.with_baggage(baggage_to(&found.baggage)) }
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}

/// The API's carriers as ours. They remove nothing.
struct Ours<T>(T);

impl Injector for Ours<&mut dyn api::Injector> {
    fn set(&mut self, name: &str, value: String) {
        self.0.set(name, value);
    }
}

impl Extractor for Ours<&dyn api::Extractor> {
    fn get_all<'a>(&'a self, name: &str) -> Vec<&'a str> {
        self.0.get_all(name).unwrap_or_default()
    }

    fn names(&self) -> Vec<&str> {
        self.0.keys()
    }
}

/// A format of the `opentelemetry` API as one of ours: that of a vendor, say.
#[derive(Debug)]
pub struct FromTextMap<T>(T);

impl<T: TextMapPropagator + Send + Sync> FromTextMap<T> {
    /// The API's format as ours.
    pub fn new(format: T) -> Self {
        Self(format)
    }
}

impl<T: TextMapPropagator + Send + Sync> Propagator for FromTextMap<T> {
    fn extract(&self, carrier: &dyn Extractor) -> Extracted {
        let cx = self.0.extract_with_context(&Context::new(), &Theirs(carrier));
        let context = tenants::active_in(&cx);
        Extracted { context, baggage: baggage_from(cx.baggage()), ..Extracted::default() }
    }

    fn inject(
        &self,
        context: Option<&crate::model::SpanContext>,
        baggage: &Baggage,
        carrier: &mut dyn Injector,
    ) {
        // The API's formats write what there is, and remove nothing.
        self.fields().iter().for_each(|name| carrier.remove(name));
        let mut cx = Context::new();
        if let Some(context) = context {
            cx = tenants::with_active(&cx, context);
        }
        if !baggage.is_empty() {
            cx = cx.with_baggage(baggage_to(baggage));
        }
        self.0.inject_context(&cx, &mut Theirs(carrier));
    }

    fn fields(&self) -> Vec<&str> {
        self.0.fields().collect()
    }
}

/// Our carriers as the API's.
struct Theirs<T>(T);

impl api::Injector for Theirs<&mut dyn Injector> {
    fn set(&mut self, key: &str, value: String) {
        self.0.set(&key.to_ascii_lowercase(), value);
    }
}

impl api::Extractor for Theirs<&dyn Extractor> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get_all(&key.to_ascii_lowercase()).first().copied()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.names()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        Some(self.0.get_all(&key.to_ascii_lowercase())).filter(|all| !all.is_empty())
    }
}

/// By key, for the API's has no order. What ours cannot hold is left out.
pub(super) fn baggage_from(theirs: &baggage::Baggage) -> Baggage {
    let mut members: Vec<_> = theirs.iter().collect();
    members.sort_unstable_by_key(|(key, _)| key.as_str());
    let mut ours = Baggage::EMPTY;
    for (key, (value, metadata)) in members {
        // Properties that are malformed cost themselves, not the value.
        if ours.insert_with_properties(key.as_str(), value.as_str(), metadata.as_str()).is_err() {
            let _ = ours.insert(key.as_str(), value.as_str());
        }
    }
    ours
}

pub(super) fn baggage_to(ours: &Baggage) -> impl Iterator<Item = KeyValueMetadata> + '_ {
    ours.iter().map(|e| KeyValueMetadata::new(e.key().to_owned(), e.value().to_owned(), e.properties()))
}
