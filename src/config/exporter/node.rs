//! A place in the tree, as serde reads it.

use std::cell::Cell;

use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, Error as _, IntoDeserializer as _, Visitor};
use serde_json::Value;

use super::type_error::TypeError;
use super::typed::Told;
use crate::config::field::Field;
use crate::config::section::{Source, camel_case, join, unknown_key};

/// Entries read of one list or section.
const MAX_ENTRIES: usize = 256;

/// What one reading shares.
pub(super) struct Context<'a> {
    pub(super) source: Source<'a>,
    pub(super) told: Told,
    /// The keys of the type that is read.
    pub(super) known: Cell<&'static [&'static str]>,
    /// Keys of the same section that are read elsewhere.
    pub(super) also_known: Vec<&'static str>,
}

/// One place: a section, a list, or a scalar that was resolved.
pub(super) struct Node<'r, 'a> {
    context: &'r Context<'a>,
    path: String,
    input: Input<'a>,
    secret: bool,
    root: bool,
}

enum Input<'a> {
    Section(Vec<(&'a str, &'a Value)>, Vec<(&'static str, Field<'a>)>),
    List(&'a [Value]),
    Scalar(Field<'a>),
}

impl<'r, 'a> Node<'r, 'a> {
    /// The section itself, with values for keys that it does not have.
    pub(super) fn root(
        context: &'r Context<'a>,
        path: &str,
        entries: &[(&'a str, &'a Value)],
        fallbacks: Vec<(&'static str, Field<'a>)>,
    ) -> Self {
        let input = Input::Section(entries.to_vec(), fallbacks);
        Self { context, path: path.to_owned(), input, secret: false, root: true }
    }

    /// A place that has a value which was not reported before.
    fn at(context: &'r Context<'a>, path: String, value: &'a Value, secret: bool) -> Option<Self> {
        if context.told.borrow().contains(&path) {
            return None;
        }
        let input = match value {
            Value::Null => return None,
            Value::Array(items) => Input::List(items),
            Value::Object(map) => {
                Input::Section(map.iter().map(|(k, v)| (k.as_str(), v)).collect(), Vec::new())
            }
            scalar => {
                return Self::scalar(
                    context,
                    path.clone(),
                    Field::new(context.source, path, Some(scalar)),
                    secret,
                );
            }
        };
        Some(Self { context, path, input, secret, root: false })
    }

    fn scalar(context: &'r Context<'a>, path: String, field: Field<'a>, secret: bool) -> Option<Self> {
        if field.is_wrong() {
            context.told.borrow_mut().insert(path);
            return None;
        }
        // Half a secret is none.
        if !field.present() || (secret && field.is_partial()) {
            return None;
        }
        Some(Self { context, path, input: Input::Scalar(field), secret, root: false })
    }

    fn shown(&self) -> &'static str {
        match &self.input {
            Input::Section(..) => "a section",
            Input::List(_) => "a list",
            Input::Scalar(_) => "a single value",
        }
    }

    /// The scalar, or that one is wanted.
    fn field(&self, wanted: &str) -> Result<&Field<'a>, TypeError> {
        match &self.input {
            Input::Scalar(field) => Ok(field),
            _ => Err(TypeError::Wrong(wanted.to_owned())),
        }
    }

    fn text(&self) -> Result<String, TypeError> {
        let field = self.field("text")?;
        let text = if self.secret { field.secret().map(|s| s.expose().to_owned()) } else { field.text() };
        text.ok_or(TypeError::Told)
    }

    fn whole(&self, most: u64) -> Result<u64, TypeError> {
        self.field("a whole number")?.integer(0..=most).ok_or(TypeError::Told)
    }

    /// The entries of a section; for a type with known keys, under their names there.
    fn entries(self, fields: Option<&'static [&'static str]>) -> Result<Entries<'r, 'a>, TypeError> {
        let Self { context, path, input, root, .. } = self;
        let Input::Section(written, fallbacks) = input else {
            return Err(TypeError::Wrong("a section".to_owned()));
        };
        if let Some(fields) = fields.filter(|_| root) {
            context.known.set(fields);
        }
        let told = |path: &str, message: String| {
            if context.told.borrow_mut().insert(path.to_owned()) {
                context.source.report.error(path, message);
            }
        };
        if written.len() > MAX_ENTRIES {
            told(&path, format!("has more than {MAX_ENTRIES} entries"));
        }
        let mut items: Vec<(String, Node<'r, 'a>)> = Vec::new();
        for (key, value) in written.into_iter().take(MAX_ENTRIES) {
            let place = join(&path, key);
            let name = match fields {
                None => key,
                Some(fields) => match fields.iter().find(|f| camel_case(f) == camel_case(key)) {
                    Some(field) => field,
                    None => {
                        told(&place, unknown_key(&camel_case(key), &known(fields, root, context)));
                        continue;
                    }
                },
            };
            if items.iter().any(|(n, _)| n == name) {
                told(&place, "is given twice; keep one".to_owned());
                continue;
            }
            let secret = path.ends_with("headers") || name == "password";
            items.extend(Node::at(context, place, value, secret).map(|node| (name.to_owned(), node)));
        }
        for (key, field) in fallbacks {
            let name = fields.unwrap_or_default().iter().find(|f| camel_case(f) == key).unwrap_or(&key);
            let node = Node::scalar(context, field.path().to_owned(), field, false);
            let node = node.filter(|node| !context.told.borrow().contains(&node.path));
            items.extend(node.map(|node| ((*name).to_owned(), node)));
        }
        Ok(Entries { items: items.into_iter(), value: None })
    }
}

/// The keys as people write them.
fn known<'k>(fields: &'static [&'static str], root: bool, context: &Context<'_>) -> Vec<&'k str> {
    let mut known: Vec<&str> = if root { context.also_known.clone() } else { Vec::new() };
    for field in fields {
        // Both spellings may be among the fields; the one without a `_` is what the documents show.
        let twin = fields.iter().find(|f| !f.contains('_') && camel_case(f) == camel_case(field));
        let field = twin.unwrap_or(field);
        if !known.contains(field) {
            known.push(field);
        }
    }
    known
}

struct Entries<'r, 'a> {
    items: std::vec::IntoIter<(String, Node<'r, 'a>)>,
    value: Option<Node<'r, 'a>>,
}

/// Reads a value; what is wrong with it is reported with its place.
fn value<'de, S: DeserializeSeed<'de>>(node: Node<'_, '_>, seed: S) -> Result<S::Value, TypeError> {
    let (context, path, shown) = (node.context, node.path.clone(), node.shown());
    seed.deserialize(node).map_err(|error| context.tell(&path, shown, error))
}

impl<'de> de::MapAccess<'de> for Entries<'_, '_> {
    type Error = TypeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, TypeError> {
        let Some((key, node)) = self.items.next() else { return Ok(None) };
        self.value = Some(node);
        let key: StringDeserializer<TypeError> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, TypeError> {
        match self.value.take() {
            Some(node) => value(node, seed),
            None => Err(TypeError::custom("a value was asked for before its key")),
        }
    }
}

struct Items<'r, 'a>(std::vec::IntoIter<Node<'r, 'a>>);

impl<'de> de::SeqAccess<'de> for Items<'_, '_> {
    type Error = TypeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, TypeError> {
        self.0.next().map(|node| value(node, seed)).transpose()
    }
}

macro_rules! whole_numbers {
    ($($method:ident $most:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
            visitor.visit_u64(self.whole($most)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Node<'_, '_> {
    type Error = TypeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        match &self.input {
            Input::Section(..) => self.deserialize_map(visitor),
            Input::List(_) => self.deserialize_seq(visitor),
            Input::Scalar(field) => match field.any_text() {
                Some(text) => visitor.visit_string(text),
                None => visitor.visit_unit(),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        visitor.visit_bool(self.field("true or false")?.flag().ok_or(TypeError::Told)?)
    }

    whole_numbers! {
        deserialize_u8 u64::from(u8::MAX);
        deserialize_u16 u64::from(u16::MAX);
        deserialize_u32 u64::from(u32::MAX);
        deserialize_u64 u64::MAX;
        deserialize_i8 i8::MAX.unsigned_abs().into();
        deserialize_i16 i16::MAX.unsigned_abs().into();
        deserialize_i32 i32::MAX.unsigned_abs().into();
        deserialize_i64 i64::MAX.unsigned_abs();
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        visitor.visit_f64(self.field("a number")?.number(f64::MIN..=f64::MAX).ok_or(TypeError::Told)?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        // What is absent has no node.
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        visitor.visit_newtype_struct(self)
    }

    /// Of a list, or of a text with commas, so that a variable can hold a list.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        let Self { context, path, input, .. } = self;
        let items: Vec<Node<'_, '_>> = match input {
            Input::List(items) => items
                .iter()
                .take(MAX_ENTRIES)
                .enumerate()
                .filter_map(|(i, item)| Node::at(context, format!("{path}[{i}]"), item, false))
                .collect(),
            Input::Scalar(field) => field
                .split_at_commas()
                .into_iter()
                .filter_map(|field| Node::scalar(context, path.clone(), field, false))
                .collect(),
            Input::Section(..) => return Err(TypeError::Wrong("a list".to_owned())),
        };
        visitor.visit_seq(Items(items.into_iter()))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        visitor.visit_map(self.entries(None)?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        visitor.visit_map(self.entries(Some(fields))?)
    }

    /// A word in any case; or a section with the word as its only key.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        let text = match &self.input {
            Input::Scalar(field) => field.any_text().unwrap_or_default(),
            Input::Section(..) => {
                return visitor.visit_enum(MapAccessDeserializer::new(self.entries(None)?));
            }
            Input::List(_) => return Err(TypeError::Wrong(words.join(", "))),
        };
        let word = words.iter().find(|word| word.eq_ignore_ascii_case(text.trim()));
        let word: StringDeserializer<TypeError> = word.map_or(text, |w| (*w).to_owned()).into_deserializer();
        visitor.visit_enum(word).map_err(|error| match (error, &self.input) {
            (TypeError::Wrong(allowed), Input::Scalar(field)) => {
                let _: Option<()> = field.refuse(allowed);
                TypeError::Told
            }
            (error, _) => error,
        })
    }

    serde::forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any i128 u128
    }
}
