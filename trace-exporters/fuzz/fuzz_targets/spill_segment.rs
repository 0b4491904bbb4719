//! A segment of a spill log, whatever happened to it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_exporters::delivery::spill::inspect_segment;

fuzz_target!(|input: &[u8]| {
    let report = inspect_segment(input);
    assert_eq!(report.bytes, input.len() as u64);
    assert!(report.corrupt_bytes + report.torn_bytes <= report.bytes);
    assert!(report.frames * 44 + report.corrupt_bytes + report.torn_bytes <= report.bytes);
    assert!(report.torn_bytes == 0 || report.first.is_some() == (report.frames > 0));
});
