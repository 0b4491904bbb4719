//! Messages that all signals share: attributes, values, resource, scope.
//!
//! Field numbers: `opentelemetry/proto/common/v1/common.proto` and `resource/v1/resource.proto`.

use trace_core::model::{Array, AttributeSet, Resource, Scope, ValueRef};

use crate::wire_writer::{Message, Wire};

/// A `KeyValue` in this field, which is one of 1 to 15. Nearly all are short, and their lengths are known beforehand: they
/// are written in three or four pieces.
#[inline]
pub(super) fn attribute(out: &mut Vec<u8>, field: u32, key: &str, value: ValueRef<'_>) {
    let tag = (field << 3 | 2) as u8;
    // Lengths of less than 128 take a byte, and an empty key is left out.
    if !(1..0x40).contains(&key.len()) {
        return long_attribute(out, field, key, value);
    }
    let n = key.len() as u8;
    let mut key_then = |rest: u8| {
        out.put(&[tag, n + 2 + rest, 0x0a, n]);
        out.put(key.as_bytes());
    };
    match value {
        ValueRef::String(v) if v.len() < 0x38 => {
            let m = v.len() as u8;
            key_then(m + 4);
            out.put(&[0x12, m + 2, 0x0a, m]);
            out.put(v.as_bytes());
        }
        ValueRef::I64(v @ 0..0x80) => {
            key_then(4);
            out.put(&[0x12, 2, 0x18, v as u8]);
        }
        ValueRef::I64(v @ 0x80..0x4000) => {
            key_then(5);
            out.put(&[0x12, 3, 0x18, v as u8 | 0x80, (v >> 7) as u8]);
        }
        ValueRef::Bool(v) => {
            key_then(4);
            out.put(&[0x12, 2, 0x10, v.into()]);
        }
        ValueRef::F64(v) => {
            key_then(11);
            out.put(&[0x12, 9, 0x21]);
            out.put(&v.to_le_bytes());
        }
        _ => long_attribute(out, field, key, value),
    }
}

fn long_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: ValueRef<'_>) {
    out.delimited(field, 0, |out| {
        out.string(1, key);
        out.message(2, &AnyValue(value));
    });
}

struct AnyValue<'a>(ValueRef<'a>);

impl Message for AnyValue<'_> {
    #[inline]
    fn fields(&self, s: &mut Vec<u8>) {
        match self.0 {
            ValueRef::String(v) => s.bytes_always(1, v.as_bytes()),
            ValueRef::Bool(v) => s.uint_always(2, v.into()),
            ValueRef::I64(v) => s.uint_always(3, v as u64),
            ValueRef::F64(v) => s.double_always(4, v),
            ValueRef::Array(v) => s.message(5, &ArrayValue(v)),
            // A kind of value that this version does not know travels as text rather than not at all.
            other => s.bytes_always(1, other.to_string().as_bytes()),
        }
    }
}

struct ArrayValue<'a>(&'a Array);

impl Message for ArrayValue<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        match self.0 {
            Array::Bool(v) => v.iter().for_each(|v| s.message(1, &AnyValue(ValueRef::Bool(*v)))),
            Array::I64(v) => v.iter().for_each(|v| s.message(1, &AnyValue(ValueRef::I64(*v)))),
            Array::F64(v) => v.iter().for_each(|v| s.message(1, &AnyValue(ValueRef::F64(*v)))),
            Array::String(v) => v.iter().for_each(|v| s.message(1, &AnyValue(ValueRef::String(v)))),
            other => {
                let text = ValueRef::Array(other).to_string();
                s.message(1, &AnyValue(ValueRef::String(&text)));
            }
        }
    }
}

/// Attributes of a set, as `repeated KeyValue` in this field.
pub(super) fn attribute_set(s: &mut Vec<u8>, field: u32, set: &AttributeSet) {
    for kv in set {
        attribute(s, field, &kv.key, kv.value.as_ref());
    }
}

/// `Resource`.
pub(super) struct ResourceMessage<'a>(pub(super) &'a Resource);

impl Message for ResourceMessage<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        attribute_set(s, 1, &self.0.attributes);
    }
}

/// `InstrumentationScope`.
pub(super) struct ScopeMessage<'a>(pub(super) &'a Scope);

impl Message for ScopeMessage<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        s.string(1, &self.0.name);
        s.string(2, &self.0.version);
        attribute_set(s, 3, &self.0.attributes);
    }
}
