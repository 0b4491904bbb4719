//! `zipkin::decode_json`: whatever is read is written, and read again with as many spans.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_exporters::zipkin::{decode_json, encode_json};

fuzz_target!(|input: &[u8]| {
    let Ok(decoded) = decode_json(input) else { return };
    for batch in decoded.batches {
        let batch = batch.seal();
        let mut bytes = Vec::new();
        encode_json(&batch, &mut bytes);
        let again = decode_json(&bytes).expect("what was written can be read");
        let spans: usize = again.batches.iter().map(|b| b.len()).sum();
        // A time of zero is no time to Zipkin.
        let timeless = batch.iter().filter(|s| s.start().unix_nanos() < 1000).count();
        assert!(spans + timeless >= batch.len(), "{spans} of {}", batch.len());
    }
});
