//! What produced telemetry: the process, and the library inside it.

use std::borrow::Cow;

use super::{AttributeSet, KeyValue, Value};

/// The entity that telemetry is about: a service, its version, its host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// `service.name` and the like.
    pub attributes: AttributeSet,
    /// The schema of the attribute names, or empty.
    pub schema_url: Cow<'static, str>,
}

impl Resource {
    /// A resource with these attributes.
    pub fn new(attributes: impl IntoIterator<Item = KeyValue>) -> Self {
        Self { attributes: AttributeSet::new(attributes), schema_url: Cow::Borrowed("") }
    }

    /// A resource with `service.name` alone.
    pub fn service(name: impl Into<Cow<'static, str>>) -> Self {
        Self::new([KeyValue::new("service.name", name.into())])
    }

    /// `service.name`, or `unknown_service` as OpenTelemetry prescribes.
    pub fn service_name(&self) -> &str {
        match self.attributes.get("service.name") {
            Some(Value::String(s)) if !s.is_empty() => s,
            _ => "unknown_service",
        }
    }

    /// Both resources in one; where they differ, `updating` wins.
    ///
    /// The rules are those of the resource SDK specification, "Merge": the schema is the one that is not empty, and
    /// if both are there and differ, none, since no single schema describes the result.
    #[must_use]
    pub fn merge(&self, updating: &Self) -> Self {
        let schema_url = match (&*self.schema_url, &*updating.schema_url) {
            (_, "") => self.schema_url.clone(),
            ("", _) => updating.schema_url.clone(),
            (a, b) if a == b => self.schema_url.clone(),
            _ => Cow::Borrowed(""),
        };
        Self { attributes: self.attributes.iter().chain(&updating.attributes).cloned().collect(), schema_url }
    }
}

/// The library that recorded: OpenTelemetry's instrumentation scope.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// Usually the crate's name.
    pub name: Cow<'static, str>,
    /// Its version, or empty.
    pub version: Cow<'static, str>,
    /// The schema of the attribute names, or empty.
    pub schema_url: Cow<'static, str>,
    /// Further description.
    pub attributes: AttributeSet,
}

impl Scope {
    /// A scope known at compile time.
    pub const fn from_static(name: &'static str, version: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            version: Cow::Borrowed(version),
            schema_url: Cow::Borrowed(""),
            attributes: AttributeSet::EMPTY,
        }
    }

    /// A scope with a name alone.
    pub fn named(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_updating_resource_wins_and_schemas_must_agree() {
        let with = |schema: &'static str, value: i64| Resource {
            schema_url: Cow::Borrowed(schema),
            ..Resource::new([KeyValue::new("k", value), KeyValue::new(format!("own{value}"), value)])
        };
        let merged = with("", 1).merge(&with("s", 2));
        assert_eq!(merged.attributes.get("k"), Some(&Value::I64(2)));
        assert_eq!(merged.attributes.len(), 3);
        assert_eq!(merged.schema_url, "s");
        for (old, new, both) in [("s", "", "s"), ("s", "s", "s"), ("s", "t", "")] {
            assert_eq!(with(old, 1).merge(&with(new, 2)).schema_url, both);
        }
    }
}
