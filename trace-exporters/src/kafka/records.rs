//! A batch as records: the spans of each trace together, under its id.

use std::collections::{BTreeMap, HashMap};

use rskafka::chrono::{DateTime, Utc};
use rskafka::record::Record;
use trace_core::batch::{SpanBatch, SpanBatchMut};
use trace_core::model::TraceId;

use crate::otlp::encode_spans;

/// The records of a batch, and how many spans could not become one since they alone are over the limit.
pub(super) struct Records {
    pub(super) records: Vec<Record>,
    pub(super) too_large: u64,
}

/// Groups by trace, in order of first occurrence.
pub(super) fn records_of(batch: &SpanBatch, max_bytes: usize, now: DateTime<Utc>) -> Records {
    let mut out = Records { records: Vec::new(), too_large: 0 };
    for (id, group) in by_trace(batch) {
        out.add(id, &group, max_bytes, now);
    }
    out
}

fn by_trace(batch: &SpanBatch) -> Vec<(TraceId, SpanBatch)> {
    let Some(first) = batch.get(0).map(|s| s.trace_id()) else { return Vec::new() };
    if batch.iter().all(|s| s.trace_id() == first) {
        return vec![(first, batch.clone())];
    }
    let mut groups: Vec<(TraceId, SpanBatchMut)> = Vec::new();
    let mut known = HashMap::new();
    for span in batch.iter() {
        let at = *known.entry(span.trace_id()).or_insert_with_key(|id| {
            groups.push((*id, SpanBatchMut::new(batch.resource().clone())));
            groups.len() - 1
        });
        groups[at].1.push_ref(span);
    }
    groups.into_iter().map(|(id, group)| (id, group.seal())).collect()
}

impl Records {
    fn add(&mut self, id: TraceId, group: &SpanBatch, max_bytes: usize, timestamp: DateTime<Utc>) {
        let mut value = Vec::new();
        encode_spans(group, &mut value);
        if value.len() <= max_bytes {
            let (key, value) = (Some(id.to_string().into_bytes()), Some(value));
            self.records.push(Record { key, value, headers: BTreeMap::new(), timestamp });
        } else if group.len() > 1 {
            let middle = group.len() / 2;
            self.add(id, &group.slice(0..middle), max_bytes, timestamp);
            self.add(id, &group.slice(middle..group.len()), max_bytes, timestamp);
        } else {
            self.too_large += 1;
        }
    }
}

/// Cuts records into requests of at most `max_bytes`, in order.
pub(super) fn requests(records: Vec<Record>, max_bytes: usize) -> Vec<Vec<Record>> {
    let mut requests: Vec<Vec<Record>> = Vec::new();
    let mut bytes = 0;
    for record in records {
        let size = record.approximate_size();
        match requests.last_mut() {
            Some(open) if bytes + size <= max_bytes => {
                bytes += size;
                open.push(record);
            }
            _ => {
                bytes = size;
                requests.push(vec![record]);
            }
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use trace_core::model::{Resource, SpanContext, SpanData, SpanId, Timestamp, TraceFlags};

    use super::*;
    use crate::otlp::decode_spans;

    fn span(trace: u64, id: u64, name: usize) -> SpanData {
        let (trace, id) = (TraceId::new(u128::from(trace) + 1).unwrap(), SpanId::new(id + 1).unwrap());
        let context = SpanContext::new(trace, id, TraceFlags::SAMPLED);
        SpanData::new(context, "x".repeat(name), Timestamp::default(), Timestamp::default())
    }

    proptest! {
        #[test]
        fn every_span_is_in_a_record_of_its_trace_or_counted_as_too_large(
            spans in proptest::collection::vec((0u64..5, 0usize..3000), 0..40),
        ) {
            let spans: Vec<SpanData> =
                spans.into_iter().enumerate().map(|(i, (t, n))| span(t, i as u64, n)).collect();
            let batch = SpanBatch::from_spans(Arc::new(Resource::service("s")), spans.clone());
            let made = records_of(&batch, 2048, DateTime::UNIX_EPOCH);
            let mut found = 0;
            for request in requests(made.records, 4096) {
                let size: usize = request.iter().map(Record::approximate_size).sum();
                prop_assert!(size <= 4096);
                for record in request {
                    let decoded = decode_spans(&record.value.unwrap()).unwrap();
                    let key = String::from_utf8(record.key.unwrap()).unwrap();
                    for batch in decoded.batches {
                        prop_assert!(batch.iter().all(|s| s.trace_id().to_string() == key));
                        for read in batch.iter() {
                            let was = spans.iter().find(|s| s.context.span_id == read.span_id());
                            prop_assert_eq!(was, Some(&read.to_span_data()));
                            found += 1;
                        }
                    }
                }
            }
            prop_assert_eq!(found + made.too_large, spans.len() as u64);
        }
    }
}
