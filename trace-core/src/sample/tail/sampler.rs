//! The step of the pipeline that holds traces back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::config::TailConfig;
use super::state::State;
use crate::batch::SpanBatchMut;
use crate::signal::{Holdings, SpanProcessor};

/// Holds the spans of a trace back until the trace is over, and then keeps all of them or none.
///
/// A trace is decided on when its local root has ended and a little time has passed, at the latest some time after its
/// first span; spans that end later follow the decision. What waits is bounded in spans and bytes: at the limit the
/// oldest traces are decided on early, by what is known of them. A flush or shutdown decides on everything. What
/// is not kept stands in the ledger as `sampled_out`.
///
/// Spans that are kept carry in their trace state for how many they stand: that of the head sampler if the reason was a
/// certain one, such as an error, and what the baseline's probability makes of it else.
///
/// Cheap to clone; clones share everything, so one can be kept for [`TailSampler::stats`].
#[derive(Clone)]
pub struct TailSampler(Arc<Inner>);

struct Inner {
    config: TailConfig,
    origin: u64,
    state: Mutex<State>,
}

/// What a tail sampler has done, and holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TailStats {
    /// Traces that wait.
    pub pending_traces: usize,
    /// Spans that wait.
    pub pending_spans: usize,
    /// Bytes that wait.
    pub pending_bytes: usize,
    /// Traces that were kept.
    pub kept_traces: u64,
    /// Traces that were not.
    pub dropped_traces: u64,
    /// Spans that were kept.
    pub kept_spans: u64,
    /// Spans that were not.
    pub dropped_spans: u64,
    /// Spans that came after their trace was decided on, and followed the decision.
    pub late_spans: u64,
    /// Traces that were decided on before their time, because too much waited.
    pub decided_early: u64,
    /// Traces kept, by the first policy that wanted them.
    pub kept_by: BTreeMap<String, u64>,
}

impl TailSampler {
    /// A sampler with these settings.
    pub fn new(config: TailConfig) -> Self {
        let state = Mutex::new(State::new(&config));
        Self(Arc::new(Inner { origin: config.clock.ticks(), state, config }))
    }

    /// What it has done, and holds.
    pub fn stats(&self) -> TailStats {
        let state = self.lock();
        let counts = &state.counts;
        let names = self.0.config.policies.iter().map(|(name, _)| name.clone());
        TailStats {
            pending_traces: state.traces(),
            pending_spans: state.spans,
            pending_bytes: state.bytes(),
            kept_traces: counts.kept_traces,
            dropped_traces: counts.dropped_traces,
            kept_spans: counts.kept_spans,
            dropped_spans: counts.dropped_spans,
            late_spans: counts.late_spans,
            decided_early: counts.decided_early,
            kept_by: names.zip(counts.kept_by.iter().copied()).collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.0.config.clock.since(self.0.origin)
    }
}

/// Puts what goes on into the batch, behind what is in it.
fn hand_over(state: &mut State, batch: &mut SpanBatchMut) {
    if let Some(next) = state.output.next() {
        *batch = next;
    }
}

/// Moves what is in the batch to the output.
fn take_over(state: &mut State, batch: &mut SpanBatchMut) {
    let empty = SpanBatchMut::new(batch.resource().clone());
    state.output.lead_with(std::mem::replace(batch, empty));
}

impl SpanProcessor for TailSampler {
    fn process(&self, batch: &mut SpanBatchMut) {
        let (config, now) = (&self.0.config, self.now());
        let mut state = self.lock();
        state.admit(batch, config, now);
        take_over(&mut state, batch);
        state.expire(config, now);
        state.relieve(config);
        hand_over(&mut state, batch);
    }

    fn release(&self, batch: &mut SpanBatchMut) {
        let mut state = self.lock();
        take_over(&mut state, batch);
        state.decide_all(&self.0.config);
        hand_over(&mut state, batch);
    }

    fn holdings(&self) -> Holdings {
        let state = self.lock();
        Holdings { held: (state.spans + state.output.len()) as u64, sampled_out: state.counts.dropped_spans }
    }
}

impl fmt::Debug for TailSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TailSampler").field(&self.stats()).finish()
    }
}
