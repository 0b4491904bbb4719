//! The API's attributes, looked up without a copy.

use opentelemetry::{KeyValue as ApiKeyValue, Value as ApiValue};

use crate::metric::attribute::{Attribute, Words};
use crate::metric::hash::{hash_bytes, hash_value, same_text, same_value};
use crate::model::{KeyValue, Value};
use crate::record::otel::convert::value_from;

// The API does not tell whether a text is static, so its address says nothing.
impl Attribute for ApiKeyValue {
    #[inline]
    fn words(&self, seed: u64) -> Words {
        let value = match &self.value {
            ApiValue::String(v) => hash_bytes(v.as_str().as_bytes(), seed),
            ApiValue::I64(v) => v.cast_unsigned(),
            ApiValue::Bool(v) => u64::from(*v),
            ApiValue::F64(v) => v.to_bits(),
            other => hash_value(&value_from(other.clone()), seed),
        };
        Words::hash(hash_bytes(self.key.as_str().as_bytes(), seed), value)
    }

    #[inline]
    fn is<'a>(&self, _: &Words, copy: impl FnOnce() -> Option<&'a KeyValue>) -> bool {
        let Some(known) = copy() else { return false };
        same_text(self.key.as_str(), &known.key)
            && match (&self.value, &known.value) {
                (ApiValue::String(a), Value::String(b)) => same_text(a.as_str(), b),
                (ApiValue::I64(a), Value::I64(b)) => a == b,
                (ApiValue::Bool(a), Value::Bool(b)) => a == b,
                (ApiValue::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits(),
                (ApiValue::Array(a), Value::Array(_)) => {
                    same_value(&value_from(ApiValue::Array(a.clone())), &known.value)
                }
                _ => false,
            }
    }

    fn to_key_value(&self) -> KeyValue {
        KeyValue::new(self.key.as_str().to_owned(), value_from(self.value.clone()))
    }
}
