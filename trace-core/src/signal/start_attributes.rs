//! The attributes that are known when a span starts.

use std::fmt;

#[cfg(any(feature = "otel", feature = "tracing"))]
use crate::batch::{Attributes, Columns, List};
use crate::model::{KeyValue, ValueRef};

/// The attributes given with the start of a span, borrowed from wherever the door that starts it has them.
#[derive(Clone, Copy, Default)]
pub struct StartAttributes<'a>(Repr<'a>);

#[derive(Clone, Copy, Default)]
enum Repr<'a> {
    #[default]
    None,
    /// The keys of a call site, and a value for each.
    Site(&'a [&'static str], &'a [ValueRef<'a>]),
    Fields(&'a [(&'static str, ValueRef<'a>)]),
    Owned(&'a [KeyValue]),
    #[cfg(feature = "otel")]
    Api(&'a [opentelemetry::KeyValue]),
    #[cfg(any(feature = "otel", feature = "tracing"))]
    Columns(&'a Columns, List),
}

impl<'a> StartAttributes<'a> {
    /// No attributes.
    pub const NONE: Self = Self(Repr::None);

    /// Names and values.
    pub const fn of(attributes: &'a [KeyValue]) -> Self {
        Self(Repr::Owned(attributes))
    }

    #[inline]
    pub(crate) const fn site(keys: &'a [&'static str], values: &'a [ValueRef<'a>]) -> Self {
        Self(Repr::Site(keys, values))
    }

    #[inline]
    pub(crate) const fn fields(fields: &'a [(&'static str, ValueRef<'a>)]) -> Self {
        Self(Repr::Fields(fields))
    }

    #[cfg(feature = "otel")]
    pub(crate) const fn api(attributes: &'a [opentelemetry::KeyValue]) -> Self {
        Self(Repr::Api(attributes))
    }

    /// These, or those that lie in columns if these are none.
    #[cfg(any(feature = "otel", feature = "tracing"))]
    pub(crate) fn or(self, columns: &'a Columns, list: List) -> Self {
        match self.0 {
            Repr::None => Self(Repr::Columns(columns, list)),
            _ => self,
        }
    }

    /// Whether there are none, for sure.
    #[inline]
    pub(crate) const fn is_none(&self) -> bool {
        matches!(self.0, Repr::None)
    }

    /// Calls `f` with each. Arrays that came through the `opentelemetry` API are left out.
    pub fn for_each(&self, mut f: impl FnMut(&'a str, ValueRef<'a>)) {
        match self.0 {
            Repr::None => {}
            Repr::Site(keys, values) => keys.iter().zip(values).for_each(|(k, v)| f(k, *v)),
            Repr::Fields(fields) => fields.iter().for_each(|(k, v)| f(k, *v)),
            Repr::Owned(all) => all.iter().for_each(|kv| f(&kv.key, kv.value.as_ref())),
            #[cfg(any(feature = "otel", feature = "tracing"))]
            Repr::Columns(columns, list) => Attributes::of(columns, list).for_each(|(k, v)| f(k, v)),
            #[cfg(feature = "otel")]
            Repr::Api(all) => all.iter().for_each(|kv| {
                if let Some(v) = borrowed(&kv.value) {
                    f(kv.key.as_str(), v);
                }
            }),
        }
    }

    /// Whether there is an attribute with such a key.
    #[inline]
    pub(crate) fn has_key_where(&self, is: impl Fn(&str) -> bool) -> bool {
        match self.0 {
            Repr::None => false,
            Repr::Site(keys, _) => keys.iter().any(|key| is(key)),
            Repr::Fields(fields) => fields.iter().any(|(key, _)| is(key)),
            Repr::Owned(all) => all.iter().any(|kv| is(&kv.key)),
            #[cfg(feature = "otel")]
            Repr::Api(all) => all.iter().any(|kv| is(kv.key.as_str())),
            #[cfg(any(feature = "otel", feature = "tracing"))]
            Repr::Columns(columns, list) => Attributes::of(columns, list).any(|(key, _)| is(key)),
        }
    }

    /// The value of one attribute.
    pub fn get(&self, key: &str) -> Option<ValueRef<'a>> {
        let mut found = None;
        self.for_each(|k, v| {
            if k == key {
                found = Some(v);
            }
        });
        found
    }
}

#[cfg(feature = "otel")]
fn borrowed(v: &opentelemetry::Value) -> Option<ValueRef<'_>> {
    Some(match v {
        opentelemetry::Value::Bool(v) => ValueRef::Bool(*v),
        opentelemetry::Value::I64(v) => ValueRef::I64(*v),
        opentelemetry::Value::F64(v) => ValueRef::F64(*v),
        opentelemetry::Value::String(v) => ValueRef::String(v.as_str()),
        _ => return None,
    })
}

impl fmt::Debug for StartAttributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        self.for_each(|k, v| {
            map.entry(&k, &v);
        });
        map.finish()
    }
}
