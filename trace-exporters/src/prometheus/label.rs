//! Labels of a series: cleaned, joined where they collide, escaped.

use std::borrow::Cow;
use std::fmt::Write as _;

use trace_core::model::{AttributeSet, KeyValue, Scope};

use super::name::label_name;

/// Renders labels without building a map for each series.
#[derive(Default)]
pub(super) struct Labels<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    text: String,
}

impl<'a> Labels<'a> {
    /// `a="1",b="2"`: the attributes and `fixed` labels by name. Values of names that become equal are joined with
    /// `;` in the order of their original keys. `reserved` is a name that the format itself needs.
    pub(super) fn render(
        &mut self,
        attributes: &'a AttributeSet,
        fixed: &'a [(String, String)],
        reserved: Option<&str>,
    ) -> &str {
        self.pairs.clear();
        self.pairs.extend(attributes.iter().map(|kv| {
            let name = label_name(&kv.key);
            let name = if reserved == Some(&*name) { Cow::Owned(format!("exported_{name}")) } else { name };
            (name, text_of(kv))
        }));
        self.pairs.extend(fixed.iter().map(|(n, v)| (Cow::Borrowed(n.as_str()), Cow::Borrowed(v.as_str()))));
        // Stable, and attribute sets are sorted by key: equal names keep the order of their keys.
        self.pairs.sort_by(|a, b| a.0.cmp(&b.0));

        self.text.clear();
        for same in self.pairs.chunk_by(|a, b| a.0 == b.0) {
            if !self.text.is_empty() {
                self.text.push(',');
            }
            let [(name, first), more @ ..] = same else { continue };
            // Writing to a String does not fail.
            let _ = write!(self.text, "{name}=\"");
            escape(first, &mut self.text);
            for (_, value) in more {
                self.text.push(';');
                escape(value, &mut self.text);
            }
            self.text.push('"');
        }
        &self.text
    }
}

fn text_of(kv: &KeyValue) -> Cow<'_, str> {
    match kv.value.as_ref().as_str() {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(kv.value.to_string()),
    }
}

/// The labels that name the library on every series; empty ones are left out, which means the same.
pub(super) fn scope_labels(scope: &Scope) -> Vec<(String, String)> {
    let named = [("name", &scope.name), ("version", &scope.version), ("schema_url", &scope.schema_url)];
    let known = named.iter().filter(|(_, v)| !v.is_empty());
    let mut labels: Vec<(String, String)> =
        known.map(|(k, v)| (format!("otel_scope_{k}"), v.to_string())).collect();
    for kv in &scope.attributes {
        // Attributes of these names would hide the labels above.
        if !named.iter().any(|(k, _)| *k == kv.key) {
            let name = label_name(&format!("otel_scope_{}", kv.key)).into_owned();
            labels.push((name, text_of(kv).into_owned()));
        }
    }
    labels
}

/// Escapes a label value: backslash, quote, newline.
fn escape(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn render(attributes: &[(&'static str, &str)]) -> String {
        let set = attributes.iter().map(|(k, v)| KeyValue::new(*k, v.to_string())).collect();
        Labels::default().render(&set, &[], Some("le")).to_owned()
    }

    #[test]
    fn names_that_collide_join_their_values_in_key_order() {
        assert_eq!(render(&[("a_b", "2"), ("a.b", "1"), ("z", "3")]), r#"a_b="1;2",z="3""#);
    }

    #[test]
    fn values_are_escaped() {
        assert_eq!(render(&[("p", "C:\\x \"y\"\nz")]), r#"p="C:\\x \"y\"\nz""#);
    }

    #[test]
    fn a_reserved_name_is_renamed() {
        assert_eq!(render(&[("le", "1")]), r#"exported_le="1""#);
    }

    #[test]
    fn scope_attributes_do_not_hide_the_scopes_own_name() {
        let mut scope = Scope::from_static("lib", "");
        scope.attributes = AttributeSet::new([KeyValue::new("name", "x"), KeyValue::new("a.b", 1)]);
        let expected = [("otel_scope_name", "lib"), ("otel_scope_a_b", "1")];
        assert_eq!(scope_labels(&scope), expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    proptest! {
        #[test]
        fn an_escaped_value_is_one_line_and_reads_back(value in "[\\\\\"\n a-z]{0,20}|\\PC{0,20}") {
            let mut out = String::new();
            escape(&value, &mut out);
            prop_assert!(!out.contains('\n'));
            let mut back = String::new();
            let mut chars = out.chars();
            while let Some(c) = chars.next() {
                prop_assert_ne!(c, '"');
                back.push(match c {
                    '\\' => match chars.next() { Some('n') => '\n', Some(c) => c, None => panic!("open escape") },
                    c => c,
                });
            }
            prop_assert_eq!(back, value);
        }
    }
}
