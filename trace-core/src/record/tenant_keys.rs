//! Which attributes say whose a span is.

use super::Callsite;
use crate::batch::{Attributes, Cell, Columns, Text};
use crate::model::{TenantId, TenantTag, Value, ValueRef};
use crate::signal::StartAttributes;

/// The keys of attributes that name a span's tenant, the first one first.
#[derive(Debug)]
pub(super) struct TenantKeys {
    keys: Vec<String>,
    /// Of the lengths that they have, modulo 64: a look at it spares most comparisons.
    lengths: u64,
}

impl TenantKeys {
    /// [`TenantId::ATTRIBUTE`], and then these.
    pub(super) fn new(more: Vec<String>) -> Self {
        let mut keys = vec![TenantId::ATTRIBUTE.to_owned()];
        for key in more {
            if !keys.contains(&key) {
                Callsite::add_tenant_key(&key);
                keys.push(key);
            }
        }
        let lengths = keys.iter().fold(0, |lengths, key| lengths | length_bit(key));
        Self { keys, lengths }
    }

    /// The tenant that attributes name.
    #[inline]
    pub(super) fn said(&self, attributes: &StartAttributes<'_>) -> TenantTag {
        if attributes.is_none() || !attributes.has_key_where(|key| self.may_be_one(key)) {
            return TenantTag::NONE;
        }
        self.find(|key| attributes.get(key))
    }

    /// Whether a key may be one of these: it is as long as one of them.
    #[inline]
    fn may_be_one(&self, key: &str) -> bool {
        self.lengths & length_bit(key) != 0
    }

    fn find<'a>(&self, get: impl Fn(&str) -> Option<ValueRef<'a>>) -> TenantTag {
        let name = self.keys.iter().find_map(|key| get(key).and_then(ValueRef::as_str));
        name.and_then(TenantTag::named).unwrap_or_default()
    }

    /// The tenant that one attribute names.
    pub(super) fn said_by(&self, key: &str, value: &Value) -> TenantTag {
        match value {
            Value::String(name) if self.keys.iter().any(|k| k == key) => {
                TenantTag::named(name).unwrap_or_default()
            }
            _ => TenantTag::NONE,
        }
    }

    /// The same of one attribute of the `opentelemetry` API.
    #[cfg(feature = "otel")]
    pub(super) fn said_by_api(&self, attribute: &opentelemetry::KeyValue) -> TenantTag {
        match &attribute.value {
            opentelemetry::Value::String(name)
                if self.may_be_one(attribute.key.as_str())
                    && self.keys.iter().any(|k| k == attribute.key.as_str()) =>
            {
                TenantTag::named(name.as_str()).unwrap_or_default()
            }
            _ => TenantTag::NONE,
        }
    }

    /// The tenant that the attributes of a row name.
    pub(super) fn said_in(&self, columns: &Columns, row: usize) -> TenantTag {
        let all = || Attributes::of(columns, columns.rows[row].attributes);
        self.find(|key| all().find_map(|(k, v)| (k == key).then_some(v)))
    }

    /// Writes on each of these rows whose it is. What a span said itself wins over what it inherited.
    pub(super) fn write(&self, columns: &mut Columns) {
        // Spans of one tenant lie together, and its name is stored once for all of them.
        let mut last: Option<(TenantTag, Cell)> = None;
        for at in 0..columns.rows.len() {
            if columns.rows[at].tenant.is_none() {
                continue;
            }
            let tenant = self.said_in(columns, at).or(columns.rows[at].tenant);
            columns.rows[at].tenant = tenant;
            let value = match last {
                Some((same, value)) if same == tenant => value,
                _ => match tenant.name() {
                    Some(name) => last.insert((tenant, columns.store_value(name))).1,
                    None => continue,
                },
            };
            columns.set_attribute(at, Text::fixed(TenantId::ATTRIBUTE), value, u16::MAX);
        }
    }
}

#[inline]
const fn length_bit(key: &str) -> u64 {
    1 << (key.len() % 64)
}
