//! Bodies of remote write before they are decoded: snappy that says how long it is. Nothing larger than the limit comes out,
//! nor is room made for it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_exporters::remote_write_receiver::fuzzing::unpack;

fuzz_target!(|input: &[u8]| {
    // The limit is small, so that inputs of the fuzzer can be beyond it.
    let limit = input.first().map_or(0, |b| usize::from(*b) * 64);
    let Some(body) = unpack(input, limit) else { return };
    assert!(body.len() <= limit);
    assert_eq!(unpack(input, body.len()).as_ref(), Some(&body));
    assert!(body.is_empty() || unpack(input, body.len() - 1).is_none());
});
