//! Follow the parent.

use super::{AlwaysOff, AlwaysOn, OtelTraceState, Randomness};
use crate::model::{SpanContext, TraceState};
use crate::signal::{Decision, Sampler, SamplingInput};

/// Asks one of five samplers: that of roots, or by whether the parent is remote or local, and sampled or not. As
/// built, children do as their parent did. A remote parent that left the decision to us counts as none. Once one of the
/// two for local parents is set, spans with a local parent take a longer way, for the sampler is then asked for each.
///
/// What is sampled keeps an honest `ot=th` in its trace state. The threshold of a sampled parent stays, or becomes
/// that of the sampler that was asked if this is higher. It is erased if it contradicts the parent's sampled flag, if
/// the sampler that was asked names no probability, and where a parent was not sampled.
///
/// ```
/// use trace_core::sample::{AlwaysOn, ParentBased, RatioSampler};
///
/// let sampler = ParentBased::new(RatioSampler::new(0.1)?);
/// // A caller outside our house does not decide what we record:
/// let own = ParentBased::new(RatioSampler::new(0.1)?).remote_parent_sampled(RatioSampler::new(0.1)?);
/// # Ok::<(), trace_core::sample::InvalidRatio>(())
/// ```
pub struct ParentBased<S> {
    root: S,
    /// Where there is none, the parent is followed.
    remote_sampled: Option<Box<dyn Sampler>>,
    remote_not_sampled: Option<Box<dyn Sampler>>,
    local_sampled: Option<Box<dyn Sampler>>,
    local_not_sampled: Option<Box<dyn Sampler>>,
}

impl<S: Sampler> ParentBased<S> {
    /// Asks `root` where there is no parent.
    pub fn new(root: S) -> Self {
        Self {
            root,
            remote_sampled: None,
            remote_not_sampled: None,
            local_sampled: None,
            local_not_sampled: None,
        }
    }

    /// Asks this one if the parent is remote and sampled.
    #[must_use]
    pub fn remote_parent_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.remote_sampled = Some(Box::new(sampler));
        self
    }

    /// Asks this one if the parent is remote and not sampled.
    #[must_use]
    pub fn remote_parent_not_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.remote_not_sampled = Some(Box::new(sampler));
        self
    }

    /// Asks this one if the parent is local and sampled.
    #[must_use]
    pub fn local_parent_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.local_sampled = Some(Box::new(sampler));
        self
    }

    /// Asks this one if the parent is local and not sampled.
    #[must_use]
    pub fn local_parent_not_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.local_not_sampled = Some(Box::new(sampler));
        self
    }
}

impl<S: Sampler> Sampler for ParentBased<S> {
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        let Some(parent) = input.parent else { return self.root.sample(input) };
        // A caller that left the decision to us: B3 without a state.
        if parent.is_remote && !parent.is_sampled() && parent.flags.is_undecided() {
            return self.root.sample(input);
        }
        let delegate = match (parent.is_remote, parent.is_sampled()) {
            (true, true) => &self.remote_sampled,
            (true, false) => &self.remote_not_sampled,
            (false, true) => &self.local_sampled,
            (false, false) => &self.local_not_sampled,
        };
        let mut decision = match delegate {
            Some(sampler) => sampler.sample(input),
            None => Decision::sample_if(parent.is_sampled()),
        };
        if decision.is_sampled() && !(parent.trace_state.is_empty() && decision.trace_state.is_none()) {
            let told = decision.trace_state.take();
            decision.trace_state = Some(honest(parent, input, delegate.is_some(), told));
        }
        decision
    }

    fn follows_local_parents(&self) -> bool {
        self.local_sampled.is_none() && self.local_not_sampled.is_none()
    }

    fn description(&self) -> String {
        format!(
            "ParentBased{{root={},remoteParentSampled={},remoteParentNotSampled={},localParentSampled={},\
             localParentNotSampled={}}}",
            self.root.description(),
            describe(&self.remote_sampled, &AlwaysOn),
            describe(&self.remote_not_sampled, &AlwaysOff),
            describe(&self.local_sampled, &AlwaysOn),
            describe(&self.local_not_sampled, &AlwaysOff),
        )
    }
}

/// Following a sampled parent is what `AlwaysOn` would do, and so on.
fn describe(sampler: &Option<Box<dyn Sampler>>, default: &dyn Sampler) -> String {
    sampler.as_deref().unwrap_or(default).description()
}

/// The trace state of a sampled child: with a threshold only if it is that of both decisions together.
fn honest(
    parent: &SpanContext,
    input: &SamplingInput<'_>,
    asked: bool,
    told: Option<TraceState>,
) -> TraceState {
    let above = OtelTraceState::of(&parent.trace_state);
    let randomness = above.randomness().unwrap_or(Randomness::of_trace(input.trace_id));
    let agrees = |t: &super::Threshold| parent.is_sampled() && t.keeps(randomness);
    let below = told.as_ref().and_then(OtelTraceState::threshold_of);
    let threshold = match above.threshold.filter(agrees) {
        Some(t) if !asked => Some(t),
        Some(t) => below.map(|b| b.max(t)),
        None => None,
    };
    let state = told.unwrap_or_else(|| parent.trace_state.clone());
    OtelTraceState::with_threshold(&state, threshold)
}

impl<S: Sampler> std::fmt::Debug for ParentBased<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.description())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SpanId, SpanKind, TraceFlags, TraceId};
    use crate::sample::ProbabilitySampler;

    fn decide(sampler: &dyn Sampler, parent: Option<(bool, bool)>) -> bool {
        let trace_id = TraceId::new(1).unwrap();
        let parent = parent.map(|(is_remote, sampled)| SpanContext {
            is_remote,
            ..SpanContext::new(trace_id, SpanId::new(1).unwrap(), TraceFlags::default().with_sampled(sampled))
        });
        let input = SamplingInput::new(trace_id, "op", SpanKind::Server).under(parent.as_ref());
        sampler.sample(&input).is_sampled()
    }

    const CASES: [Option<(bool, bool)>; 5] =
        [None, Some((true, true)), Some((true, false)), Some((false, true)), Some((false, false))];

    #[test]
    fn children_do_as_their_parent_did_and_roots_as_the_root_sampler_says() {
        let decisions = |s: &dyn Sampler| CASES.map(|c| decide(s, c));
        assert_eq!(decisions(&ParentBased::new(AlwaysOn)), [true, true, false, true, false]);
        assert_eq!(decisions(&ParentBased::new(AlwaysOff)), [false, true, false, true, false]);
    }

    #[test]
    fn a_caller_that_left_the_decision_to_us_gets_that_of_the_root_sampler() {
        let trace_id = TraceId::new(1).unwrap();
        let mut parent = SpanContext::new(trace_id, SpanId::new(1).unwrap(), TraceFlags::UNDECIDED);
        parent.is_remote = true;
        let input = SamplingInput::new(trace_id, "op", SpanKind::Server).under(Some(&parent));
        assert!(ParentBased::new(AlwaysOn).sample(&input).is_sampled());
        assert!(!ParentBased::new(AlwaysOff).sample(&input).is_sampled());
    }

    #[test]
    fn each_of_the_five_branches_can_be_set_alone() {
        let base =
            || ParentBased::new(AlwaysOff).remote_parent_sampled(AlwaysOff).local_parent_sampled(AlwaysOff);
        let samplers: [ParentBased<Box<dyn Sampler>>; 5] = [
            with_root(Box::new(AlwaysOn)),
            with_root(Box::new(AlwaysOff)).remote_parent_sampled(AlwaysOn),
            with_root(Box::new(AlwaysOff)).remote_parent_not_sampled(AlwaysOn),
            with_root(Box::new(AlwaysOff)).local_parent_sampled(AlwaysOn),
            with_root(Box::new(AlwaysOff)).local_parent_not_sampled(AlwaysOn),
        ];
        assert!(CASES.iter().all(|c| !decide(&base(), *c)));
        for (i, sampler) in samplers.iter().enumerate() {
            for (j, case) in CASES.iter().enumerate() {
                assert_eq!(decide(sampler, *case), i == j, "sampler {i}, case {case:?}");
            }
        }
    }

    fn with_root(root: Box<dyn Sampler>) -> ParentBased<Box<dyn Sampler>> {
        ParentBased::new(root).remote_parent_sampled(AlwaysOff).local_parent_sampled(AlwaysOff)
    }

    #[test]
    fn local_parents_are_followed_unless_one_of_their_branches_is_set() {
        assert!(ParentBased::new(AlwaysOn).remote_parent_sampled(AlwaysOff).follows_local_parents());
        assert!(!ParentBased::new(AlwaysOn).local_parent_sampled(AlwaysOff).follows_local_parents());
        assert!(!ParentBased::new(AlwaysOn).local_parent_not_sampled(AlwaysOn).follows_local_parents());
    }

    fn child_state(sampler: &dyn Sampler, sampled: bool, state: &str) -> Option<String> {
        // The randomness is half of all: `th:8` keeps it, `th:c` does not.
        let trace_id = TraceId::new(1 << 100 | 0x80 << 48).unwrap();
        let parent = SpanContext {
            trace_state: TraceState::parse([state]).unwrap(),
            is_remote: true,
            ..SpanContext::new(trace_id, SpanId::MAX, TraceFlags::default().with_sampled(sampled))
        };
        let input = SamplingInput::new(trace_id, "op", SpanKind::Server).under(Some(&parent));
        let decision = sampler.sample(&input);
        decision.is_sampled().then(|| {
            let state = decision.trace_state.unwrap_or(parent.trace_state);
            state.as_str().to_owned()
        })
    }

    #[test]
    fn the_threshold_of_a_parent_stays_unless_it_contradicts_the_sampled_flag() {
        let follow = ParentBased::new(AlwaysOn);
        assert_eq!(child_state(&follow, true, "a=1,ot=th:8").unwrap(), "a=1,ot=th:8");
        assert_eq!(child_state(&follow, true, "a=1,ot=th:c;x:1").unwrap(), "ot=x:1,a=1");
        assert_eq!(
            child_state(&follow, true, "ot=th:c;rv:d0000000000000").unwrap(),
            "ot=th:c;rv:d0000000000000"
        );
        assert_eq!(child_state(&follow, true, "a=1").unwrap(), "a=1");
        assert_eq!(child_state(&follow, false, "ot=th:8"), None);
    }

    #[test]
    fn of_two_thresholds_the_higher_one_counts_and_an_unknown_one_erases_both() {
        let half = || ProbabilitySampler::new(0.5).unwrap();
        let asked =
            ParentBased::new(AlwaysOn).remote_parent_sampled(half()).remote_parent_not_sampled(half());
        assert_eq!(child_state(&asked, true, "ot=th:4").unwrap(), "ot=th:8");
        assert_eq!(child_state(&asked, true, "ot=th:8").unwrap(), "ot=th:8");
        assert_eq!(
            child_state(&asked, true, "ot=th:7;rv:80000000000000").unwrap(),
            "ot=th:8;rv:80000000000000"
        );
        assert_eq!(
            child_state(&asked, true, "a=1").unwrap(),
            "a=1",
            "nobody knows how the parent was chosen"
        );
        assert_eq!(child_state(&asked, false, "a=1").unwrap(), "a=1");
        let on = ParentBased::new(AlwaysOn).remote_parent_sampled(AlwaysOn);
        assert_eq!(child_state(&on, true, "ot=th:8").unwrap(), "ot=th:8");
        let ratio =
            ParentBased::new(AlwaysOn).remote_parent_sampled(super::super::RatioSampler::new(1.0).unwrap());
        assert_eq!(child_state(&ratio, true, "a=1,ot=th:8").unwrap(), "a=1");
    }

    #[test]
    fn the_description_names_all_five() {
        assert_eq!(
            ParentBased::new(AlwaysOn).description(),
            "ParentBased{root=AlwaysOnSampler,remoteParentSampled=AlwaysOnSampler,\
             remoteParentNotSampled=AlwaysOffSampler,localParentSampled=AlwaysOnSampler,\
             localParentNotSampled=AlwaysOffSampler}"
        );
    }
}
