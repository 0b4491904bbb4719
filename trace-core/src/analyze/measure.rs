//! The pipeline step that fills the windows.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::children::Children;
use super::{Observation, RedWindows};
use crate::batch::SpanBatchMut;
use crate::signal::SpanProcessor;

/// Counts every span that passes into [`RedWindows`], with its duration and the part of it in which none of its
/// children was running. Changes nothing.
///
/// A span whose trace state says with what probability it was sampled counts for as many as it stands for
/// ([`adjusted_count`](crate::batch::SpanRef::adjusted_count)). A tail sampler belongs behind this step.
///
/// Children usually end before their parent, so their intervals are remembered until it passes; of each tenant up to
/// 16,384 parents at a time, each with up to 256 separate intervals. A child that passes in a later batch than its
/// parent is not subtracted.
#[derive(Debug)]
pub struct MeasureProcessor {
    windows: Arc<RedWindows>,
    children: Mutex<Families>,
}

/// The children of every tenant's spans.
#[derive(Debug, Default)]
struct Families {
    of: Vec<(Box<str>, Children)>,
    /// The tenant of the latest span, which usually is that of the next one.
    latest: usize,
    /// Parents that tenants took with them that had to make room.
    forgotten: u64,
}

const PARENTS: usize = 16_384;
/// Tenants at a time whose children are remembered. Of further ones that with the fewest makes room.
const TENANTS: usize = 64;

impl Families {
    fn of(&mut self, tenant: &str) -> &mut Children {
        if self.of.get(self.latest).is_none_or(|t| *t.0 != *tenant) {
            self.latest = self.find(tenant);
        }
        &mut self.of[self.latest].1
    }

    fn find(&mut self, tenant: &str) -> usize {
        if let Some(at) = self.of.iter().position(|t| *t.0 == *tenant) {
            return at;
        }
        if self.of.len() >= TENANTS
            && let Some(least) = (0..self.of.len()).min_by_key(|at| self.of[*at].1.len())
        {
            let (_, gone) = self.of.swap_remove(least);
            self.forgotten += gone.forgotten + gone.len() as u64;
        }
        self.of.push((tenant.into(), Children::new(PARENTS)));
        self.of.len() - 1
    }
}

impl MeasureProcessor {
    /// A step that fills these windows.
    pub fn new(windows: Arc<RedWindows>) -> Self {
        Self { windows, children: Mutex::default() }
    }

    /// Parents whose children were forgotten for want of room before they ended: their self time is too long.
    pub fn forgotten_parents(&self) -> u64 {
        let families = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        families.forgotten + families.of.iter().map(|t| t.1.forgotten).sum::<u64>()
    }
}

impl SpanProcessor for MeasureProcessor {
    fn process(&self, batch: &mut SpanBatchMut) {
        let mut families = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        for span in batch.iter() {
            if let Some(parent) = span.parent_span_id() {
                let (start, end) = (span.start().unix_nanos(), span.end().unix_nanos());
                families.of(span.tenant()).add((span.trace_id(), parent), start, end);
            }
        }
        self.windows.record(batch.iter().map(|span| {
            let o = Observation::of(&span);
            let covered = families
                .of(o.tenant)
                .take((span.trace_id(), span.span_id()))
                .map_or(0, |c| c.covered(span.start().unix_nanos(), span.end().unix_nanos()));
            Observation { self_time: o.duration.saturating_sub(Duration::from_nanos(covered)), ..o }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::{RedConfig, RedQuery};
    use crate::model::*;

    const NOW: Timestamp = Timestamp::from_unix_secs(1_756_900_000);

    fn span(id: u64, parent: u64, name: &'static str, ms: std::ops::Range<u64>) -> SpanData {
        let at = |ms: u64| NOW - Duration::from_secs(5) + Duration::from_millis(ms);
        let context =
            SpanContext::new(TraceId::new(1).unwrap(), SpanId::new(id).unwrap(), TraceFlags::SAMPLED);
        let mut s = SpanData::new(context, name, at(ms.start), at(ms.end));
        s.parent_span_id = SpanId::new(parent);
        s
    }

    #[test]
    fn a_span_counts_for_as_many_as_it_stands_for() {
        let windows =
            Arc::new(RedWindows::new(RedConfig { clock: Arc::new(|| NOW), ..RedConfig::default() }));
        let mut batch = SpanBatchMut::new(Arc::new(Resource::service("s")));
        let with = |id, state: &'static str, flags| {
            let mut s = span(id, 0, "op", 0..10);
            s.context.trace_state = TraceState::from_validated(state);
            s.context.flags = flags;
            s
        };
        let sampled = TraceFlags::SAMPLED;
        batch.push(with(1, "a=1,ot=th:c", sampled));
        batch.push(with(2, "ot=rv:00000000000000", sampled));
        batch.push(with(3, "ot=th:c", sampled));
        batch.push(with(4, "", TraceFlags::default()));
        (2..4).for_each(|i| batch.set_recorded_regardless(i));
        let mut failed = with(5, "ot=th:8", sampled);
        failed.status = Status::Error("bad".into());
        batch.push(failed);
        MeasureProcessor::new(windows.clone()).process(&mut batch);
        let range = TimeRange::last(Duration::from_secs(60), NOW);
        let summary = windows.summary(&RedQuery::all(range));
        assert_eq!((summary.count, summary.errors, summary.duration_ms.count), (4 + 1 + 1 + 1 + 2, 2, 9));
        assert!((summary.duration_ms.avg - 10.0).abs() < 1e-9);
        let window = windows.window(range).remove(0);
        assert_eq!((window.count, window.observed), (9, 5));
    }

    #[test]
    fn self_time_leaves_out_children_of_this_and_of_earlier_batches() {
        let windows =
            Arc::new(RedWindows::new(RedConfig { clock: Arc::new(|| NOW), ..RedConfig::default() }));
        let measure = MeasureProcessor::new(windows.clone());
        let batch = |spans: Vec<SpanData>| {
            let mut b = SpanBatchMut::new(Arc::new(Resource::service("s")));
            b.extend(spans);
            measure.process(&mut b);
            assert!(!b.is_empty());
        };
        batch(vec![span(2, 1, "agent", 0..60)]);
        batch(vec![span(1, 0, "root", 0..100), span(3, 1, "agent", 40..80)]);
        let range = TimeRange::last(Duration::from_secs(60), NOW);
        let own = |name| windows.summary(&RedQuery::operation(range, "s", name)).self_time_ms;
        assert!((own("root").max - 20.0).abs() < 1e-6, "{:?}", own("root"));
        assert_eq!((own("agent").count, own("agent").max), (2, 60.0));
        assert_eq!(windows.summary(&RedQuery { entries_only: true, ..RedQuery::all(range) }).count, 1);
    }
}
