//! Instruments whose values are asked for when metrics are collected.

use std::borrow::Cow;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::descriptor::Descriptor;
use super::hash::{hash_attributes, same_attributes};
use super::instrument::number_data;
use super::registry::{ScopeInstruments, Shared};
use super::{InstrumentKind, InvalidInstrument};
use crate::model::{AttributeSet, KeyValue, Metric, Number, NumberPoint, Timestamp};

pub(super) type Callback = Arc<dyn Fn(&mut Observations<'_>) + Send + Sync>;

/// An observable instrument before its callback is known.
#[must_use = "nothing is registered until `observe` is called"]
#[derive(Debug)]
pub struct ObservableBuilder<'a> {
    pub(super) descriptor: Descriptor,
    pub(super) scope: &'a Arc<ScopeInstruments>,
    pub(super) shared: &'a Arc<Shared>,
}

impl ObservableBuilder<'_> {
    /// The UCUM unit: `s`, `By`, `1`, `{request}`.
    pub fn unit(mut self, unit: impl Into<Cow<'static, str>>) -> Self {
        self.descriptor.unit = unit.into();
        self
    }

    /// What it measures, in a sentence.
    pub fn description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.descriptor.description = description.into();
        self
    }

    /// Registers the instrument with a callback, which runs at each collection, on the collecting thread. It must
    /// be quick and must not collect in turn. A panic in it is caught and counted. If the scope has this
    /// instrument already, its callbacks all run, and the last value of a series is taken.
    ///
    /// # Errors
    /// If the name or unit is invalid, or the scope has another instrument of this name.
    pub fn observe(
        self,
        callback: impl Fn(&mut Observations<'_>) + Send + Sync + 'static,
    ) -> Result<(), InvalidInstrument> {
        self.descriptor.validate()?;
        self.scope.observe(self.descriptor, self.shared, Arc::new(callback))
    }
}

/// Takes the values that a callback observes.
#[derive(Debug)]
pub struct Observations<'a> {
    kind: InstrumentKind,
    shared: &'a Shared,
    time: Timestamp,
    by_hash: HashMap<u64, usize>,
    points: Vec<NumberPoint>,
}

impl Observations<'_> {
    /// The present value of a series (for counters, its total). A second value for the same attributes replaces
    /// the first. NaN, infinities, a negative total of a counter, and series past the cardinality limit are
    /// refused and counted.
    pub fn observe(&mut self, value: impl Into<Number>, attributes: &[KeyValue]) {
        let value = value.into();
        let set: AttributeSet = attributes.iter().cloned().collect();
        if !self.kind.accepts(value) {
            return self.shared.reject();
        }
        let mut at = hash_attributes(set.iter(), self.shared.seed);
        while let Some(&i) = self.by_hash.get(&at) {
            if same_attributes(&self.points[i].attributes, set.iter()) {
                self.points[i].value = value;
                return;
            }
            at = at.wrapping_add(1);
        }
        if self.points.len() >= self.shared.cardinality_limit {
            return self.shared.reject();
        }
        self.by_hash.insert(at, self.points.len());
        self.points.push(NumberPoint {
            attributes: Arc::new(set),
            start: self.shared.start,
            time: self.time,
            value,
            exemplars: Vec::new(),
        });
    }
}

/// A registered observable instrument.
pub(super) struct Observable {
    pub(super) descriptor: Descriptor,
    shared: Arc<Shared>,
    callbacks: Mutex<Vec<Callback>>,
}

impl Observable {
    pub(super) fn new(descriptor: Descriptor, shared: Arc<Shared>) -> Self {
        Self { descriptor, shared, callbacks: Mutex::default() }
    }

    pub(super) fn add(&self, callback: Callback) {
        self.callbacks.lock().unwrap_or_else(PoisonError::into_inner).push(callback);
    }

    /// Runs the callbacks; `None` if they observed nothing. What a callback observed before it panicked counts.
    pub(super) fn collect(&self, time: Timestamp) -> Option<Metric> {
        // Copied, because a callback may register another one.
        let callbacks = self.callbacks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut found = Observations {
            kind: self.descriptor.kind,
            shared: &self.shared,
            time,
            by_hash: HashMap::new(),
            points: Vec::new(),
        };
        for callback in callbacks {
            if catch_unwind(AssertUnwindSafe(|| callback(&mut found))).is_err() {
                self.shared.count_panic();
            }
        }
        let data = number_data(self.descriptor.kind, found.points);
        (data.point_count() > 0).then(|| self.descriptor.metric(data))
    }
}
