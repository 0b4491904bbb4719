//! The traces that wait, and what becomes of them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::cache::DecisionCache;
use super::config::TailConfig;
use super::output::Output;
use super::segments::{Place, Segments};
use super::trace::{TraceView, is_entry};
use super::vote::{Verdict, Vote};
use crate::batch::{SpanBatchMut, SpanRef};
use crate::model::{Resource, TraceId, TraceState};
use crate::sample::{OtelTraceState, Randomness, Threshold};

/// What a trace that waits takes besides its spans, in bytes: its entries in a table and two queues.
const TRACE_BYTES: usize = 256;

/// A trace that waits.
struct Pending {
    places: Vec<Place>,
    /// Tells it from an earlier trace with the same id.
    number: u64,
    /// When a local root ended last.
    root_ended: Option<Duration>,
    randomness: Randomness,
    /// The threshold of its first span.
    marked: Option<Threshold>,
    /// Recorded with certainty, and to be judged as such.
    promotable: bool,
    sampled: bool,
}

/// A moment in the life of a trace.
struct Moment {
    at: Duration,
    trace: TraceId,
    number: u64,
}

/// Counts since the start.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) kept_traces: u64,
    pub(super) dropped_traces: u64,
    pub(super) kept_spans: u64,
    pub(super) dropped_spans: u64,
    pub(super) late_spans: u64,
    pub(super) decided_early: u64,
    /// Traces kept by policy: by the first of those that kept it.
    pub(super) kept_by: Vec<u64>,
}

pub(super) struct State {
    segments: Segments,
    traces: HashMap<TraceId, Pending>,
    /// Every trace, oldest first.
    arrived: VecDeque<Moment>,
    /// Traces of which a local root has ended, in that order.
    rooted: VecDeque<Moment>,
    decisions: DecisionCache,
    pub(super) output: Output,
    pub(super) spans: usize,
    next_number: u64,
    marker: Marker,
    pub(super) counts: Counts,
}

impl State {
    pub(super) fn new(config: &TailConfig) -> Self {
        Self {
            segments: Segments::default(),
            traces: HashMap::new(),
            arrived: VecDeque::new(),
            rooted: VecDeque::new(),
            decisions: DecisionCache::new(config.decisions),
            output: Output::default(),
            spans: 0,
            next_number: 0,
            marker: Marker::default(),
            counts: Counts { kept_by: vec![0; config.policies.len()], ..Counts::default() },
        }
    }

    pub(super) fn traces(&self) -> usize {
        self.traces.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.segments.bytes() + self.traces.len() * TRACE_BYTES + self.spans * size_of::<Place>()
    }

    /// Takes the spans of a batch in, and leaves in it what is not for us.
    pub(super) fn admit(&mut self, batch: &mut SpanBatchMut, config: &TailConfig, now: Duration) {
        let passes = |s: &SpanRef<'_>| !config.promote && !s.is_sampled();
        let passing = batch.iter().filter(passes).count();
        if passing == batch.len() {
            return;
        }
        let segment = self.segments.next();
        let resource = batch.resource().clone();
        // Of a batch with little for us that little is copied; else the batch itself is kept, and copies go on.
        let mut ours = (passing * 2 > batch.len()).then(|| SpanBatchMut::new(resource.clone()));
        let mut held = 0;
        for (row, span) in batch.iter().enumerate() {
            if passes(&span) {
                if ours.is_none() {
                    self.output.push(&resource, span);
                }
                continue;
            }
            config.policies.iter().for_each(|(_, p)| p.observe(&span, now));
            match self.pending(&span, config, now) {
                Ok(pending) => {
                    let row = ours.as_mut().map_or(row, |b| b.push_ref(span)) as u32;
                    pending.places.push(Place { segment, row });
                    held += 1;
                }
                Err(verdict) => {
                    self.counts.late_spans += 1;
                    self.pass_on(&resource, span, verdict, config);
                }
            }
        }
        let held_batch = match ours {
            Some(ours) => {
                batch.retain(|s| passes(&s));
                ours
            }
            None => std::mem::replace(batch, SpanBatchMut::new(resource)),
        };
        if held > 0 {
            self.spans += held;
            self.segments.push(held_batch, held);
        }
    }

    /// The trace of a span, or what was decided about it.
    fn pending(
        &mut self,
        span: &SpanRef<'_>,
        config: &TailConfig,
        now: Duration,
    ) -> Result<&mut Pending, Verdict> {
        let trace = span.trace_id();
        if !self.traces.contains_key(&trace) {
            if let Some(verdict) = self.decisions.get(trace) {
                return Err(verdict);
            }
            self.next_number += 1;
            let ot = OtelTraceState::of(span.trace_state());
            let pending = Pending {
                places: Vec::new(),
                number: self.next_number,
                root_ended: None,
                randomness: ot.randomness().unwrap_or(Randomness::of_trace(trace)),
                marked: ot.threshold,
                promotable: config.promote && span.is_recorded_regardless(),
                sampled: span.is_sampled(),
            };
            self.arrived.push_back(Moment { at: now, trace, number: pending.number });
            self.traces.insert(trace, pending);
        }
        match self.traces.get_mut(&trace) {
            Some(pending) => {
                if is_entry(span) {
                    pending.root_ended = Some(now);
                    self.rooted.push_back(Moment { at: now, trace, number: pending.number });
                }
                Ok(pending)
            }
            None => Err(Verdict::Dropped),
        }
    }

    /// Decides on everything whose time has come.
    pub(super) fn expire(&mut self, config: &TailConfig, now: Duration) {
        while self.rooted.front().is_some_and(|m| m.at + config.root_wait <= now) {
            let Some(m) = self.rooted.pop_front() else { break };
            // A local root that ended later has an entry of its own.
            if self.traces.get(&m.trace).is_some_and(|p| p.number == m.number && p.root_ended == Some(m.at)) {
                self.decide(m.trace, config);
            }
        }
        while self.arrived.front().is_some_and(|m| m.at + config.decision_wait <= now) {
            self.decide_oldest(config);
        }
        self.forget_stale();
    }

    /// Decides on the oldest until the rest is within the limits.
    pub(super) fn relieve(&mut self, config: &TailConfig) {
        while self.spans > config.max_spans || self.bytes() > config.max_bytes {
            if self.arrived.is_empty() {
                return;
            }
            self.counts.decided_early += u64::from(self.decide_oldest(config));
        }
    }

    /// Decides on everything.
    pub(super) fn decide_all(&mut self, config: &TailConfig) {
        while !self.arrived.is_empty() {
            self.decide_oldest(config);
        }
    }

    /// `false` if the oldest entry is of a trace that has been decided on.
    fn decide_oldest(&mut self, config: &TailConfig) -> bool {
        let Some(m) = self.arrived.pop_front() else { return false };
        let there = self.traces.get(&m.trace).is_some_and(|p| p.number == m.number);
        if there {
            self.decide(m.trace, config);
        }
        there
    }

    /// Entries of traces that are gone must not pile up until their time comes.
    fn forget_stale(&mut self) {
        const FEW: usize = 1024;
        let traces = &self.traces;
        if self.arrived.len() > 2 * traces.len() + FEW {
            self.arrived.retain(|m| traces.get(&m.trace).is_some_and(|p| p.number == m.number));
        }
        if self.rooted.len() > 2 * traces.len() + FEW {
            let current = |p: &Pending, m: &Moment| p.number == m.number && p.root_ended == Some(m.at);
            self.rooted.retain(|m| traces.get(&m.trace).is_some_and(|p| current(p, m)));
        }
    }

    fn decide(&mut self, trace: TraceId, config: &TailConfig) {
        let Some(pending) = self.traces.remove(&trace) else { return };
        let head = match pending.promotable {
            true => Threshold::ALWAYS,
            false => pending.marked.or(config.unmarked).unwrap_or(Threshold::ALWAYS),
        };
        let view = TraceView {
            trace_id: trace,
            places: &pending.places,
            segments: &self.segments,
            randomness: pending.randomness,
            head,
        };
        let mut vote = match (pending.promotable && pending.sampled, pending.marked) {
            (false, _) => Vote::Drop,
            (true, Some(t)) => Vote::Keep(t),
            (true, None) => Vote::Uncounted(true),
        };
        let mut first = None;
        for (i, (_, policy)) in config.policies.iter().enumerate() {
            let wish = policy.vote(&view);
            if first.is_none() && wish.verdict(pending.randomness) != Verdict::Dropped {
                first = Some(i);
            }
            vote = vote.or(wish, pending.randomness);
            if vote == Vote::CERTAIN {
                break;
            }
        }
        let verdict = vote.verdict(pending.randomness);
        self.decisions.insert(trace, verdict);
        match verdict {
            Verdict::Dropped => self.counts.dropped_traces += 1,
            Verdict::Kept(_) => {
                self.counts.kept_traces += 1;
                if let Some(count) = first.and_then(|i| self.counts.kept_by.get_mut(i)) {
                    *count += 1;
                }
            }
        }
        self.spans -= pending.places.len();
        self.deliver(&pending.places, verdict, config);
    }

    /// Copies the spans of a trace to the output, or not, and lets go of them.
    fn deliver(&mut self, places: &[Place], verdict: Verdict, config: &TailConfig) {
        if verdict == Verdict::Dropped {
            self.counts.dropped_spans += places.len() as u64;
        } else {
            for place in places {
                let Some(batch) = self.segments.batch(place.segment) else { continue };
                let Some(span) = batch.get(place.row as usize) else { continue };
                self.counts.kept_spans += 1;
                self.marker.pass_on(&mut self.output, batch.resource(), span, verdict, config);
            }
        }
        places.iter().for_each(|place| self.segments.release(*place));
    }

    /// A span that comes after its trace was decided on.
    fn pass_on(
        &mut self,
        resource: &Arc<Resource>,
        span: SpanRef<'_>,
        verdict: Verdict,
        config: &TailConfig,
    ) {
        if verdict == Verdict::Dropped {
            self.counts.dropped_spans += 1;
        } else {
            self.counts.kept_spans += 1;
            self.marker.pass_on(&mut self.output, resource, span, verdict, config);
        }
    }
}

/// Writes thresholds into trace states. Remembers the last one, for the next span mostly has the same.
#[derive(Default)]
struct Marker(Option<(TraceState, Option<Threshold>, TraceState)>);

impl Marker {
    fn pass_on(
        &mut self,
        output: &mut Output,
        resource: &Arc<Resource>,
        span: SpanRef<'_>,
        verdict: Verdict,
        config: &TailConfig,
    ) {
        let old = span.trace_state();
        let own = match config.promote && span.is_recorded_regardless() {
            true => Some(Threshold::ALWAYS),
            false => OtelTraceState::threshold_of(old).or(config.unmarked),
        };
        let threshold = match verdict {
            // Both stages compare the same randomness, so the higher threshold is that of both together.
            Verdict::Kept(Some(t)) => own.map(|own| own.max(t)),
            _ => None,
        };
        let state = self.state(old, threshold);
        let (batch, row) = output.push(resource, span);
        batch.set_trace_state(row, state);
        batch.set_sampled(row, true);
    }

    fn state(&mut self, old: &TraceState, threshold: Option<Threshold>) -> TraceState {
        if let Some((from, with, to)) = &self.0
            && (from, *with) == (old, threshold)
        {
            return to.clone();
        }
        let new = OtelTraceState::with_threshold(old, threshold);
        self.0 = Some((old.clone(), threshold, new.clone()));
        new
    }
}
