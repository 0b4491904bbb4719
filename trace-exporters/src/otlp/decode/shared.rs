//! Messages that all signals share: attributes, values, resource, scope.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use trace_core::model::{Array, AttributeSet, KeyValue, Resource, Scope, Value, ValueRef};

use super::DecodeError;
use crate::wire_reader::{Field, Reader, bytes_key, fields, fixed64_key, varint_key};

/// Lists and maps within each other at most.
pub(super) const MAX_DEPTH: usize = 32;

#[inline]
pub(super) fn text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::NotUtf8)
}

pub(super) fn owned(bytes: &[u8]) -> Result<Cow<'static, str>, DecodeError> {
    Ok(Cow::Owned(text(bytes)?.to_owned()))
}

/// A count as it is kept.
pub(super) fn count(v: u64) -> u32 {
    u32::try_from(v).unwrap_or(u32::MAX)
}

/// `KeyValue`, owned.
pub(super) fn attribute(bytes: &[u8]) -> Result<KeyValue, DecodeError> {
    let mut owned = None;
    with_attribute(bytes, |key, value| {
        owned = Some(KeyValue::new(text(key)?.to_owned(), value.to_value()));
        Ok(())
    })?;
    // It is called exactly once.
    Ok(owned.unwrap_or_else(|| KeyValue::new("", "")))
}

/// `KeyValue`, as it lies on the wire where that can be. Whether the key is UTF-8 is for `set` to find out.
#[inline]
pub(super) fn with_attribute(
    bytes: &[u8],
    set: impl FnOnce(&[u8], ValueRef<'_>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    const KEY: u64 = bytes_key(1);
    const VALUE: u64 = bytes_key(2);
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.key()? {
        match field {
            KEY => key = reader.bytes()?,
            VALUE => value = reader.bytes()?,
            other => reader.skip(other)?,
        }
    }
    match any(value)? {
        Any::Nothing => set(key, ValueRef::String("")),
        Any::Text(v) => set(key, ValueRef::String(v)),
        Any::Bool(v) => set(key, ValueRef::Bool(v)),
        Any::Int(v) => set(key, ValueRef::I64(v)),
        Any::Double(v) => set(key, ValueRef::F64(v)),
        Any::List(_) | Any::Map(_) | Any::Bytes(_) => set(key, any_value(value)?.as_ref()),
    }
}

/// A value before it is known whether the data model has room for it.
pub(super) enum Any<'a> {
    Nothing,
    Text(&'a str),
    Bool(bool),
    Int(i64),
    Double(f64),
    List(&'a [u8]),
    Map(&'a [u8]),
    Bytes(&'a [u8]),
}

#[inline]
pub(super) fn any(bytes: &[u8]) -> Result<Any<'_>, DecodeError> {
    const TEXT: u64 = bytes_key(1);
    const BOOL: u64 = varint_key(2);
    const INT: u64 = varint_key(3);
    const DOUBLE: u64 = fixed64_key(4);
    const LIST: u64 = bytes_key(5);
    const MAP: u64 = bytes_key(6);
    const BYTES: u64 = bytes_key(7);
    let mut value = Any::Nothing;
    let mut reader = Reader::new(bytes);
    while let Some(key) = reader.key()? {
        value = match key {
            TEXT => Any::Text(text(reader.bytes()?)?),
            BOOL => Any::Bool(reader.varint()? != 0),
            INT => Any::Int(reader.varint()?.cast_signed()),
            DOUBLE => Any::Double(f64::from_bits(reader.fixed64()?)),
            LIST => Any::List(reader.bytes()?),
            MAP => Any::Map(reader.bytes()?),
            BYTES => Any::Bytes(reader.bytes()?),
            other => {
                reader.skip(other)?;
                continue;
            }
        };
    }
    Ok(value)
}

/// `AnyValue`, owned.
fn any_value(bytes: &[u8]) -> Result<Value, DecodeError> {
    Ok(match any(bytes)? {
        Any::Nothing => Value::String("".into()),
        Any::Text(v) => Value::String(v.to_owned().into()),
        Any::Bool(v) => Value::Bool(v),
        Any::Int(v) => Value::I64(v),
        Any::Double(v) => Value::F64(v),
        Any::List(v) => match list(v)? {
            Some(array) => Value::Array(array),
            None => json_text(bytes)?,
        },
        Any::Map(_) => json_text(bytes)?,
        Any::Bytes(v) => Value::String(base64::engine::general_purpose::STANDARD.encode(v).into()),
    })
}

/// A list of values of one kind; `None` for any other.
fn list(bytes: &[u8]) -> Result<Option<Array>, DecodeError> {
    let mut array = None;
    for field in fields(bytes) {
        let (1, Field::Bytes(element)) = field? else { continue };
        match (any(element)?, &mut array) {
            (Any::Text(v), None) => array = Some(Array::String(vec![v.to_owned().into()])),
            (Any::Text(v), Some(Array::String(list))) => list.push(v.to_owned().into()),
            (Any::Bool(v), None) => array = Some(Array::Bool(vec![v])),
            (Any::Bool(v), Some(Array::Bool(list))) => list.push(v),
            (Any::Int(v), None) => array = Some(Array::I64(vec![v])),
            (Any::Int(v), Some(Array::I64(list))) => list.push(v),
            (Any::Double(v), None) => array = Some(Array::F64(vec![v])),
            (Any::Double(v), Some(Array::F64(list))) => list.push(v),
            _ => return Ok(None),
        }
    }
    Ok(Some(array.unwrap_or(Array::String(Vec::new()))))
}

fn json_text(bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut out = String::new();
    json(bytes, &mut out, 0)?;
    Ok(Value::String(out.into()))
}

fn json(bytes: &[u8], out: &mut String, depth: usize) -> Result<(), DecodeError> {
    if depth > MAX_DEPTH {
        return Err(DecodeError::TooDeep { limit: MAX_DEPTH });
    }
    match any(bytes)? {
        Any::Nothing => out.push_str("null"),
        Any::Text(v) => quoted(v, out),
        Any::Bool(v) => out.push_str(if v { "true" } else { "false" }),
        // Writing to a text never fails.
        Any::Int(v) => drop(write!(out, "{v}")),
        Any::Double(v) if v.is_finite() => drop(write!(out, "{v:?}")),
        Any::Double(v) => quoted(&v.to_string(), out),
        Any::Bytes(v) => quoted(&base64::engine::general_purpose::STANDARD.encode(v), out),
        Any::List(v) => {
            out.push('[');
            let mut first = true;
            for field in fields(v) {
                let (1, Field::Bytes(element)) = field? else { continue };
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                json(element, out, depth + 1)?;
            }
            out.push(']');
        }
        Any::Map(v) => {
            out.push('{');
            let mut first = true;
            for field in fields(v) {
                let (1, Field::Bytes(entry)) = field? else { continue };
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                entry_json(entry, out, depth)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn entry_json(bytes: &[u8], out: &mut String, depth: usize) -> Result<(), DecodeError> {
    let (mut key, mut value): (&str, &[u8]) = ("", &[]);
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => key = text(v)?,
            (2, Field::Bytes(v)) => value = v,
            _ => {}
        }
    }
    quoted(key, out);
    out.push(':');
    json(value, out, depth + 1)
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// `Resource`, with the schema that its envelope names.
pub(super) fn resource(bytes: &[u8], schema_url: &[u8]) -> Result<Resource, DecodeError> {
    let mut attributes = Vec::new();
    for field in fields(bytes) {
        if let (1, Field::Bytes(v)) = field? {
            attributes.push(attribute(v)?);
        }
    }
    let mut resource = Resource::new(attributes);
    resource.schema_url = owned(schema_url)?;
    Ok(resource)
}

/// `InstrumentationScope`, with the schema that its envelope names.
pub(super) fn scope(bytes: &[u8], schema_url: &[u8]) -> Result<Scope, DecodeError> {
    let mut scope = Scope { schema_url: owned(schema_url)?, ..Scope::default() };
    let mut attributes = Vec::new();
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => scope.name = owned(v)?,
            (2, Field::Bytes(v)) => scope.version = owned(v)?,
            (3, Field::Bytes(v)) => attributes.push(attribute(v)?),
            _ => {}
        }
    }
    scope.attributes = AttributeSet::new(attributes);
    Ok(scope)
}
