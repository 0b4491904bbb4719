//! One scalar of the tree, read as the type that is wanted.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::Value;

use super::secret::Secret;
use super::section::Source;

/// What is shown of a value.
const MAX_SHOWN: usize = 64;

/// One scalar with its path. Reading a wrong type reports it and gives `None`, as if the key were not there.
pub(super) struct Field<'a> {
    source: Source<'a>,
    path: String,
    scalar: Option<Scalar>,
    /// It was given, and is reported as one that cannot be used.
    wrong: bool,
    /// It comes from a variable of the OpenTelemetry specification: what cannot be used is a warning.
    lenient: bool,
}

#[derive(Clone)]
enum Scalar {
    Bool(bool),
    Number(serde_json::Number),
    Text {
        text: String,
        /// As written, with its variables: what they hold may be a secret.
        shown: String,
        /// All of it comes from one variable, so it may stand for a number or a boolean.
        typeless: bool,
        /// A variable without a default had no value.
        missing: bool,
    },
}

impl<'a> Field<'a> {
    pub(super) fn new(source: Source<'a>, path: String, value: Option<&'a Value>) -> Self {
        let mut wrong = false;
        let scalar = value.and_then(|v| Self::resolve(source, &path, v, &mut wrong));
        Self { source, path, scalar, wrong, lenient: false }
    }

    fn resolve(source: Source<'_>, path: &str, value: &Value, wrong: &mut bool) -> Option<Scalar> {
        let mut error = |message: String| {
            *wrong = true;
            source.report.error(path, message);
        };
        match value {
            Value::Null => None,
            Value::Bool(b) => Some(Scalar::Bool(*b)),
            Value::Number(n) => Some(Scalar::Number(n.clone())),
            Value::String(raw) => {
                let expansion = match super::expand::expand(raw, source.env) {
                    Ok(expansion) => expansion,
                    Err(e) => {
                        error(e.to_string());
                        return None;
                    }
                };
                if expansion.text.trim().is_empty() {
                    if raw.trim().is_empty() {
                        error("is empty: give it a value or leave the key out".to_owned());
                    }
                    return None;
                }
                if expansion.text.chars().any(char::is_control) {
                    error("has a line break or another control character".to_owned());
                    return None;
                }
                Some(Scalar::Text {
                    text: expansion.text,
                    shown: quoted(raw),
                    typeless: expansion.whole,
                    missing: expansion.missing,
                })
            }
            Value::Array(_) | Value::Object(_) => {
                error(format!("is {}; allowed: a single value", shown(value)));
                None
            }
        }
    }

    /// The environment variable that stands in for a key that is not there.
    pub(super) fn env(self, name: &'static str) -> Self {
        self.env_as(name, |text| text)
    }

    /// The same for a variable of the OpenTelemetry specification: if its value cannot be used, that is a warning, and the
    /// default stays.
    pub(super) fn otel_env(self, name: &'static str) -> Self {
        let given = self.given();
        let field = self.env(name);
        Self { lenient: !given && field.given(), ..field }
    }

    /// The same for a variable whose value stands for another one.
    pub(super) fn env_as(mut self, name: &'static str, meant: impl FnOnce(String) -> String) -> Self {
        if !self.given()
            && let Some(text) = (self.source.env)(name).filter(|v| !v.trim().is_empty()).map(meant)
        {
            self.path = format!("{} (from {name})", self.path);
            if text.chars().any(char::is_control) {
                self.wrong = true;
                self.error("has a line break or another control character");
            } else {
                let shown = quoted(&text);
                self.scalar = Some(Scalar::Text { text, shown, typeless: true, missing: false });
            }
        }
        self
    }

    /// The key, and the variable if the value came from one.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether it was given and cannot be used, which was reported.
    pub(super) fn is_wrong(&self) -> bool {
        self.wrong
    }

    /// Whether one of its variables is unset.
    pub(super) fn is_partial(&self) -> bool {
        matches!(self.scalar, Some(Scalar::Text { missing: true, .. }))
    }

    pub(super) fn present(&self) -> bool {
        self.scalar.is_some()
    }

    /// Whether there is a value, usable or not.
    pub(super) fn given(&self) -> bool {
        self.scalar.is_some() || self.wrong
    }

    pub(super) fn error(&self, message: impl Into<String>) {
        if self.lenient {
            let message: String = message.into();
            self.source.report.warning(&self.path, format!("{message}; ignored"));
        } else {
            self.source.report.error(&self.path, message);
        }
    }

    pub(super) fn text(&self) -> Option<String> {
        self.as_text().map(str::to_owned)
    }

    /// A text that is never shown. It is absent if one of its variables is unset: half a secret is none.
    pub(super) fn secret(&self) -> Option<Secret> {
        match self.scalar.as_ref()? {
            Scalar::Text { missing: true, .. } => None,
            Scalar::Text { text, .. } => Some(Secret::new(text)),
            Scalar::Bool(_) | Scalar::Number(_) => {
                self.error("is not text: put it in quotes");
                None
            }
        }
    }

    /// The value of an attribute, of whatever type it is written as. What comes from a variable is text.
    pub(super) fn value(&self) -> Option<trace_core::model::Value> {
        Some(match self.scalar.as_ref()? {
            Scalar::Bool(v) => (*v).into(),
            Scalar::Number(n) => match n.as_i64() {
                Some(whole) => whole.into(),
                None => n.as_f64()?.into(),
            },
            Scalar::Text { text, .. } => text.clone().into(),
        })
    }

    pub(super) fn flag(&self) -> Option<bool> {
        match self.scalar.as_ref()? {
            Scalar::Bool(v) => Some(*v),
            Scalar::Text { text, typeless: true, .. } if text.eq_ignore_ascii_case("true") => Some(true),
            Scalar::Text { text, typeless: true, .. } if text.eq_ignore_ascii_case("false") => Some(false),
            _ => self.refuse("true or false"),
        }
    }

    pub(super) fn number(&self, range: RangeInclusive<f64>) -> Option<f64> {
        let value = match self.scalar.as_ref()? {
            Scalar::Number(n) => n.as_f64(),
            Scalar::Text { text, typeless: true, .. } => text.trim().parse().ok(),
            _ => None,
        };
        value
            .filter(|v| range.contains(v))
            .or_else(|| self.refuse(format_args!("a number from {} to {}", range.start(), range.end())))
    }

    pub(super) fn integer(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let value = match self.scalar.as_ref()? {
            Scalar::Number(n) => n.as_u64(),
            Scalar::Text { text, typeless: true, .. } => text.trim().parse().ok(),
            _ => None,
        };
        value.filter(|v| range.contains(v)).or_else(|| match (*range.start(), *range.end()) {
            (least, u64::MAX) => self.refuse(format_args!("a whole number from {least}")),
            (least, most) => self.refuse(format_args!("a whole number from {least} to {most}")),
        })
    }

    /// A port; 0 lets the system choose.
    pub(super) fn port(&self) -> Option<u16> {
        self.integer(0..=u64::from(u16::MAX)).and_then(|v| u16::try_from(v).ok())
    }

    /// A text that a type reads; the type's error says what is allowed.
    pub(super) fn parse<T: FromStr<Err: Display>>(&self) -> Option<T> {
        // Of a number that would be wrong as a text too, quotes are not what is missing.
        let unquoted = match self.scalar.as_ref()? {
            Scalar::Number(v) => v.to_string().parse::<T>().err(),
            Scalar::Bool(_) | Scalar::Text { .. } => None,
        };
        if let Some(e) = unquoted {
            return self.refuse(e);
        }
        match self.as_text()?.trim().parse() {
            Ok(value) => Some(value),
            Err(e) => self.refuse(e),
        }
    }

    /// One of a few words, in any case.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.as_text()?;
        words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(text.trim()))
            .map(|(_, v)| *v)
            .or_else(|| self.refuse(words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")))
    }

    /// The value as text, whatever it is.
    pub(super) fn any_text(&self) -> Option<String> {
        Some(match self.scalar.as_ref()? {
            Scalar::Bool(v) => v.to_string(),
            Scalar::Number(v) => v.to_string(),
            Scalar::Text { text, .. } => text.clone(),
        })
    }

    /// The parts of a text with commas; empty parts are left out.
    pub(super) fn split_at_commas(self) -> Vec<Field<'a>> {
        let Some(Scalar::Text { text, shown, typeless, missing }) = &self.scalar else {
            return if self.present() { vec![self] } else { Vec::new() };
        };
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| Field {
                source: self.source,
                path: self.path.clone(),
                wrong: false,
                lenient: self.lenient,
                scalar: Some(Scalar::Text {
                    text: part.to_owned(),
                    shown: shown.clone(),
                    typeless: *typeless,
                    missing: *missing,
                }),
            })
            .collect()
    }

    fn as_text(&self) -> Option<&str> {
        match self.scalar.as_ref()? {
            Scalar::Text { text, .. } => Some(text),
            Scalar::Bool(v) => not_text(self.source, &self.path, v),
            Scalar::Number(v) => not_text(self.source, &self.path, v),
        }
    }

    /// Says that the value is none of what is allowed.
    pub(super) fn refuse<T>(&self, allowed: impl Display) -> Option<T> {
        let shown = match self.scalar.as_ref()? {
            Scalar::Bool(v) => v.to_string(),
            Scalar::Number(v) => v.to_string(),
            Scalar::Text { shown, .. } => shown.clone(),
        };
        self.error(format!("is {shown}; allowed: {allowed}"));
        None
    }
}

fn not_text<T>(source: Source<'_>, path: &str, value: impl Display) -> Option<T> {
    source.report.error(path, format!("is {value}; allowed: text (put it in quotes)"));
    None
}

/// A value as it may be shown where another kind of value was expected.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a section".to_owned(),
    }
}

/// A text in quotes, cut, and without what addresses carry of secrets: user, password and query.
fn quoted(text: &str) -> String {
    let cut: String = without_secrets(text).chars().take(MAX_SHOWN).collect();
    format!("{cut:?}")
}

/// An address without its user, password and query; other texts stay.
pub(super) fn without_secrets(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(authority) = text.find("://").map(|i| i + 3) {
        let end = text[authority..].find(['/', '?', '#']).map_or(text.len(), |i| authority + i);
        if let Some(at) = text[authority..end].rfind('@') {
            text.replace_range(authority..authority + at, "***");
        }
        if let Some(query) = text.find('?') {
            text.replace_range(query + 1.., "***");
        }
    }
    text
}
