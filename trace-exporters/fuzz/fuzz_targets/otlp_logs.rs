//! Requests of log records from outside: read or refused, and what was read comes back after it was written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::model::LogBatch;
use trace_exporters::otlp::{decode_logs_within, encode_logs, encode_logs_json};

fuzz_target!(|bytes: &[u8]| {
    let Ok(decoded) = decode_logs_within(bytes, 10_000) else { return };
    for batch in decoded.batches {
        let batch = LogBatch::from(batch);
        let (mut once, mut again, mut json) = (Vec::new(), Vec::new(), Vec::new());
        encode_logs(&batch, &mut once);
        encode_logs_json(&batch, &mut json);
        let read = decode_logs_within(&once, usize::MAX).expect("our own bytes");
        for batch in read.batches {
            encode_logs(&batch.into(), &mut again);
        }
        assert_eq!(once, again);
    }
});
