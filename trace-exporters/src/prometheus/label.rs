//! Labels of a series: named, joined where they collide, escaped.

use std::borrow::Cow;

use trace_core::model::{AttributeSet, KeyValue, Scope};

use super::config::TranslationStrategy;
use super::escape::{Escaping, NameOf, is_legacy, push_quoted};
use super::name::{Kind, label_name};

/// How names are made, and how they are escaped for who asks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Naming {
    pub(crate) strategy: TranslationStrategy,
    pub(crate) escaping: Escaping,
}

impl Naming {
    /// The name of a metric family, and the word for its unit.
    pub(super) fn metric(self, name: &str, unit: &str, kind: Kind) -> (String, Option<String>) {
        let (name, unit) = self.strategy.metric_name(name, unit, kind);
        match self.escaping.escape(&name, NameOf::Metric) {
            Cow::Borrowed(_) => (name, unit),
            Cow::Owned(escaped) => {
                // Escaping may have doubled the underscore before it.
                let ends = |u: &String| escaped.trim_end_matches("_total").ends_with(&format!("_{u}"));
                let unit = unit.filter(ends);
                (escaped, unit)
            }
        }
    }

    /// The name of a label, never one that Prometheus keeps for itself.
    pub(super) fn label(self, key: &str) -> Cow<'_, str> {
        if self.strategy.cleans() {
            return label_name(key);
        }
        let name = match self.escaping.escape(key, NameOf::Label) {
            name if name.is_empty() => Cow::Borrowed("_"),
            name => name,
        };
        // `__name__` as an attribute must not rename the metric.
        if name.starts_with("__") { Cow::Owned(format!("exported_{name}")) } else { name }
    }
}

/// A label of a series.
pub(crate) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The attributes and `fixed` labels by name, each name once. Values of names that become equal are joined with `;` in
/// the order of their original keys; labels without a value are left out, which means the same. Names that are
/// `reserved` for the format itself are renamed.
pub(crate) fn merge<'a>(
    attributes: &'a AttributeSet,
    fixed: &'a [(String, String)],
    reserved: &[&str],
    naming: Naming,
) -> Vec<Pair<'a>> {
    let mut pairs: Vec<Pair<'a>> = Vec::with_capacity(attributes.len() + fixed.len());
    pairs.extend(attributes.iter().map(|kv| {
        let name = naming.label(&kv.key);
        let name = if reserved.contains(&&*name) { Cow::Owned(format!("exported_{name}")) } else { name };
        (name, text_of(kv))
    }));
    pairs.extend(fixed.iter().map(|(n, v)| (Cow::Borrowed(n.as_str()), Cow::Borrowed(v.as_str()))));
    // Stable, and attribute sets are sorted by key: equal names keep the order of their keys.
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            let joined = kept.1.to_mut();
            joined.push(';');
            joined.push_str(&later.1);
        }
        same
    });
    pairs.retain(|(_, value)| !value.is_empty());
    pairs
}

fn text_of(kv: &KeyValue) -> Cow<'_, str> {
    match kv.value.as_ref().as_str() {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(kv.value.to_string()),
    }
}

/// `a="1",b="2"`.
pub(super) fn push_text(pairs: &[Pair<'_>], out: &mut Vec<u8>) {
    for (i, (name, value)) in pairs.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push_name(name, out);
        out.extend_from_slice(b"=\"");
        push_quoted(value, out);
        out.push(b'"');
    }
}

/// A label's name, in quotes if it needs them.
fn push_name(name: &str, out: &mut Vec<u8>) {
    if is_legacy(name, NameOf::Label) {
        out.extend_from_slice(name.as_bytes());
    } else {
        out.push(b'"');
        push_quoted(name, out);
        out.push(b'"');
    }
}

/// The labels that name the library on every series.
pub(crate) fn scope_labels(scope: &Scope, naming: Naming) -> Vec<(String, String)> {
    let named = [("name", &scope.name), ("version", &scope.version), ("schema_url", &scope.schema_url)];
    let known = named.iter().filter(|(_, v)| !v.is_empty());
    let mut labels: Vec<(String, String)> =
        known.map(|(k, v)| (format!("otel_scope_{k}"), v.to_string())).collect();
    for kv in &scope.attributes {
        // Attributes of these names would hide the labels above.
        if !named.iter().any(|(k, _)| *k == kv.key) {
            let name = naming.label(&format!("otel_scope_{}", kv.key)).into_owned();
            labels.push((name, text_of(kv).into_owned()));
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render_as(naming: Naming, attributes: &[(&'static str, &str)]) -> String {
        let set = attributes.iter().map(|(k, v)| KeyValue::new(*k, v.to_string())).collect();
        let mut out = Vec::new();
        push_text(&merge(&set, &[], &["le"], naming), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn render(attributes: &[(&'static str, &str)]) -> String {
        render_as(Naming::default(), attributes)
    }

    #[test]
    fn names_that_collide_join_their_values_in_key_order() {
        assert_eq!(render(&[("a_b", "2"), ("a.b", "1"), ("z", "3")]), r#"a_b="1;2",z="3""#);
    }

    #[test]
    fn values_are_escaped_and_empty_ones_left_out() {
        assert_eq!(render(&[("p", "C:\\x \"y\"\nz"), ("q", "")]), r#"p="C:\\x \"y\"\nz""#);
    }

    #[test]
    fn a_reserved_name_is_renamed() {
        assert_eq!(render(&[("le", "1")]), r#"exported_le="1""#);
    }

    #[test]
    fn names_in_utf8_are_quoted_or_escaped_and_never_prometheus_own() {
        let attributes = [("__name__", "x"), ("a.b", "1"), ("a\"b", "2"), ("", "3")];
        let naming = |escaping| Naming { strategy: TranslationStrategy::NoTranslation, escaping };
        assert_eq!(
            render_as(naming(Escaping::AllowUtf8), &attributes),
            r#"_="3","a\"b"="2","a.b"="1",exported___name__="x""#
        );
        assert_eq!(
            render_as(naming(Escaping::Underscores), &attributes),
            r#"_="3",a_b="2;1",exported___name__="x""#
        );
        let hidden = [("..name..", "x")];
        assert_eq!(render_as(naming(Escaping::Underscores), &hidden), r#"exported___name__="x""#);
    }

    #[test]
    fn scope_attributes_do_not_hide_the_scopes_own_name() {
        let mut scope = Scope::from_static("lib", "");
        scope.attributes = AttributeSet::new([KeyValue::new("name", "x"), KeyValue::new("a.b", 1)]);
        let expected = [("otel_scope_name", "lib"), ("otel_scope_a_b", "1")];
        assert_eq!(
            scope_labels(&scope, Naming::default()),
            expected.map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
    }
}
