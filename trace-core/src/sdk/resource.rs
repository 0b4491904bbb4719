//! Values, resources and libraries between the SDK's types and ours.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk as official;

use crate::batch::{Attributes, Cell, Columns, ScopeRef};
use crate::model::{Array, AttributeSet, KeyValue, Resource, Scope, ValueRef};
use crate::record::otel::convert::{scope_from, value_from};

/// The SDK's resource as ours.
pub fn resource_from_sdk(resource: &official::Resource) -> Resource {
    let attributes =
        resource.iter().map(|(k, v)| KeyValue::new(k.as_str().to_owned(), value_from(v.clone())));
    Resource {
        attributes: AttributeSet::new(attributes),
        schema_url: Cow::Owned(resource.schema_url().unwrap_or("").to_owned()),
    }
}

/// Our resource as the SDK's.
pub fn resource_to_sdk(resource: &Resource) -> official::Resource {
    let builder = official::Resource::builder_empty();
    let attributes = set_to(&resource.attributes);
    if resource.schema_url.is_empty() {
        builder.with_attributes(attributes).build()
    } else {
        builder.with_schema_url(attributes, resource.schema_url.clone()).build()
    }
}

pub(super) fn scope_to(scope: &Scope) -> InstrumentationScope {
    let mut builder = InstrumentationScope::builder(scope.name.clone());
    if !scope.version.is_empty() {
        builder = builder.with_version(scope.version.clone());
    }
    if !scope.schema_url.is_empty() {
        builder = builder.with_schema_url(scope.schema_url.clone());
    }
    builder.with_attributes(set_to(&scope.attributes)).build()
}

/// The place of the library in the table of a batch.
pub(super) fn scope_index(c: &mut Columns, scope: &InstrumentationScope) -> u32 {
    // The last entry is the likely one, and comparing is cheaper than converting.
    match c.scopes.iter().rposition(|known| is_same(known, scope)) {
        Some(i) => i as u32,
        None => c.scope_index(&ScopeRef::Shared(scope_from(scope).into())),
    }
}

fn is_same(ours: &Scope, theirs: &InstrumentationScope) -> bool {
    ours.name == theirs.name()
        && ours.version == theirs.version().unwrap_or("")
        && ours.schema_url == theirs.schema_url().unwrap_or("")
        && (ours.attributes.is_empty() && theirs.attributes().next().is_none()
            || ours.attributes == scope_from(theirs).attributes)
}

/// A value as a cell of these columns.
pub(super) fn cell_of(c: &mut Columns, value: &opentelemetry::Value) -> Cell {
    match value {
        opentelemetry::Value::Bool(v) => Cell::bool(*v),
        opentelemetry::Value::I64(v) => Cell::i64(*v),
        opentelemetry::Value::F64(v) => Cell::f64(*v),
        opentelemetry::Value::String(v) => c.store_value(v.as_str()),
        other => c.cell_of(value_from(other.clone())),
    }
}

pub(super) fn value_to(value: ValueRef<'_>) -> opentelemetry::Value {
    match value {
        ValueRef::Bool(v) => v.into(),
        ValueRef::I64(v) => v.into(),
        ValueRef::F64(v) => v.into(),
        ValueRef::String(v) => v.to_owned().into(),
        ValueRef::Array(Array::Bool(v)) => opentelemetry::Value::Array(v.clone().into()),
        ValueRef::Array(Array::I64(v)) => opentelemetry::Value::Array(v.clone().into()),
        ValueRef::Array(Array::F64(v)) => opentelemetry::Value::Array(v.clone().into()),
        ValueRef::Array(Array::String(v)) => {
            let texts = v.iter().map(|s| s.clone().into()).collect::<Vec<opentelemetry::StringValue>>();
            opentelemetry::Value::Array(texts.into())
        }
    }
}

pub(super) fn attributes_to(attributes: Attributes<'_>, count: usize) -> Vec<opentelemetry::KeyValue> {
    let mut all = Vec::with_capacity(count);
    all.extend(attributes.owned_keys().map(|(k, v)| opentelemetry::KeyValue::new(k, value_to(v))));
    all
}

pub(super) fn set_to(attributes: &AttributeSet) -> Vec<opentelemetry::KeyValue> {
    attributes
        .iter()
        .map(|kv| opentelemetry::KeyValue::new(kv.key.clone(), value_to(kv.value.as_ref())))
        .collect()
}

pub(super) fn set_from<'a>(
    attributes: impl Iterator<Item = &'a opentelemetry::KeyValue>,
) -> Arc<AttributeSet> {
    Arc::new(
        attributes
            .map(|kv| KeyValue::new(kv.key.as_str().to_owned(), value_from(kv.value.clone())))
            .collect(),
    )
}
