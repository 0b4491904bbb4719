//! Follow the parent.

use super::{AlwaysOff, AlwaysOn};
use crate::signal::{Decision, Sampler, SamplingInput};

/// Asks one of five samplers: that of roots, or by whether the parent is remote or local, and sampled or not. As
/// built, children do as their parent did. A remote parent that left the decision to us counts as none.
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
    remote_sampled: Box<dyn Sampler>,
    remote_not_sampled: Box<dyn Sampler>,
    local_sampled: Box<dyn Sampler>,
    local_not_sampled: Box<dyn Sampler>,
}

impl<S: Sampler> ParentBased<S> {
    /// Asks `root` where there is no parent.
    pub fn new(root: S) -> Self {
        Self {
            root,
            remote_sampled: Box::new(AlwaysOn),
            remote_not_sampled: Box::new(AlwaysOff),
            local_sampled: Box::new(AlwaysOn),
            local_not_sampled: Box::new(AlwaysOff),
        }
    }

    /// Asks this one if the parent is remote and sampled.
    #[must_use]
    pub fn remote_parent_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.remote_sampled = Box::new(sampler);
        self
    }

    /// Asks this one if the parent is remote and not sampled.
    #[must_use]
    pub fn remote_parent_not_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.remote_not_sampled = Box::new(sampler);
        self
    }

    /// Asks this one if the parent is local and sampled.
    #[must_use]
    pub fn local_parent_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.local_sampled = Box::new(sampler);
        self
    }

    /// Asks this one if the parent is local and not sampled.
    #[must_use]
    pub fn local_parent_not_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.local_not_sampled = Box::new(sampler);
        self
    }
}

impl<S: Sampler> Sampler for ParentBased<S> {
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        let delegate: &dyn Sampler = match input.parent.map(|p| (p.is_remote, p.is_sampled())) {
            None => &self.root,
            // A caller that left the decision to us: B3 without a state.
            Some((true, false)) if input.parent.is_some_and(|p| p.flags.is_undecided()) => &self.root,
            Some((true, true)) => &*self.remote_sampled,
            Some((true, false)) => &*self.remote_not_sampled,
            Some((false, true)) => &*self.local_sampled,
            Some((false, false)) => &*self.local_not_sampled,
        };
        delegate.sample(input)
    }

    fn description(&self) -> String {
        format!(
            "ParentBased{{root={},remoteParentSampled={},remoteParentNotSampled={},localParentSampled={},\
             localParentNotSampled={}}}",
            self.root.description(),
            self.remote_sampled.description(),
            self.remote_not_sampled.description(),
            self.local_sampled.description(),
            self.local_not_sampled.description(),
        )
    }
}

impl<S: Sampler> std::fmt::Debug for ParentBased<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.description())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SpanContext, SpanId, SpanKind, TraceFlags, TraceId};

    fn decide(sampler: &dyn Sampler, parent: Option<(bool, bool)>) -> bool {
        let trace_id = TraceId::new(1).unwrap();
        let parent = parent.map(|(is_remote, sampled)| SpanContext {
            is_remote,
            ..SpanContext::new(trace_id, SpanId::new(1).unwrap(), TraceFlags::default().with_sampled(sampled))
        });
        let input = SamplingInput { trace_id, parent: parent.as_ref(), name: "op", kind: SpanKind::Server };
        sampler.sample(&input).sampled
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
        let input = SamplingInput { trace_id, parent: Some(&parent), name: "op", kind: SpanKind::Server };
        assert!(ParentBased::new(AlwaysOn).sample(&input).sampled);
        assert!(!ParentBased::new(AlwaysOff).sample(&input).sampled);
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
    fn the_description_names_all_five() {
        assert_eq!(
            ParentBased::new(AlwaysOn).description(),
            "ParentBased{root=AlwaysOnSampler,remoteParentSampled=AlwaysOnSampler,\
             remoteParentNotSampled=AlwaysOffSampler,localParentSampled=AlwaysOnSampler,\
             localParentNotSampled=AlwaysOffSampler}"
        );
    }
}
