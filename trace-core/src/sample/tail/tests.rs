//! Tail sampling in virtual time.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::batch::SpanBatchMut;
use crate::clock::{Clock, ManualClock};
use crate::model::{
    KeyValue, Resource, SpanContext, SpanData, SpanId, Status, Timestamp, TraceFlags, TraceId, TraceState,
};
use crate::sample::{OtelTraceState, Threshold};
use crate::signal::SpanProcessor;

const SECOND: Duration = Duration::from_secs(1);

/// The randomness of a trace with this number: from none to all in a thousand steps.
fn id(n: u64) -> TraceId {
    TraceId::new(1 << 120 | u128::from(n) << 64 | u128::from((n % 1000) * ((1 << 56) / 1000))).unwrap()
}

fn span(trace: u64, span: u64, parent: u64) -> SpanData {
    let start = Timestamp::from_unix_secs(1000);
    let context = SpanContext::new(id(trace), SpanId::new(span).unwrap(), TraceFlags::SAMPLED);
    let mut s = SpanData::new(context, "op", start, start + Duration::from_millis(10));
    s.parent_span_id = SpanId::new(parent);
    s
}

fn root(trace: u64) -> SpanData {
    span(trace, 1, 0)
}

fn child(trace: u64) -> SpanData {
    span(trace, 2, 1)
}

fn failed(mut s: SpanData) -> SpanData {
    s.status = Status::Error("bad".into());
    s
}

fn lasting(mut s: SpanData, ms: u64) -> SpanData {
    s.end = s.start + Duration::from_millis(ms);
    s
}

fn with_state(mut s: SpanData, state: &str) -> SpanData {
    s.context.trace_state = TraceState::parse([state]).unwrap();
    s
}

/// A tail sampler whose clock is ours.
struct Tail {
    sampler: TailSampler,
    time: ManualClock,
    resource: Arc<Resource>,
    /// The head sampler records every span.
    all_recorded: bool,
}

impl Tail {
    fn new(config: TailConfig) -> Self {
        let (clock, time) = Clock::manual(Timestamp::from_unix_secs(1));
        let sampler = TailSampler::new(TailConfig { clock, ..config });
        Self { sampler, time, resource: Arc::new(Resource::service("s")), all_recorded: false }
    }

    fn keeping(policy: Policy) -> Self {
        Self::new(TailConfig::new().policy("it", policy))
    }

    fn give(&self, spans: impl IntoIterator<Item = SpanData>) -> Vec<SpanData> {
        let mut batch = SpanBatchMut::new(self.resource.clone());
        batch.extend(spans);
        if self.all_recorded {
            (0..batch.len()).for_each(|i| batch.set_recorded_regardless(i));
        }
        self.sampler.process(&mut batch);
        batch.iter().map(|s| s.to_span_data()).collect()
    }

    fn wait(&self, time: Duration) -> Vec<SpanData> {
        self.time.advance(time);
        self.give([])
    }

    fn release(&self) -> Vec<SpanData> {
        let mut batch = SpanBatchMut::new(self.resource.clone());
        self.sampler.release(&mut batch);
        batch.iter().map(|s| s.to_span_data()).collect()
    }

    /// Which of these traces are kept, and with what trace state.
    fn decide(&self, spans: impl IntoIterator<Item = SpanData>) -> Vec<(TraceId, String)> {
        let mut kept = self.give(spans);
        kept.extend(self.release());
        kept.iter().map(|s| (s.context.trace_id, s.context.trace_state.as_str().to_owned())).collect()
    }

    fn keeps(&self, spans: impl IntoIterator<Item = SpanData>) -> bool {
        !self.decide(spans).is_empty()
    }
}

#[test]
fn a_trace_is_decided_on_whole_and_late_spans_follow() {
    let tail = Tail::keeping(Policy::error());
    assert!(tail.give([failed(child(1)), child(2)]).is_empty());
    assert!(tail.wait(29 * SECOND).is_empty());
    let kept = tail.wait(SECOND);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0], with_state(failed(child(1)), "ot=th:0"));
    // The root ends much later: it follows, and so does what has been dropped.
    let late = tail.give([root(1), failed(root(2)), root(3)]);
    assert_eq!(late, [with_state(root(1), "ot=th:0")]);
    let stats = tail.sampler.stats();
    assert_eq!((stats.late_spans, stats.kept_spans, stats.dropped_spans), (2, 2, 2));
    assert_eq!((stats.pending_traces, stats.pending_spans), (1, 1));
}

#[test]
fn after_the_end_of_its_root_a_trace_does_not_wait_for_long() {
    let tail = Tail::keeping(Policy::error());
    assert!(tail.give([failed(child(1)), root(1), failed(child(2))]).is_empty());
    assert!(tail.wait(3 * SECOND).is_empty());
    // A second root of the same trace in this process puts the decision off.
    assert!(tail.give([span(1, 3, 0)]).is_empty());
    assert!(tail.wait(3 * SECOND).is_empty());
    assert_eq!(tail.wait(2 * SECOND).len(), 3);
    assert_eq!(tail.sampler.stats().pending_traces, 1, "the one without a root waits");
    assert_eq!(tail.wait(30 * SECOND).len(), 1);
}

#[test]
fn reasons_are_what_their_names_say() {
    let errors = Tail::keeping(Policy::error());
    assert!(errors.keeps([failed(child(1)), root(1)]) && !errors.keeps([child(2), root(2)]));

    let slow = Tail::keeping(Policy::slower_than(SECOND));
    assert!(slow.keeps([lasting(root(1), 1001)]) && !slow.keeps([lasting(root(2), 1000)]));
    // From the first start to the last end.
    let mut after = lasting(child(3), 600);
    (after.start, after.end) = (after.start + SECOND, after.end + SECOND);
    assert!(slow.keeps([after, lasting(root(3), 600)]));

    let attribute = Tail::keeping(Policy::attribute("tier", "gold"));
    let with = |mut s: SpanData, value: &'static str| {
        s.attributes.push(KeyValue::new("tier", value));
        s
    };
    assert!(attribute.keeps([with(child(1), "gold"), root(1)]) && !attribute.keeps([with(root(2), "lead")]));

    let marked = AnomalousTraces::new(2);
    let anomalous = Tail::keeping(Policy::anomalous(marked.clone()));
    anomalous.give([child(1), child(2)]);
    marked.mark(id(2));
    assert!(anomalous.keeps([root(1), root(2)]));
    assert_eq!(anomalous.sampler.stats().kept_traces, 1);
    (3..=4).for_each(|n| marked.mark(id(n)));
    assert!(!marked.contains(id(2)) && marked.contains(id(4)), "the oldest mark is forgotten");
}

#[test]
fn slower_than_usual_looks_at_each_operation() {
    let tail = Tail::keeping(Policy::slower_than_usual(0.95));
    let named = |n: u64, name: &'static str, ms: u64| SpanData { name: name.into(), ..lasting(root(n), ms) };
    tail.decide((0..200).map(|n| named(n, "quick", 10 + n % 10)));
    tail.decide((200..400).map(|n| named(n, "slow", 1000 + n % 10)));
    assert!(tail.keeps([named(401, "quick", 100)]));
    assert!(!tail.keeps([named(402, "slow", 900)]) && tail.keeps([named(403, "slow", 2000)]));
    // A child that is slow does not make its trace so.
    assert!(!tail.keeps([lasting(child(404), 5000), named(404, "quick", 12)]));
}

#[test]
fn policies_combine_with_and_or_and_not() {
    let slow = || Policy::slower_than(SECOND);
    let both = Tail::keeping(Policy::error().and(slow()));
    assert!(both.keeps([lasting(failed(root(1)), 2000)]) && !both.keeps([failed(root(2))]));
    let either = Tail::keeping(Policy::error().or(slow()));
    assert!(
        either.keeps([lasting(root(1), 2000)]) && either.keeps([failed(root(2))]) && !either.keeps([root(3)])
    );
    let not = Tail::keeping(Policy::error().negate().and(slow()));
    assert!(not.keeps([lasting(root(1), 2000)]) && !not.keeps([lasting(failed(root(2)), 2000)]));
}

#[test]
fn a_rate_limit_is_spent_only_on_what_reaches_it_and_leaves_no_threshold() {
    let (clock, time) = Clock::manual(Timestamp::from_unix_secs(1));
    let limit = Policy::error().and(Policy::rate_limit_with(2.0, clock).unwrap());
    let tail = Tail::keeping(limit);
    tail.decide((0..100).map(root));
    let kept = tail.decide((100..110).map(|n| with_state(failed(root(n)), "ot=th:8;x:1")));
    let states: Vec<_> = kept.iter().map(|k| k.1.as_str()).collect();
    assert_eq!(states, ["ot=x:1", "ot=x:1"]);
    time.advance(SECOND);
    assert_eq!(tail.decide((110..120).map(|n| failed(root(n)))).len(), 2);
}

#[test]
fn thresholds_are_those_of_head_and_tail_together() {
    let tail = Tail::new(
        TailConfig::new()
            .policy("errors", Policy::error())
            .policy("baseline", Policy::probability(0.25).unwrap()),
    );
    let state = |s: SpanData| tail.decide([s]).pop().map(|k| k.1);
    assert_eq!(state(root(750)).as_deref(), None, "just below");
    assert_eq!(state(root(751)).as_deref(), Some("ot=th:c"));
    assert_eq!(state(failed(root(10))).as_deref(), Some("ot=th:0"));
    // The head kept a half: an error stands for two, the baseline goes on to a quarter of all.
    assert_eq!(state(with_state(failed(root(511)), "ot=th:8,a=1")).as_deref(), Some("ot=th:8,a=1"));
    assert_eq!(state(with_state(root(512), "ot=th:8")).as_deref(), None);
    assert_eq!(state(with_state(root(999), "ot=th:8")).as_deref(), Some("ot=th:c"));
    // The head kept less than the baseline: nothing is taken away.
    assert_eq!(state(with_state(root(998), "ot=th:f")).as_deref(), Some("ot=th:f"));
    // An explicit randomness is what counts.
    let rv = "ot=rv:ffffffffffffff";
    assert_eq!(state(with_state(root(3), rv)).as_deref(), Some("ot=th:c;rv:ffffffffffffff"));
    assert_eq!(tail.sampler.stats().kept_by["errors"], 2);
    assert_eq!(tail.sampler.stats().kept_by["baseline"], 4);
}

#[test]
fn a_share_multiplies_with_the_head_and_an_unknown_head_gets_no_threshold() {
    let share = Tail::keeping(Policy::share(0.5).unwrap());
    assert_eq!(share.decide([with_state(root(999), "ot=th:8")])[0].1, "ot=th:c");
    assert_eq!(share.decide([with_state(root(700), "ot=th:8")]), []);
    let unknown =
        TailConfig { unmarked: None, ..TailConfig::new() }.policy("p", Policy::probability(0.5).unwrap());
    let unknown = Tail::new(unknown);
    assert_eq!(unknown.decide([root(996)])[0].1, "");
    assert_eq!(unknown.decide([with_state(root(997), "ot=th:4")])[0].1, "ot=th:8");
}

#[test]
fn counts_made_from_what_is_kept_are_those_of_the_whole() {
    let tail = Tail::new(
        TailConfig::new()
            .policy("errors", Policy::error())
            .policy("slow", Policy::slower_than(SECOND))
            .policy("baseline", Policy::probability(0.05).unwrap()),
    );
    // The head keeps a half of them.
    let (mut offered, mut x) = ([0.0f64; 3], 1u64);
    let spans: Vec<SpanData> = (0..100_000u64)
        .filter_map(|n| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let trace = TraceId::new(1 << 100 | u128::from(n) << 64 | u128::from(x >> 8)).unwrap();
            let kind = (n % 25).min(2) as usize;
            offered[kind] += 1.0;
            let mut s = match kind {
                0 => failed(root(n)),
                1 => lasting(root(n), 1500),
                _ => root(n),
            };
            s.context.trace_id = trace;
            let head: Threshold = "8".parse().unwrap();
            head.keeps(crate::sample::Randomness::of_trace(trace)).then(|| with_state(s, "ot=th:8"))
        })
        .collect();
    let (mut counts, mut squares) = ([0.0f64; 3], [0.0f64; 3]);
    let mut kept = tail.give(spans);
    kept.extend(tail.release());
    for s in &kept {
        let kind =
            if s.status != Status::Unset { 0 } else { 1 + usize::from((s.end.since(s.start)) < SECOND) };
        let weight = OtelTraceState::threshold_of(&s.context.trace_state).unwrap().adjusted_count();
        counts[kind] += weight;
        squares[kind] += weight * weight;
    }
    for kind in 0..3 {
        // Six standard deviations of a Horvitz-Thompson sum.
        assert!((counts[kind] - offered[kind]).abs() < 6.0 * squares[kind].sqrt(), "{counts:?} {offered:?}");
    }
    assert!(kept.len() < 12_000, "{}", kept.len());
}

#[test]
fn under_pressure_the_oldest_traces_are_decided_on_early() {
    let config = TailConfig { max_spans: 10, ..TailConfig::new() }.policy("errors", Policy::error());
    let tail = Tail::new(config);
    let mut kept = Vec::new();
    for n in 0..100 {
        kept.extend(tail.give([if n % 10 == 0 { failed(child(n)) } else { child(n) }]));
        assert!(tail.sampler.stats().pending_spans <= 10);
    }
    let stats = tail.sampler.stats();
    assert_eq!((kept.len(), stats.decided_early, stats.pending_spans), (9, 90, 10));
    assert_eq!(kept[0].context.trace_id, id(0), "the oldest first");
}

#[test]
fn bytes_are_bounded_by_what_is_allocated() {
    let config = TailConfig { max_bytes: 1 << 20, ..TailConfig::new() };
    let tail = Tail::new(config);
    for round in 0..100u64 {
        tail.give((0..50).map(|n| {
            let mut s = child(round * 50 + n);
            s.attributes.push(KeyValue::new("text", "x".repeat(1000)));
            s
        }));
        assert!(tail.sampler.stats().pending_bytes <= 1 << 20);
    }
    let stats = tail.sampler.stats();
    assert!(stats.pending_spans > 400 && stats.decided_early > 3000, "{stats:?}");
    tail.release();
    assert_eq!(tail.sampler.stats().pending_bytes, 0);
}

#[test]
fn what_is_not_sampled_passes_untouched_unless_it_is_to_be_judged_too() {
    let recorded = |s: SpanData, sampled: bool| {
        let mut s = s;
        s.context.flags = TraceFlags::default().with_sampled(sampled);
        s
    };
    let tail = Tail { all_recorded: true, ..Tail::keeping(Policy::error()) };
    for few in [1, 9] {
        let mixed = (0..10).map(|n| if n < few { recorded(failed(root(n)), false) } else { root(n) });
        let passed = tail.give(mixed);
        assert_eq!(passed.len() as u64, few);
        assert!(passed.iter().all(|s| !s.context.is_sampled() && s.context.trace_state.is_empty()));
        assert!(tail.release().is_empty());
    }

    let config = TailConfig { promote: true, ..TailConfig::new() }.policy("errors", Policy::error());
    let tail = Tail { all_recorded: true, ..Tail::new(config) };
    let head = |n: u64, sampled: bool| {
        let s = recorded(root(n), sampled);
        if sampled { with_state(s, "ot=th:c") } else { s }
    };
    let given = [failed(head(1, false)), head(2, false), head(999, true), failed(head(998, true))];
    tail.give(given);
    let mut kept = tail.release();
    kept.sort_by_key(|s| s.context.trace_id);
    let got: Vec<_> = kept.iter().map(|s| (s.context.trace_id, s.context.trace_state.as_str())).collect();
    // Everything was recorded, so an error stands for itself; what the head kept stays, for as many as it said.
    assert_eq!(got, [(id(1), "ot=th:0"), (id(998), "ot=th:0"), (id(999), "ot=th:c")]);
    assert!(kept.iter().all(|s| s.context.is_sampled()));
}

#[test]
fn spans_keep_their_own_resource() {
    let tail = Tail::keeping(Policy::error());
    let other = Tail { resource: Arc::new(Resource::service("other")), ..tail };
    other.give([failed(root(1))]);
    let tail = Tail { resource: Arc::new(Resource::service("s")), ..other };
    tail.give([failed(root(2))]);
    let mut found = Vec::new();
    for _ in 0..2 {
        let mut batch = SpanBatchMut::new(tail.resource.clone());
        tail.sampler.process(&mut batch);
        tail.sampler.release(&mut batch);
        found.extend(batch.iter().map(|s| (s.resource().service_name().to_owned(), s.trace_id())));
    }
    assert_eq!(found, [("other".to_owned(), id(1)), ("s".to_owned(), id(2))]);
    assert_eq!(tail.sampler.holdings().held, 0);
}

#[test]
fn a_hundred_thousand_short_traces_leave_nothing_behind() {
    let config = TailConfig { decisions: 1000, ..TailConfig::new() };
    let tail = Tail::new(config);
    for round in 0..1000u64 {
        tail.time.advance(SECOND / 10);
        tail.give((0..100).map(|n| root(round * 100 + n)));
        let stats = tail.sampler.stats();
        assert!(stats.pending_traces <= 5_100 && stats.pending_bytes < 4 << 20, "{stats:?}");
    }
    assert_eq!(tail.sampler.stats().decided_early, 0);
}
