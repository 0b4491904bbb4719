//! The other rows of a damaged SQLite file: postings, lengths of spans, filters of traces.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_exporters::sqlite::fuzzing::{read_filter, read_lengths, read_postings};

fuzz_target!(|input: &[u8]| {
    let Some((row, bytes)) = input.split_first() else { return };
    match row % 3 {
        // A chunk takes a byte, and so does the length of a span.
        0 => assert!(read_postings(bytes).is_none_or(|chunks| chunks <= bytes.len())),
        1 => assert!(read_lengths(bytes).is_none_or(|spans| spans <= bytes.len())),
        _ => drop(read_filter(bytes)),
    }
});
