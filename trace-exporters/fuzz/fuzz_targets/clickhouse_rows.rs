//! Answers of ClickHouse, whatever the server says: to each of the questions.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_exporters::clickhouse::fuzzing::{durations, spans, summaries, types};

fuzz_target!(|input: &[u8]| {
    let Some((question, rows)) = input.split_first() else { return };
    match question % 4 {
        // A span takes 40 bytes at least.
        0 => assert!(spans(rows).is_none_or(|n| n <= rows.len() / 40)),
        1 => assert!(summaries(rows).is_none_or(|n| n <= rows.len() / 35)),
        2 => drop(durations(rows)),
        _ => drop(types(rows)),
    }
});
