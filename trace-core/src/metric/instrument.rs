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
        Self { id: next_id(), only_grows, descriptor, advice, streams, shared }
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
        if let Some(trace) = self.shared.exemplar() {
            return self.record_exemplar(trace, value, attributes);
        }
        let hash = quick_hash(self.id, attributes, self.shared.seed);
        let mut taken = None;
        if let Some(cache) = cache::take() {
            if let Some(entry) = cache.find(self.id, hash, attributes) {
                let target = &entry.first;
                taken = Some(target.series.update_in(target.row.as_ref(), value).is_some());
                if !entry.rest.is_empty() {
                    self.update_rest(&entry.rest, value);
                }
            }
            cache::give_back(cache);
        }
        match taken {
            Some(true) => {}
            Some(false) => self.shared.reject(),
            None => self.record_unknown(hash, value, attributes),
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

    #[cold]
    #[inline(never)]
    fn record_unknown<A: Attribute>(&self, hash: u64, value: Number, attributes: &[A]) {
        for series in self.learn(hash, attributes) {
            if series.update(value).is_none() {
                self.shared.reject();
            }
        }
    }

    /// Takes a measurement that becomes an exemplar.
    #[inline(never)]
    fn record_exemplar<A: Attribute>(&self, trace: Trace, value: Number, attributes: &[A]) {
        let hash = quick_hash(self.id, attributes, self.shared.seed);
        for stream in 0..self.streams.len() {
            let known = cache::series(self.id, hash, attributes, stream);
            let series = known.or_else(|| self.learn(hash, attributes).into_iter().nth(stream));
            if let Some(series) = series {
                self.update(stream, &series, value, attributes, || Some(trace));
            }
        }
    }

    #[inline(always)]
    fn update<A: Attribute>(
        &self,
        stream: usize,
        series: &Series,
        value: Number,
        attributes: &[A],
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

    /// Finds the series of each stream, and remembers them.
    fn learn<A: Attribute>(&self, hash: u64, attributes: &[A]) -> Vec<Arc<Series>> {
        if self.streams.is_empty() {
            return Vec::new();
        }
        let copies: Vec<KeyValue> = attributes.iter().map(Attribute::to_key_value).collect();
        let (series, all_own) = self.find(&copies);
        // What goes to an overflow series is not remembered: there may be too much of it.
        if all_own {
            cache::put(self.id, hash, attributes, self.shared.seed, &series);
        }
        series
    }

    /// The series of each stream, and whether all are those of these very attributes.
    fn find(&self, attributes: &[KeyValue]) -> (Vec<Arc<Series>>, bool) {
        let mut all_own = true;
        let series = self.streams.iter().map(|s| {
            let (series, own) = s.find_or_create(attributes);
            all_own &= own;
            series
        });
        (series.collect(), all_own)
    }

    #[cold]
    #[inline(never)]
    fn keep_exemplar<A: Attribute>(
        &self,
        trace: Trace,
        stream: usize,
        series: &Series,
        slot: usize,
        value: Number,
        attributes: &[A],
    ) {
        series.exemplars.offer(slot, || {
            let mut attributes: Vec<KeyValue> = match self.streams.get(stream) {
                Some(s) if s.spec.allowed.is_some() => {
                    attributes.iter().map(Attribute::to_key_value).collect()
                }
                _ => Vec::new(),
            };
            attributes.retain(|kv| !self.streams[stream].spec.keeps(&kv.key));
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

/// One series of an instrument; one of each stream, if views make several.
#[derive(Clone)]
pub(super) struct Bound {
    first: Option<Arc<Series>>,
    rest: Box<[Arc<Series>]>,
    instrument: Arc<Instrument>,
}

impl Bound {
    pub(super) fn new(instrument: &Arc<Instrument>, attributes: &[KeyValue]) -> Self {
        let mut series = instrument.find(attributes).0.into_iter();
        Self { first: series.next(), rest: series.collect(), instrument: instrument.clone() }
    }

    #[inline]
    pub(super) fn record(&self, value: Number) {
        let instrument = &*self.instrument;
        if !instrument.accepts(value) {
            return instrument.shared.reject();
        }
        let exemplar = || instrument.shared.exemplar();
        if let Some(first) = &self.first {
            instrument.update::<KeyValue>(0, first, value, &[], exemplar);
            for (i, series) in self.rest.iter().enumerate() {
                instrument.update::<KeyValue>(i + 1, series, value, &[], exemplar);
            }
        }
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes = self.first.as_ref().map(|s| &s.attributes);
        f.debug_tuple("Bound").field(&self.instrument).field(&attributes).finish()
    }
}
