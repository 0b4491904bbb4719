//! OTLP/JSON of log records: read or refused, and what was read comes back after it was written again, in either form.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::model::LogBatch;
use trace_exporters::otlp::{decode_logs, encode_logs, encode_logs_json};
use trace_exporters::otlp_receiver::decode_logs_json;

const MOST: usize = 10_000;

fuzz_target!(|input: &[u8]| {
    let Ok(decoded) = decode_logs_json(input, MOST) else { return };
    assert!(decoded.batches.iter().map(|b| b.records.len()).sum::<usize>() <= MOST);
    for batch in decoded.batches {
        let batch = LogBatch::from(batch);
        let (mut protobuf, mut json) = (Vec::new(), Vec::new());
        encode_logs(&batch, &mut protobuf);
        encode_logs_json(&batch, &mut json);
        let from_protobuf = decode_logs(&protobuf).expect("our own bytes");
        let from_json = decode_logs_json(&json, usize::MAX).expect("our own JSON");
        assert_eq!(from_protobuf.batches[0].records.len(), batch.len());
        // As texts, in which NaN equals NaN.
        assert_eq!(format!("{:?}", from_json.batches), format!("{:?}", from_protobuf.batches));
    }
});
