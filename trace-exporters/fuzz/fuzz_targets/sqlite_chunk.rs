//! The payload of a chunk in a damaged SQLite file, and what it holds once it is decompressed: what is read is written, and
//! read again with as many spans.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_exporters::sqlite::fuzzing::{open_chunk, pack_chunk};

fuzz_target!(|input: &[u8]| {
    // As it lies in the file, with a size that may be wrong.
    if let Some((size, payload)) = input.split_first_chunk::<3>() {
        let size = u32::from_le_bytes([size[0], size[1], size[2], 0]) as usize;
        drop(open_chunk(payload, size));
    }
    // Sound outside, with anything inside.
    let Some(batches) = open_chunk(&pack_chunk(input), input.len()) else { return };
    for batch in batches {
        let mut bytes = Vec::new();
        trace_exporters::otlp::encode_spans(&batch, &mut bytes);
        let again = open_chunk(&pack_chunk(&bytes), bytes.len()).expect("what was written can be read");
        assert_eq!(again.iter().map(|b| b.len()).sum::<usize>(), batch.len());
    }
});
