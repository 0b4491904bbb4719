//! A batch that is shared.

use std::ops::Range;
use std::sync::Arc;

use super::{SpanBatchMut, SpanRef};
use crate::model::{Resource, SpanData};

/// Spans of one resource: immutable, shared, cheap to clone and to slice.
#[derive(Clone, Debug)]
pub struct SpanBatch {
    inner: Arc<SpanBatchMut>,
    range: Range<usize>,
}

impl SpanBatch {
    pub(super) fn new(batch: SpanBatchMut) -> Self {
        let range = 0..batch.len();
        Self { inner: Arc::new(batch), range }
    }

    /// A batch of these spans.
    pub fn from_spans(resource: Arc<Resource>, spans: impl IntoIterator<Item = SpanData>) -> Self {
        let mut batch = SpanBatchMut::new(resource);
        batch.extend(spans);
        batch.seal()
    }

    /// How many spans it holds.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// What produced the spans.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.inner.resource
    }

    /// The spans.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = SpanRef<'_>> {
        let inner = &*self.inner;
        inner.columns.rows[self.range.clone()].iter().map(|row| SpanRef {
            columns: &inner.columns,
            row,
            resource: &inner.resource,
        })
    }

    /// One span, if the index is within the batch.
    pub fn get(&self, index: usize) -> Option<SpanRef<'_>> {
        if index < self.len() { self.inner.get(self.range.start + index) } else { None }
    }

    /// Some of the spans, sharing the storage.
    ///
    /// # Panics
    /// If the range is not within the batch.
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(
            range.start <= range.end && range.end <= self.len(),
            "{range:?} is outside of 0..{}",
            self.len()
        );
        Self {
            inner: self.inner.clone(),
            range: self.range.start + range.start..self.range.start + range.end,
        }
    }

    /// Joins batches; those of one resource become one batch.
    pub(crate) fn concat(parts: Vec<Self>) -> Vec<Self> {
        let mut out: Vec<SpanBatchMut> = Vec::new();
        let mut whole = Vec::new();
        for part in parts {
            // Neighbouring slices of one storage become one slice again.
            if let Some(last) = whole.last_mut().filter(|last: &&mut Self| last.is_continued_by(&part)) {
                last.range.end = part.range.end;
                continue;
            }
            // Copying pays for small batches only.
            if part.len() >= 256 || part.len() != part.inner.len() {
                whole.push(part);
                continue;
            }
            let mut columns = part.inner.columns.clone();
            match out.last_mut() {
                Some(last) if Arc::ptr_eq(&last.resource, part.resource()) => {
                    last.columns.append(&mut columns)
                }
                _ => out.push(SpanBatchMut::from_columns(columns, part.resource().clone())),
            }
        }
        whole.into_iter().chain(out.into_iter().map(SpanBatchMut::seal)).collect()
    }

    fn is_continued_by(&self, next: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &next.inner) && self.range.end == next.range.start
    }

    /// The storage in bytes that the spans occupy, in proportion for a slice.
    pub fn byte_size(&self) -> usize {
        let all = self.inner.len().max(1);
        self.inner.columns.byte_size() * self.len() / all
    }

    /// The same spans in storage that holds little else: shared if this storage does, copied otherwise.
    ///
    /// For those who keep batches for long: a slice keeps the whole storage alive, and a recording buffer may be
    /// mostly spare capacity.
    pub fn compacted(&self) -> Self {
        let columns = &self.inner.columns;
        if self.len() < self.inner.len() {
            return Self::from_spans(self.resource().clone(), self.iter().map(|s| s.to_span_data()));
        }
        if columns.capacity_bytes() <= columns.byte_size() / 4 * 5 {
            return self.clone();
        }
        // Cloned tables have no spare capacity.
        Self::new(SpanBatchMut::clone(&self.inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Array, Event, KeyValue, Link, Scope, SpanContext, SpanId, SpanKind, Status, Timestamp, TraceFlags,
        TraceId, TraceState, Value,
    };

    fn full(id: u64) -> SpanData {
        let mut context =
            SpanContext::new(TraceId::from_random(7), SpanId::new(id).unwrap(), TraceFlags::SAMPLED);
        context.trace_state = TraceState::from_validated("a=1");
        let mut s = SpanData::new(
            context.clone(),
            format!("span {id}"),
            Timestamp::from_unix_nanos(id),
            Timestamp::from_unix_nanos(id + 10),
        );
        s.parent_span_id = SpanId::new(99);
        s.parent_is_remote = true;
        s.kind = SpanKind::Client;
        s.scope = Arc::new(Scope::from_static("lib", "1"));
        s.attributes = vec![
            KeyValue::new("owned", format!("v{id}")),
            KeyValue::new("n", 3),
            KeyValue::new("f", 1.5),
            KeyValue::new("b", true),
            KeyValue::new("list", Value::Array(Array::I64(vec![1, 2]))),
        ];
        s.events = vec![
            Event {
                name: "e1".into(),
                time: Timestamp::from_unix_nanos(1),
                attributes: vec![KeyValue::new("k", id)],
                dropped_attributes: 1,
            },
            Event {
                name: "e2".into(),
                time: Timestamp::from_unix_nanos(2),
                attributes: vec![],
                dropped_attributes: 0,
            },
        ];
        s.links = vec![Link {
            context,
            attributes: vec![KeyValue::new("l", "x".to_string())],
            dropped_attributes: 0,
        }];
        s.status = Status::Error(format!("bad {id}").into());
        s.dropped_events = 4;
        s
    }

    fn resource() -> Arc<Resource> {
        Arc::new(Resource::service("s"))
    }

    #[test]
    fn a_span_survives_the_columns() {
        let batch = SpanBatch::from_spans(resource(), [full(1), full(2)]);
        assert_eq!(batch.get(0).unwrap().to_span_data(), full(1));
        assert_eq!(batch.get(1).unwrap().to_span_data(), full(2));
        assert!(batch.get(2).is_none());
    }

    #[test]
    fn appended_columns_keep_every_reference() {
        let mut a = SpanBatchMut::new(resource());
        a.push(full(1));
        let mut b = SpanBatchMut::new(resource());
        b.extend([full(2), full(3)]);
        a.columns.append(&mut b.columns);
        assert!(b.is_empty());
        let got: Vec<SpanData> = a.seal().iter().map(|s| s.to_span_data()).collect();
        assert_eq!(got, [full(1), full(2), full(3)]);
    }

    #[test]
    fn a_copied_span_keeps_everything() {
        let from = SpanBatch::from_spans(resource(), (1..=3).map(full));
        let mut to = SpanBatchMut::new(resource());
        to.push(full(9));
        assert_eq!(to.push_ref(from.get(2).unwrap()), 1);
        assert_eq!(to.push_ref(from.get(0).unwrap()), 2);
        to.set_trace_state(2, TraceState::from_validated("b=2"));
        to.set_sampled(2, false);
        let got: Vec<SpanData> = to.seal().iter().map(|s| s.to_span_data()).collect();
        let mut changed = full(1);
        changed.context.trace_state = TraceState::from_validated("b=2");
        changed.context.flags = TraceFlags::default();
        assert_eq!(got, [full(9), full(3), changed]);
    }

    #[test]
    fn editing_changes_only_what_it_names() {
        let mut b = SpanBatchMut::new(resource());
        b.extend([full(1), full(2)]);
        b.set_attribute(0, KeyValue::new("n", 4));
        b.set_attribute(0, KeyValue::new("new", "x"));
        b.remove_attribute(1, "owned");
        b.remove_attribute(1, "list");
        b.set_name(1, "renamed");
        b.replace_values(|k, _| (k == "f").then(|| Value::from("masked")));
        let b = b.seal();
        let (first, second) = (b.get(0).unwrap(), b.get(1).unwrap());
        assert_eq!(first.attribute("n").and_then(|v| v.as_f64()), Some(4.0));
        assert_eq!(first.attribute_count(), 6);
        assert_eq!(second.name(), "renamed");
        assert_eq!(second.attributes().map(|(k, _)| k).collect::<Vec<_>>(), ["n", "f", "b"]);
        assert_eq!(second.attribute("f").and_then(|v| v.as_str()), Some("masked"));
    }

    #[test]
    fn a_compacted_batch_has_the_same_spans_and_no_spare_storage() {
        let mut roomy = SpanBatchMut::new(resource());
        roomy.columns.rows.reserve(1000);
        roomy.extend((1..=4).map(full));
        let roomy = roomy.seal();
        let whole = roomy.compacted();
        assert!(whole.inner.columns.capacity_bytes() < roomy.inner.columns.capacity_bytes() / 10);
        let part = roomy.slice(1..3).compacted();
        assert_eq!(part.inner.len(), 2);
        let spans = |b: &SpanBatch| b.iter().map(|s| s.to_span_data()).collect::<Vec<_>>();
        assert_eq!(spans(&whole), spans(&roomy));
        assert_eq!(spans(&part), spans(&roomy)[1..3]);
    }

    #[test]
    fn neighbouring_slices_become_one_batch_again() {
        let batch = SpanBatch::from_spans(resource(), (1..=4).map(full));
        let joined = SpanBatch::concat(vec![batch.slice(0..1), batch.slice(1..3), batch.slice(3..4)]);
        assert_eq!(joined.len(), 1);
        assert_eq!(joined[0].len(), 4);
        let apart = SpanBatch::concat(vec![batch.slice(0..1), batch.slice(2..4)]);
        assert_eq!(apart.iter().map(SpanBatch::len).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_slice_shares_storage_and_stays_within_bounds() {
        let batch = SpanBatch::from_spans(resource(), (1..=4).map(full));
        let s = batch.slice(1..3);
        assert_eq!(s.iter().map(|s| s.span_id().to_u64()).collect::<Vec<_>>(), [2, 3]);
        assert!(s.get(2).is_none());
        assert_eq!(s.slice(1..2).get(0).unwrap().span_id().to_u64(), 3);
    }
}
