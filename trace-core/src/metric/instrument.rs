//! What all instruments that are recorded into share: finding the series, and taking the measurement.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::attribute::{Attribute, quick_hash};
use super::cache::{self, Target};
use super::descriptor::Descriptor;
use super::registry::Shared;
use super::series::{CellKind, Series};
use super::stream::{Stream, next_id};
use crate::model::{Exemplar, KeyValue, Number, SpanId, TraceId};

/// What an instrument asks for, unless a view says otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Advice {
    pub(super) bounds: Option<Vec<f64>>,
    pub(super) allowed: Option<Vec<Cow<'static, str>>>,
}

/// Where an exemplar was measured, if inside a sampled span.
type Trace = Option<(TraceId, SpanId)>;

/// Behind a counter, gauge or histogram.
pub(super) struct Instrument {
    /// Unique in the process: the cache of a thread serves all registries.
    id: u64,
    /// Whether only values of zero or more are taken.
    only_grows: bool,
    /// Whether some attributes are seen in exemplars alone.
    leaves_out: bool,
    pub(super) descriptor: Descriptor,
    pub(super) advice: Advice,
    /// One, unless views say otherwise; none if it is dropped.
    pub(super) streams: Box<[Arc<Stream>]>,
    shared: Arc<Shared>,
}

impl Instrument {
    pub(super) fn new(
        descriptor: Descriptor,
        advice: Advice,
        streams: Box<[Arc<Stream>]>,
        shared: Arc<Shared>,
    ) -> Self {
        // A histogram that a view made a sum is one that only grows.
        let only_grows = streams.iter().any(|s| s.spec.cell == CellKind::Sum { monotonic: true })
            || descriptor.kind.is_monotonic();
        let leaves_out = streams.iter().any(|s| s.spec.allowed.is_some());
        Self { id: next_id(), only_grows, leaves_out, descriptor, advice, streams, shared }
    }

    #[inline(always)]
    fn accepts(&self, value: Number) -> bool {
        match value {
            Number::I64(v) => v >= 0 || !self.only_grows,
            Number::F64(v) => v.is_finite() && (v >= 0.0 || !self.only_grows),
        }
    }

    /// Takes a measurement for the series with these attributes.
    // Inlined into the caller, where what kind of values its attributes have is known, and need not be asked again.
    #[inline(always)]
    pub(super) fn record<A: Attribute>(&self, value: Number, attributes: &[A]) {
        if !self.accepts(value) {
            return self.shared.reject();
        }
        let exemplar = self.shared.exemplar();
        let hash = quick_hash(self.id, attributes, self.shared.seed);
        let mut taken = None;
        let mut known = None;
        if let Some(cache) = cache::take() {
            if let Some(entry) = cache.find(self.id, hash, attributes) {
                if exemplar.is_none() {
                    let target = &entry.first;
                    taken = Some(target.series.update_in(target.row.as_ref(), value).is_some());
                    if !entry.rest().is_empty() {
                        self.update_rest(entry.rest(), value);
                    }
                } else {
                    known = Some(entry.series());
                }
            }
            cache::give_back(cache);
        }
        match taken {
            Some(true) => {}
            Some(false) => self.shared.reject(),
            None => {
                let needed = known.is_none() || self.leaves_out;
                let copies = if needed { copies(attributes) } else { Vec::new() };
                self.record_slowly(known, exemplar, hash, value, copies);
            }
        }
    }

    #[inline(never)]
    fn update_rest(&self, rest: &[Target], value: Number) {
        for target in rest {
            if target.series.update_in(target.row.as_ref(), value).is_none() {
                self.shared.reject();
            }
        }
    }

    /// Takes a measurement whose series are not known, or which becomes an exemplar.
    #[cold]
    #[inline(never)]
    fn record_slowly(
        &self,
        known: Option<Found>,
        exemplar: Option<Trace>,
        hash: u64,
        value: Number,
        attributes: Vec<KeyValue>,
    ) {
        let Some(found) = known.or_else(|| self.learn(hash, &attributes)) else { return };
        for (stream, series) in found.iter().enumerate() {
            self.update(stream, series, value, &attributes, || exemplar);
        }
    }

    #[inline(always)]
    fn update(
        &self,
        stream: usize,
        series: &Series,
        value: Number,
        attributes: &[KeyValue],
        exemplar: impl FnOnce() -> Option<Trace>,
    ) {
        match series.update(value) {
            None => self.shared.reject(),
            Some(slot) => {
                if let Some(trace) = exemplar() {
                    self.keep_exemplar(trace, stream, series, slot, value, attributes);
                }
            }
        }
    }

    /// Finds the series of each stream, and remembers them. `None` without streams.
    fn learn(&self, hash: u64, attributes: &[KeyValue]) -> Option<Found> {
        let (found, all_own) = self.find(attributes)?;
        // What goes to an overflow series is not remembered: there may be too much of it.
        if all_own {
            cache::put(self.id, hash, attributes, self.shared.seed, &found);
        }
        Some(found)
    }

    /// The series of each stream, and whether all are those of these very attributes. `None` without streams.
    fn find(&self, attributes: &[KeyValue]) -> Option<(Found, bool)> {
        let mut all_own = true;
        let mut series = self.streams.iter().map(|s| {
            let (series, own) = s.find_or_create(attributes);
            all_own &= own;
            series
        });
        let found = Found { first: series.next()?, rest: series.collect() };
        Some((found, all_own))
    }

    #[cold]
    #[inline(never)]
    fn keep_exemplar(
        &self,
        trace: Trace,
        stream: usize,
        series: &Series,
        slot: usize,
        value: Number,
        attributes: &[KeyValue],
    ) {
        series.exemplars.offer(slot, || {
            let spec = self.streams.get(stream).map(|s| &s.spec);
            let left_out = |kv: &&KeyValue| spec.is_some_and(|s| !s.keeps(&kv.key));
            let attributes = attributes.iter().filter(left_out).cloned().collect();
            Exemplar {
                time: self.shared.now(),
                value,
                trace_id: trace.map(|t| t.0),
                span_id: trace.map(|t| t.1),
                attributes,
            }
        });
    }
}

impl fmt::Debug for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instrument").field(&self.descriptor.name).field(&self.descriptor.kind).finish()
    }
}

/// The attributes of a measurement, to keep. A loop, so that no function gets hold of what the caller made.
#[inline(always)]
fn copies<A: Attribute>(attributes: &[A]) -> Vec<KeyValue> {
    let mut copies = Vec::with_capacity(attributes.len());
    for attribute in attributes {
        copies.push(attribute.to_key_value());
    }
    copies
}

/// The series that a measurement goes to: of the first stream, and of further ones if views make several.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) first: Arc<Series>,
    pub(super) rest: Box<[Arc<Series>]>,
}

impl Found {
    fn iter(&self) -> impl Iterator<Item = &Arc<Series>> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

/// One series of an instrument; one of each stream, if views make several.
#[derive(Clone)]
pub(super) struct Bound {
    found: Option<Found>,
    instrument: Arc<Instrument>,
}

impl Bound {
    pub(super) fn new(instrument: &Arc<Instrument>, attributes: &[KeyValue]) -> Self {
        let found = instrument.find(attributes).map(|(found, _)| found);
        Self { found, instrument: instrument.clone() }
    }

    #[inline]
    pub(super) fn record(&self, value: Number) {
        let instrument = &*self.instrument;
        if !instrument.accepts(value) {
            return instrument.shared.reject();
        }
        let exemplar = || instrument.shared.exemplar();
        if let Some(found) = &self.found {
            instrument.update(0, &found.first, value, &[], exemplar);
            for (i, series) in found.rest.iter().enumerate() {
                instrument.update(i + 1, series, value, &[], exemplar);
            }
        }
    }
}

#[cfg(feature = "http")]
impl Bound {
    /// The same, but never as an exemplar, and so without asking for the current span.
    #[inline]
    pub(super) fn record_plain(&self, value: Number) {
        let instrument = &*self.instrument;
        if !instrument.accepts(value) {
            return instrument.shared.reject();
        }
        for series in self.found.iter().flat_map(Found::iter) {
            if series.update(value).is_none() {
                instrument.shared.reject();
            }
        }
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes = self.found.as_ref().map(|f| &f.first.attributes);
        f.debug_tuple("Bound").field(&self.instrument).field(&attributes).finish()
    }
}
