//! `jaeger::decode_binary_call`: whatever is read is written, and read again with as many spans.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_exporters::jaeger::{decode_binary, decode_binary_call, encode_binary};

fuzz_target!(|input: &[u8]| {
    let Ok(decoded) = decode_binary_call(input) else { return };
    for batch in decoded.batches {
        let batch = batch.seal();
        let mut bytes = Vec::new();
        encode_binary(&batch, &mut bytes);
        let again = decode_binary(&bytes).expect("what was written can be read");
        assert_eq!(again.rejected, 0);
        assert_eq!(again.batches[0].len(), batch.len());
    }
});
