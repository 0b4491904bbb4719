//! `mplp::decode_document`: whatever is read is written, and read again with as many spans.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_exporters::mplp::{decode_document, encode_documents};

fuzz_target!(|input: &[u8]| {
    let Ok(batch) = decode_document(input) else { return };
    let encoded = encode_documents(&batch.seal(), None);
    assert_eq!(encoded.without_context, 0);
    for (_, text) in encoded.documents {
        decode_document(text.as_bytes()).expect("what was written can be read");
    }
});
