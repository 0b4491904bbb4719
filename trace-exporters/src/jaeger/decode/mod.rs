//! What Jaeger's clients send: batches in Thrift's binary and compact protocols.
//!
//! Unknown fields are passed over. A span with an id of zero is left out and counted; bytes that are no batch fail as a
//! whole. Text that is not UTF-8 is kept as far as it is; bytes become base64.

mod error;
pub(super) mod names;
mod span;
mod tag;

use std::sync::Arc;

use trace_core::batch::SpanBatchMut;
use trace_core::model::{KeyValue, Resource};

use crate::decoded::Decoded;
use crate::thrift::{BinaryReader, CompactReader, Kind, Malformed, Read, fields};
pub use error::DecodeError;
use error::Fault;
use tag::{Place, Tags};

/// The most spans of one message: more than any client batches.
const MAX_SPANS: usize = 100_000;
/// The most attributes, events and links that are kept of a span, and attributes of an event; the others are counted as
/// dropped.
const MAX_LIST: usize = 4096;

/// The spans of a bare `Batch` in the binary protocol: the body of `POST /api/traces`.
///
/// # Errors
/// If the bytes are no such batch, or hold more than 100 000 spans.
pub fn decode_binary(bytes: &[u8]) -> Result<Decoded<SpanBatchMut>, DecodeError> {
    decode_binary_within(bytes, MAX_SPANS)
}

/// The same with another limit of spans.
pub(crate) fn decode_binary_within(bytes: &[u8], most: usize) -> Result<Decoded<SpanBatchMut>, DecodeError> {
    batch(&mut BinaryReader::new(bytes), most).map_err(|fault| fault.of("binary"))
}

/// The spans of a call `emitBatch` in the binary protocol: a datagram to port 6832.
///
/// # Errors
/// If the bytes are no such call, or hold more than 100 000 spans.
pub fn decode_binary_call(bytes: &[u8]) -> Result<Decoded<SpanBatchMut>, DecodeError> {
    let mut reader = BinaryReader::new(bytes);
    let method = reader.message();
    call(&mut reader, method, "binary")
}

/// The spans of a call `emitBatch` in the compact protocol: a datagram to port 6831.
///
/// # Errors
/// If the bytes are no such call, or hold more than 100 000 spans.
pub fn decode_compact(bytes: &[u8]) -> Result<Decoded<SpanBatchMut>, DecodeError> {
    let mut reader = CompactReader::new(bytes);
    let method = reader.message();
    call(&mut reader, method, "compact")
}

/// The arguments of a call.
fn call<'a, R: Read<'a>>(
    reader: &mut R,
    method: Result<&[u8], Malformed>,
    protocol: &'static str,
) -> Result<Decoded<SpanBatchMut>, DecodeError> {
    let method = method.map_err(|reason| Fault::from(reason).of(protocol))?;
    if method != b"emitBatch" {
        let method = String::from_utf8_lossy(method).chars().take(64).collect();
        return Err(DecodeError::Method { method });
    }
    let mut decoded = None;
    let arguments = fields(reader, |r, kind, id| {
        if (kind, id) != (Kind::Struct, 1) || decoded.is_some() {
            return Ok(false);
        }
        decoded = Some(batch(r, MAX_SPANS)?);
        Ok::<_, Fault>(true)
    });
    arguments.map_err(|fault| fault.of(protocol))?;
    decoded.ok_or_else(|| Fault::NoBatch.of(protocol))
}

/// `Batch`. Its process may follow its spans.
fn batch<'a, R: Read<'a>>(r: &mut R, most: usize) -> Result<Decoded<SpanBatchMut>, Fault> {
    let mut decoded = Decoded::new();
    let mut spans = SpanBatchMut::new(Arc::default());
    let mut scopes = span::Scopes::default();
    // Without it any bytes that begin with a zero would be an empty batch, and be acknowledged.
    let mut has_list = false;
    fields(r, |r, kind, id| {
        match (kind, id) {
            (Kind::Struct, 1) => spans.set_resource(Arc::new(process(r)?)),
            (Kind::List, 2) => {
                has_list = true;
                let (kind, count) = r.list()?;
                if count > 0 && kind != Kind::Struct {
                    return Err(Malformed::Invalid.into());
                }
                if spans.len() + count > most {
                    return Err(Fault::TooMany { found: spans.len() + count, limit: most });
                }
                for _ in 0..count {
                    match span::read(r, &mut scopes)? {
                        Ok(span) => spans.push(span),
                        Err(reason) => decoded.reject(reason),
                    }
                }
            }
            _ => return Ok(false),
        }
        Ok::<_, Fault>(true)
    })?;
    if !has_list {
        return Err(Fault::NoBatch);
    }
    if !spans.is_empty() {
        decoded.batches.push(spans);
    }
    Ok(decoded)
}

/// `Process`.
fn process<'a, R: Read<'a>>(r: &mut R) -> Result<Resource, Malformed> {
    let mut service = String::new();
    let mut tags = Tags::default();
    fields(r, |r, kind, id| {
        match (kind, id) {
            (Kind::Bytes, 1) => service = tag::text(r.bytes()?),
            (Kind::List, 2) => tags.read_list(r, Place::Process)?,
            _ => return Ok(false),
        }
        Ok::<_, Malformed>(true)
    })?;
    if !service.is_empty() {
        tags.attributes.push(KeyValue::new(names::SERVICE, service));
    }
    Ok(Resource::new(tags.attributes))
}
