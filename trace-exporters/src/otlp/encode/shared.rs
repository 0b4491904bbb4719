//! Messages that spans and metrics share: attributes, values, resource, scope.
//!
//! Field numbers: `opentelemetry/proto/common/v1/common.proto` and `resource/v1/resource.proto`.

use trace_core::model::{Array, AttributeSet, KeyValue, Resource, Scope, ValueRef};

use crate::wire_writer::{Message, Sink};

/// `KeyValue`.
pub(super) struct Attribute<'a>(pub(super) &'a str, pub(super) ValueRef<'a>);

impl<'a> From<&'a KeyValue> for Attribute<'a> {
    fn from(kv: &'a KeyValue) -> Self {
        Self(&kv.key, kv.value.as_ref())
    }
}

impl Message for Attribute<'_> {
    #[inline]
    fn fields<S: Sink>(&self, s: &mut S) {
        s.string(1, self.0);
        s.message(2, &AnyValue(self.1));
    }
}

struct AnyValue<'a>(ValueRef<'a>);

impl Message for AnyValue<'_> {
    #[inline]
    fn fields<S: Sink>(&self, s: &mut S) {
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
    fn fields<S: Sink>(&self, s: &mut S) {
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
pub(super) fn attribute_set<S: Sink>(s: &mut S, field: u32, set: &AttributeSet) {
    for kv in set {
        s.message(field, &Attribute::from(kv));
    }
}

/// `Resource`.
pub(super) struct ResourceMessage<'a>(pub(super) &'a Resource);

impl Message for ResourceMessage<'_> {
    fn fields<S: Sink>(&self, s: &mut S) {
        attribute_set(s, 1, &self.0.attributes);
    }
}

/// `InstrumentationScope`.
pub(super) struct ScopeMessage<'a>(pub(super) &'a Scope);

impl Message for ScopeMessage<'_> {
    fn fields<S: Sink>(&self, s: &mut S) {
        s.string(1, &self.0.name);
        s.string(2, &self.0.version);
        attribute_set(s, 3, &self.0.attributes);
    }
}
