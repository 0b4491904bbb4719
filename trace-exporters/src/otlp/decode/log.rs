//! `ExportLogsServiceRequest`, which `LogsData` equals on the wire.
//!
//! Field numbers: `opentelemetry/proto/logs/v1/logs.proto`. Values keep their nesting. An id of another length, or of
//! zeros, is none; the record stays.

use std::borrow::Cow;
use std::sync::Arc;

use trace_core::model::{AnyValue, LogBatchMut, LogRecord, LogScope, LogSeverity, Timestamp, TraceFlags};

use super::reading::Reading;
use super::shared::{Any, MAX_DEPTH, any, count, owned, resource, scope};
use super::span::{span_id_of, trace_id_of};
use super::{DecodeError, Decoded};
use crate::wire_reader::{Field, fields};

/// The log records of a request.
///
/// # Errors
/// If the bytes are no such request.
pub fn decode_logs(bytes: &[u8]) -> Result<Decoded<LogBatchMut>, DecodeError> {
    decode_logs_within(bytes, usize::MAX)
}

/// The same for at most so many records, nested values, scopes and resources together, which take more room than bytes
/// on the wire.
///
/// # Errors
/// If the bytes are no such request, or there are more.
pub fn decode_logs_within(bytes: &[u8], most: usize) -> Result<Decoded<LogBatchMut>, DecodeError> {
    let mut reading = Reading::new(most);
    for field in fields(bytes) {
        if let (1, Field::Bytes(v)) = field? {
            resource_logs(v, &mut reading)?;
        }
    }
    Ok(reading.decoded)
}

type Logs = Reading<LogBatchMut>;

fn resource_logs(bytes: &[u8], reading: &mut Logs) -> Result<(), DecodeError> {
    let (mut head, mut schema_url): (&[u8], &[u8]) = (&[], &[]);
    let mut records = Vec::new();
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => head = v,
            (2, Field::Bytes(v)) => scope_logs(v, &mut records, reading)?,
            (3, Field::Bytes(v)) => schema_url = v,
            _ => {}
        }
    }
    reading.records(1)?;
    if !records.is_empty() {
        let resource = Arc::new(resource(head, schema_url)?);
        reading.decoded.batches.push(LogBatchMut { resource, records });
    }
    Ok(())
}

fn scope_logs(bytes: &[u8], records: &mut Vec<LogRecord>, reading: &mut Logs) -> Result<(), DecodeError> {
    let (mut head, mut schema_url): (&[u8], &[u8]) = (&[], &[]);
    let first = records.len();
    reading.records(1)?;
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => head = v,
            (2, Field::Bytes(v)) => records.push(record(v, reading)?),
            (3, Field::Bytes(v)) => schema_url = v,
            _ => {}
        }
    }
    // It may come behind its records.
    let scope = LogScope::from(Arc::new(scope(head, schema_url)?));
    records.iter_mut().skip(first).for_each(|r| r.scope = scope.clone());
    Ok(())
}

fn record(bytes: &[u8], reading: &mut Logs) -> Result<LogRecord, DecodeError> {
    reading.records(1)?;
    let mut r = LogRecord::default();
    for field in fields(bytes) {
        match field? {
            (1, Field::Fixed64(v)) => r.time = Timestamp::from_unix_nanos(v),
            (2, Field::Varint(v)) => r.severity = LogSeverity::new(u8::try_from(v).unwrap_or(u8::MAX)),
            (3, Field::Bytes(v)) => r.severity_text = owned(v)?,
            (5, Field::Bytes(v)) => r.body = value(v, reading, 0)?,
            (6, Field::Bytes(v)) => r.attributes.push(key_value(v, reading, 0)?),
            (7, Field::Varint(v)) => r.dropped_attributes = count(v),
            (8, Field::Fixed32(v)) => r.flags = TraceFlags(v.to_le_bytes()[0]),
            (9, Field::Bytes(v)) => r.trace_id = trace_id_of(v),
            (10, Field::Bytes(v)) => r.span_id = span_id_of(v),
            (11, Field::Fixed64(v)) => r.observed = Timestamp::from_unix_nanos(v),
            (12, Field::Bytes(v)) => r.event_name = owned(v)?,
            _ => {}
        }
    }
    Ok(r)
}

fn key_value(
    bytes: &[u8],
    reading: &mut Logs,
    depth: usize,
) -> Result<(Cow<'static, str>, AnyValue), DecodeError> {
    let (mut key, mut content): (&[u8], &[u8]) = (&[], &[]);
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => key = v,
            (2, Field::Bytes(v)) => content = v,
            _ => {}
        }
    }
    Ok((owned(key)?, value(content, reading, depth)?))
}

fn value(bytes: &[u8], reading: &mut Logs, depth: usize) -> Result<AnyValue, DecodeError> {
    if depth > MAX_DEPTH {
        return Err(DecodeError::TooDeep { limit: MAX_DEPTH });
    }
    Ok(match any(bytes)? {
        Any::Nothing => AnyValue::Empty,
        Any::Text(v) => v.to_owned().into(),
        Any::Bool(v) => AnyValue::Bool(v),
        Any::Int(v) => AnyValue::I64(v),
        Any::Double(v) => AnyValue::F64(v),
        Any::Bytes(v) => AnyValue::Bytes(v.to_owned()),
        Any::List(v) => {
            let mut list = Vec::new();
            for field in fields(v) {
                let (1, Field::Bytes(element)) = field? else { continue };
                reading.records(1)?;
                list.push(value(element, reading, depth + 1)?);
            }
            AnyValue::List(list)
        }
        Any::Map(v) => {
            let mut entries = Vec::new();
            for field in fields(v) {
                let (1, Field::Bytes(entry)) = field? else { continue };
                reading.records(1)?;
                entries.push(key_value(entry, reading, depth + 1)?);
            }
            AnyValue::Map(entries)
        }
    })
}
