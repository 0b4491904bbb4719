//! What the fuzz targets reach: the readers of answers.

use trace_core::analyze::QuantileSketch;
use trace_core::model::TraceId;

use super::decode;
use super::metric_exporter::{column, precisions_of};
use super::row::read_rows;
use super::store::{Group, summary};

/// Reads an answer as the spans of a trace; how many there are.
pub fn spans(rows: &[u8]) -> Option<usize> {
    decode::decode_spans(TraceId::MIN, rows).ok().map(|spans| spans.len())
}

/// Reads an answer as summaries of traces; how many there are.
pub fn summaries(rows: &[u8]) -> Option<usize> {
    read_rows(rows, summary).ok().map(|all| all.len())
}

/// Reads an answer as groups of durations; how many values there are.
pub fn durations(rows: &[u8]) -> Option<u64> {
    let groups = read_rows(rows, Group::read).ok()?;
    let mut sketch = QuantileSketch::new();
    groups.iter().for_each(|group| group.put(&mut sketch));
    Some(sketch.count())
}

/// Reads an answer as types of columns; whether rows can be written for them.
pub fn types(rows: &[u8]) -> Option<bool> {
    let columns = read_rows(rows, column).ok()?;
    let table = columns.first().map_or("", |[table, ..]| table);
    Some(precisions_of(table, &columns).is_ok())
}
