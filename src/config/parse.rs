//! From text to a tree of plain values.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::ConfigErrors;

/// How a configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2; `yes` and `on` are text, not booleans.
    Yaml,
    /// JSON.
    Json,
}

/// The longest configuration that is read, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

const MAX_DEPTH: usize = 32;

impl Format {
    /// The format that a file name says.
    pub(super) fn of_extension(extension: Option<&str>) -> Option<Self> {
        match extension?.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Reads the text; without a format, JSON if it is JSON, else YAML.
pub(super) fn parse(text: &str, format: Option<Format>) -> Result<Value, ConfigErrors> {
    if text.len() > MAX_BYTES {
        return Err(ConfigErrors::whole(format!("the configuration is longer than {MAX_BYTES} bytes")));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = match format {
        Some(Format::Json) => json(text),
        Some(Format::Yaml) => yaml(text),
        None => json(text).or_else(|json| {
            // Text that opens like JSON is most likely meant as JSON: that error helps more.
            yaml(text).map_err(|yaml| if text.trim_start().starts_with('{') { json } else { yaml })
        }),
    }?;
    if depth(&tree) > MAX_DEPTH {
        return Err(ConfigErrors::whole(format!(
            "the configuration is nested deeper than {MAX_DEPTH} levels"
        )));
    }
    Ok(tree)
}

fn json(text: &str) -> Result<Value, ConfigErrors> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str::<Tree>(text)
        .map(|t| t.0)
        .map_err(|e| ConfigErrors::whole(format!("the configuration is not valid JSON: {e}")))
}

fn yaml(text: &str) -> Result<Value, ConfigErrors> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: 50_000,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 50_000 },
        strict_booleans: true,
        // A snippet could show a secret.
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Option<Tree>>(text, options)
        .map(|t| t.map_or(Value::Null, |t| t.0))
        .map_err(|e| {
            let what = match &e {
                // Its own words are for programmers.
                serde_saphyr::Error::DuplicateMappingKey { key: Some(key), location } => {
                    format!(
                        "key {key:?} is given twice at line {}, column {}",
                        location.line(),
                        location.column()
                    )
                }
                other => other.to_string(),
            };
            ConfigErrors::whole(format!("the configuration is not valid YAML: {what}"))
        })
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// A value whose objects have no key twice: JSON readers usually keep the last one in silence.
struct Tree(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, a boolean, a list or a section")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Tree, E> {
        Ok(Tree(Value::Bool(v)))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Tree, E> {
        Ok(Tree(Value::from(v)))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Tree, E> {
        Ok(Tree(Value::from(v)))
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Tree, E> {
        Number::from_f64(v)
            .map(|n| Tree(Value::Number(n)))
            .ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, v: &str) -> Result<Tree, E> {
        Ok(Tree(Value::String(v.to_owned())))
    }

    fn visit_string<E>(self, v: String) -> Result<Tree, E> {
        Ok(Tree(Value::String(v)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(Tree(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree(Value::Array(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Map::new();
        while let Some((key, Tree(value))) = map.next_entry::<String, Tree>()? {
            if entries.contains_key(&key) {
                return Err(de::Error::custom(format_args!("key {key:?} is given twice")));
            }
            entries.insert(key, value);
        }
        Ok(Tree(Value::Object(entries)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn message(text: &str, format: Option<Format>) -> String {
        parse(text, format).unwrap_err().to_string()
    }

    #[test]
    fn yaml_and_json_give_the_same_tree() {
        let expected = json!({"a": {"b": [1, 2.5, true, null, "x"]}});
        let yaml = "a:\n  b: [1, 2.5, true, null, x]\n";
        let json = r#"{"a": {"b": [1, 2.5, true, null, "x"]}}"#;
        for (text, format) in
            [(yaml, Some(Format::Yaml)), (json, Some(Format::Json)), (yaml, None), (json, None)]
        {
            assert_eq!(parse(text, format).unwrap(), expected, "{text} {format:?}");
        }
    }

    #[test]
    fn anchors_and_merge_keys_work() {
        let text = "base: &b {timeoutMs: 5, compression: gzip}\none: *b\ntwo:\n  <<: *b\n  timeoutMs: 7\n";
        let tree = parse(text, Some(Format::Yaml)).unwrap();
        assert_eq!(tree["one"], json!({"timeoutMs": 5, "compression": "gzip"}));
        assert_eq!(tree["two"], json!({"timeoutMs": 7, "compression": "gzip"}));
    }

    #[test]
    fn words_that_only_look_like_booleans_are_text() {
        assert_eq!(
            parse("a: no\nb: on\nc: 'true'", None).unwrap(),
            json!({"a": "no", "b": "on", "c": "true"})
        );
    }

    #[test]
    fn an_empty_text_is_an_empty_tree() {
        for text in ["", "  \n", "# nothing\n", "\u{feff}"] {
            assert_eq!(parse(text, None).unwrap(), Value::Null, "{text:?}");
            assert_eq!(parse(text, Some(Format::Yaml)).unwrap(), Value::Null, "{text:?}");
        }
        assert_eq!(parse(" ", Some(Format::Json)).unwrap(), Value::Null);
    }

    #[test]
    fn a_key_twice_is_an_error_in_both_formats() {
        assert!(
            message(r#"{"a":1,"a":2}"#, Some(Format::Json)).contains(r#"key "a" is given twice at line 1"#)
        );
        let m = message("a: 1\na: 2", Some(Format::Yaml));
        assert!(m.contains(r#"key "a" is given twice at line 2"#), "{m}");
    }

    #[test]
    fn a_syntax_error_says_where_and_shows_no_line() {
        let text = "password: hunter2\nb: [hunter3\n";
        let m = message(text, Some(Format::Yaml));
        assert!(m.contains("line 3") || m.contains("line 2"), "{m}");
        assert!(!m.contains("hunter"), "{m}");
        let m = message("{\"password\": \"hunter2\"", None);
        assert!(m.contains("not valid JSON") && m.contains("line 1") && !m.contains("hunter"), "{m}");
    }

    #[test]
    fn size_and_depth_are_bounded() {
        assert!(message(&"#".repeat(MAX_BYTES + 1), None).contains("longer than 1048576 bytes"));
        let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
        assert!(message(&deep, Some(Format::Json)).contains("nested deeper than 32"));
        assert!(parse(&deep, Some(Format::Yaml)).is_err());
        let very_deep = "[".repeat(100_000);
        assert!(parse(&very_deep, Some(Format::Json)).is_err());
        assert!(parse(&very_deep, Some(Format::Yaml)).is_err());
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..9 {
            let refs = vec![format!("*a{}", i - 1); 10].join(",");
            text.push_str(&format!("a{i}: &a{i} [{refs}]\n"));
        }
        assert!(parse(&text, Some(Format::Yaml)).is_err());
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        assert!(parse("a: .nan", Some(Format::Yaml)).is_err());
        assert!(parse("a: 1e999", Some(Format::Json)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\PC\n\t]{0,80}") {
            let _ = parse(&text, None);
            let _ = parse(&text, Some(Format::Yaml));
        }
    }
}
