//! Records of a topic: whatever spans a record brings, those that we write from them bring the same spans, each record those
//! of one trace, and none is longer than the limit.
//!
//! The first byte is the limit.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::batch::SpanBatchMut;
use trace_exporters::kafka::fuzzing::records;
use trace_exporters::otlp::decode_spans;

fuzz_target!(|input: &[u8]| {
    let Some((limit, record)) = input.split_first() else { return };
    let limit = 32 + usize::from(*limit) * 16;
    let Ok(decoded) = decode_spans(record) else { return };
    for batch in decoded.batches {
        let batch = batch.seal();
        let (made, too_large) = records(&batch, limit);
        let mut found = 0;
        for (key, value) in made {
            assert!(value.len() <= limit);
            let read = decode_spans(&value).expect("what was written can be read");
            assert_eq!(read.rejected, 0);
            for span in read.batches.iter().flat_map(SpanBatchMut::iter) {
                assert_eq!(span.trace_id().to_string().as_bytes(), key);
                found += 1;
            }
        }
        assert_eq!(found + too_large, batch.len() as u64);
    }
});
