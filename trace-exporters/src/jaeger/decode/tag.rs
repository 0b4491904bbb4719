//! Tags, and what some of them say beyond being attributes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use trace_core::model::{KeyValue, SpanKind, Value};

use super::{MAX_LIST, names};
use crate::thrift::{Kind, Malformed, Read, fields};

/// What tags belong to: each has names of its own that are more than attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Process,
    Span,
    Log,
}

/// Tags, sorted into attributes and the rest.
#[derive(Debug, Default)]
pub(super) struct Tags {
    pub(super) attributes: Vec<KeyValue>,
    pub(super) kind: Option<SpanKind>,
    /// `otel.status_code`: whether it says error.
    pub(super) failed: Option<bool>,
    pub(super) message: String,
    /// `error`, by OpenTracing.
    pub(super) error: bool,
    pub(super) scope: String,
    pub(super) scope_version: String,
    pub(super) trace_state: String,
    /// The name of an event.
    pub(super) event: Option<String>,
    pub(super) dropped_attributes: u32,
    pub(super) dropped_events: u32,
    pub(super) dropped_links: u32,
}

impl Tags {
    pub(super) fn read_list<'a, R: Read<'a>>(&mut self, r: &mut R, place: Place) -> Result<(), Malformed> {
        let (kind, count) = r.list()?;
        if count > 0 && kind != Kind::Struct {
            return Err(Malformed::Invalid);
        }
        for _ in 0..count {
            let (key, value) = read(r)?;
            let left = match place {
                Place::Process => Some(value),
                Place::Span => self.of_span(&key, value),
                Place::Log => self.of_log(&key, value),
            };
            let Some(value) = left else { continue };
            if self.attributes.len() < MAX_LIST {
                self.attributes.push(KeyValue::new(key, value));
            } else {
                self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Gives the value back if it is an attribute.
    fn of_span(&mut self, key: &str, value: Value) -> Option<Value> {
        match (key, value) {
            (names::KIND, Value::String(v)) => match kind(&v) {
                Some(kind) => self.kind = Some(kind),
                None => return Some(Value::String(v)),
            },
            (names::STATUS, Value::String(v)) => match &*v {
                "OK" => self.failed = Some(false),
                "ERROR" => self.failed = Some(true),
                "UNSET" => {}
                _ => return Some(Value::String(v)),
            },
            (names::STATUS_MESSAGE, Value::String(v)) => self.message = v.into_owned(),
            (names::ERROR, Value::Bool(v)) => self.error = v,
            (names::ERROR, Value::String(v)) if v == "true" || v == "false" => self.error = v == "true",
            (names::SCOPE, Value::String(v)) => self.scope = v.into_owned(),
            (names::SCOPE_VERSION, Value::String(v)) => self.scope_version = v.into_owned(),
            (names::LIBRARY, Value::String(v)) if self.scope.is_empty() => self.scope = v.into_owned(),
            (names::LIBRARY_VERSION, Value::String(v)) if self.scope_version.is_empty() => {
                self.scope_version = v.into_owned();
            }
            // The same again under its old name.
            (names::LIBRARY, Value::String(v)) if self.scope == v => {}
            (names::LIBRARY_VERSION, Value::String(v)) if self.scope_version == v => {}
            (names::TRACE_STATE, Value::String(v)) => self.trace_state = v.into_owned(),
            (names::DROPPED_ATTRIBUTES, Value::I64(v)) => {
                self.dropped_attributes = self.dropped_attributes.saturating_add(count(v));
            }
            (names::DROPPED_EVENTS, Value::I64(v)) => self.dropped_events = count(v),
            (names::DROPPED_LINKS, Value::I64(v)) => self.dropped_links = count(v),
            (_, value) => return Some(value),
        }
        None
    }

    fn of_log(&mut self, key: &str, value: Value) -> Option<Value> {
        match (key, value) {
            (names::EVENT, Value::String(v)) if self.event.is_none() => self.event = Some(v.into_owned()),
            (names::DROPPED_ATTRIBUTES, Value::I64(v)) => {
                self.dropped_attributes = self.dropped_attributes.saturating_add(count(v));
            }
            (_, value) => return Some(value),
        }
        None
    }
}

fn count(said: i64) -> u32 {
    u32::try_from(said.max(0)).unwrap_or(u32::MAX)
}

fn kind(text: &str) -> Option<SpanKind> {
    let known =
        [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
    known.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text))
}

/// `Tag`. Its type says which of the values counts.
fn read<'a, R: Read<'a>>(r: &mut R) -> Result<(String, Value), Malformed> {
    let (mut key, mut form) = (String::new(), 0);
    let (mut string, mut bytes): (&[u8], &[u8]) = (&[], &[]);
    let (mut double, mut truth, mut long) = (0.0, false, 0);
    fields(r, |r, kind, id| {
        match (kind, id) {
            (Kind::Bytes, 1) => key = text(r.bytes()?),
            (Kind::I32, 2) => form = r.i32()?,
            (Kind::Bytes, 3) => string = r.bytes()?,
            (Kind::Double, 4) => double = r.double()?,
            (Kind::Bool, 5) => truth = r.bool()?,
            (Kind::I64, 6) => long = r.i64()?,
            (Kind::Bytes, 7) => bytes = r.bytes()?,
            _ => return Ok(false),
        }
        Ok::<_, Malformed>(true)
    })?;
    let value = match form {
        1 => Value::F64(double),
        2 => Value::Bool(truth),
        3 => Value::I64(long),
        4 => Value::String(STANDARD.encode(bytes).into()),
        _ => Value::String(text(string).into()),
    };
    Ok((key, value))
}

/// A text of whatever encoding.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
