//! Requests of spans from outside: read within the limit or refused, and what was read comes back, in protobuf and in JSON.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::batch::{SpanBatch, SpanBatchMut};
use trace_exporters::otlp::{DecodeError, decode_spans_within, encode_spans, encode_spans_json};
use trace_exporters::otlp_receiver::decode_spans_json;

const MOST: usize = 100;

fuzz_target!(|bytes: &[u8]| {
    let limited = decode_spans_within(bytes, MOST);
    let Ok(decoded) = decode_spans_within(bytes, usize::MAX) else {
        assert!(limited.is_err());
        return;
    };
    match limited {
        Ok(limited) => {
            let held: usize = limited.batches.iter().map(records).sum();
            assert!(held as u64 + limited.rejected <= MOST as u64);
            assert_eq!(texts(limited.batches), texts(decoded.batches.clone()));
        }
        Err(error) => assert_eq!(error, DecodeError::TooMany { limit: MOST }),
    }
    assert_eq!(decoded.reason.is_some(), decoded.rejected > 0);
    for batch in decoded.batches {
        let batch = batch.seal();
        let (mut once, mut again, mut json) = (Vec::new(), Vec::new(), Vec::new());
        encode_spans(&batch, &mut once);
        encode_spans_json(&batch, &mut json);
        let read = decode_spans_within(&once, usize::MAX).expect("our own bytes");
        assert_eq!((read.batches.len(), read.rejected), (1, 0));
        let spans = in_order(&batch);
        assert_eq!(texts(read.batches.clone()), spans);
        read.batches.into_iter().for_each(|b| encode_spans(&b.seal(), &mut again));
        assert_eq!(once, again);
        let from_json = decode_spans_json(&json, usize::MAX).expect("our own JSON");
        assert_eq!(texts(from_json.batches), spans);
    }
});

fn records(batch: &SpanBatchMut) -> usize {
    batch.iter().map(|s| 1 + s.events().count() + s.links().count()).sum()
}

/// Resource and spans. As texts, in which NaN equals NaN.
fn texts(batches: Vec<SpanBatchMut>) -> Vec<String> {
    batches.into_iter().flat_map(|b| in_order(&b.seal())).collect()
}

/// The encoders bring together the spans of a scope.
fn in_order(batch: &SpanBatch) -> Vec<String> {
    let mut spans: Vec<_> = batch.iter().map(|s| (s.scope_index(), s.to_span_data())).collect();
    spans.sort_by_key(|(scope, _)| *scope);
    let resource = format!("{:?}", batch.resource());
    [resource].into_iter().chain(spans.into_iter().map(|(_, s)| format!("{s:?}"))).collect()
}
