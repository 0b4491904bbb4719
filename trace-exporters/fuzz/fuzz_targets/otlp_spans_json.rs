//! OTLP/JSON of spans: read or refused, and what was read comes back after it was written again, in either form.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::batch::SpanBatchMut;
use trace_exporters::otlp::{decode_spans, encode_spans, encode_spans_json};
use trace_exporters::otlp_receiver::decode_spans_json;

const MOST: usize = 10_000;

fuzz_target!(|input: &[u8]| {
    let Ok(decoded) = decode_spans_json(input, MOST) else { return };
    assert_eq!(decoded.reason.is_some(), decoded.rejected > 0);
    for batch in decoded.batches {
        let batch = batch.seal();
        let (mut protobuf, mut json) = (Vec::new(), Vec::new());
        encode_spans(&batch, &mut protobuf);
        encode_spans_json(&batch, &mut json);
        let from_protobuf = decode_spans(&protobuf).expect("our own bytes");
        let from_json = decode_spans_json(&json, usize::MAX).expect("our own JSON");
        assert_eq!((from_protobuf.rejected, from_json.rejected), (0, 0));
        assert_eq!(from_protobuf.batches.iter().map(SpanBatchMut::len).sum::<usize>(), batch.len());
        assert_eq!(texts(from_json.batches), texts(from_protobuf.batches));
    }
});

/// As texts, in which NaN equals NaN.
fn texts(batches: Vec<SpanBatchMut>) -> Vec<String> {
    let spans = |b: SpanBatchMut| b.iter().map(|s| format!("{:?}", s.to_span_data())).collect::<Vec<_>>();
    batches.into_iter().flat_map(spans).collect()
}
