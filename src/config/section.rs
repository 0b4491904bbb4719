//! Walks the tree: a section knows its path, and every key that is asked for is a known one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::expand::Env;
use super::field::{Field, shown};
use super::report::Report;

/// Entries read of one list or free-form section.
const MAX_ENTRIES: usize = 256;
/// What is shown and compared of a key.
const MAX_KEY: usize = 64;

/// What all sections share.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) env: Env<'a>,
    pub(super) report: &'a Report,
}

/// One section of the tree. A section that is not there reads as empty.
pub(super) struct Section<'a> {
    source: Source<'a>,
    path: String,
    present: bool,
    /// By the camelCase form of the key: the key as written, and its value.
    entries: BTreeMap<String, (&'a str, &'a Value)>,
    known: RefCell<Vec<&'static str>>,
    /// Keys of several sections of a kind.
    named: RefCell<Vec<String>>,
    /// Which keys there may be is not known.
    any_key: Cell<bool>,
}

impl<'a> Section<'a> {
    /// Reads the whole tree with `read`, which must ask for every key that exists. All others are reported.
    pub(super) fn root<T>(source: Source<'a>, tree: &'a Value, read: impl FnOnce(&Self) -> T) -> T {
        Self::open(source, String::new(), Some(tree), read)
    }

    fn open<T>(
        source: Source<'a>,
        path: String,
        value: Option<&'a Value>,
        read: impl FnOnce(&Self) -> T,
    ) -> T {
        let section = Self::new(source, path, value);
        let result = read(&section);
        section.report_unknown_keys();
        result
    }

    fn new(source: Source<'a>, path: String, value: Option<&'a Value>) -> Self {
        let mut entries = BTreeMap::<String, (&'a str, &'a Value)>::new();
        for (key, value) in object(source, &path, value).into_iter().flatten() {
            let camel = camel_case(key);
            if let Some((first, _)) = entries.get(&camel) {
                let path = join(&path, key);
                source.report.error(&path, format!("is the same key as {}; keep one", printable(first)));
            } else {
                entries.insert(camel, (key.as_str(), value));
            }
        }
        let present = value.is_some_and(Value::is_object);
        Self {
            source,
            path,
            present,
            entries,
            known: RefCell::default(),
            named: RefCell::default(),
            any_key: Cell::new(false),
        }
    }

    pub(super) fn source(&self) -> Source<'a> {
        self.source
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether the section is there.
    pub(super) fn is_present(&self) -> bool {
        self.present
    }

    /// Whether a key has a value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|(_, value)| !value.is_null())
    }

    /// Passes over keys that nobody asks for: which ones there may be depends on something that cannot be read.
    pub(super) fn leave_the_rest(&self) {
        self.any_key.set(true);
    }

    /// Whether `enabled` is true. Left out, it is true if the section is there, else `otherwise`.
    pub(super) fn enabled_or(&self, otherwise: bool) -> bool {
        self.field("enabled").flag().unwrap_or(self.present || otherwise)
    }

    pub(super) fn field(&self, key: &'static str) -> Field<'a> {
        let (path, value) = self.take(key);
        Field::new(self.source, path, value)
    }

    pub(super) fn section<T>(&self, key: &'static str, read: impl FnOnce(&Section<'a>) -> T) -> T {
        let (path, value) = self.take(key);
        Section::open(self.source, path, value, read)
    }

    /// Sections of one kind that have names, `kind/NAME`; the whole key goes to `read`.
    pub(super) fn named<T>(&self, kind: &str, read: impl Fn(&Section<'a>, &str) -> T) -> Vec<T> {
        let of_kind = |key: &&String| key.strip_prefix(kind).is_some_and(|rest| rest.starts_with('/'));
        let keys: Vec<&String> = self.entries.keys().filter(of_kind).collect();
        self.named.borrow_mut().extend(keys.iter().map(|key| (*key).clone()));
        let legal = |key: &&&String| {
            let name = &key[kind.len() + 1..];
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            let legal = (1..=MAX_KEY).contains(&name.len()) && name.bytes().all(plain);
            if !legal {
                let message =
                    format!("is not a name: write {kind}/NAME, with letters, digits, '.', '-' and '_'");
                self.source.report.error(&join(&self.path, key), message);
            }
            legal
        };
        let keys: Vec<&String> = keys.iter().filter(legal).copied().collect();
        self.bounded(&self.path, keys.into_iter())
            .map(|key| {
                let (written, value) = self.entries[key];
                Section::open(self.source, join(&self.path, written), Some(value), |s| read(s, key))
            })
            .collect()
    }

    /// The entries that nobody has asked for so far, as they are written.
    pub(super) fn rest(&self) -> Vec<(&'a str, &'a Value)> {
        let known = self.known.borrow();
        let rest = self.entries.iter().filter(|(camel, _)| !known.contains(&camel.as_str()));
        rest.map(|(_, entry)| *entry).collect()
    }

    /// Everything in it, as it is written.
    pub(super) fn written(&self) -> impl Iterator<Item = (String, Value)> {
        self.entries.values().map(|(key, value)| ((*key).to_owned(), (*value).clone()))
    }

    /// The keys that were asked for.
    pub(super) fn asked_for(&self) -> Vec<&'static str> {
        self.known.borrow().clone()
    }

    /// A list of sections.
    pub(super) fn sections<T>(&self, key: &'static str, read: impl Fn(&Section<'a>) -> T) -> Vec<T> {
        let (path, value) = self.take(key);
        let items = match value {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.source.report.error(&path, format!("is {}; allowed: a list of sections", shown(other)));
                return Vec::new();
            }
        };
        self.bounded(&path, items.iter().enumerate())
            .map(|(i, item)| Section::open(self.source, format!("{path}[{i}]"), Some(item), &read))
            .collect()
    }

    /// A list of texts, or one text with commas (so that a variable can hold a list). Texts whose variables are
    /// unset are left out. `None` if the key is not there.
    pub(super) fn list(&self, key: &'static str) -> Option<Vec<Field<'a>>> {
        let (path, value) = self.take(key);
        match value? {
            Value::Null => None,
            Value::Array(items) => Some(
                self.bounded(&path, items.iter().enumerate())
                    .map(|(i, item)| Field::new(self.source, format!("{path}[{i}]"), Some(item)))
                    .filter(Field::present)
                    .collect(),
            ),
            Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                let message = format!("is {}; allowed: a list of texts, such as [a, b]", shown(value?));
                self.source.report.error(&path, message);
                Some(Vec::new())
            }
            one => {
                let parts = Field::new(self.source, path.clone(), Some(one)).split_at_commas();
                Some(self.bounded(&path, parts.into_iter()).collect())
            }
        }
    }

    /// The entries of a section whose keys are free.
    pub(super) fn entries(&self, key: &'static str) -> Vec<(&'a str, Field<'a>)> {
        let (path, value) = self.take(key);
        let map = object(self.source, &path, value);
        self.bounded(&path, map.into_iter().flatten())
            .map(|(name, value)| (name.as_str(), Field::new(self.source, join(&path, name), Some(value))))
            .collect()
    }

    /// An environment variable that is not empty.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.source.env)(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
    }

    /// The `OTEL_*` variables that concern the core.
    pub(super) fn otel(&self) -> trace_core::env::EnvSettings {
        trace_core::env::EnvSettings::read(self.source.env)
    }

    /// Says that something will not happen as asked.
    pub(super) fn warn(&self, message: impl Into<String>) {
        self.source.report.warning(&self.path, message);
    }

    /// Says it of another section.
    pub(super) fn warn_at(&self, path: &str, message: impl Into<String>) {
        self.source.report.warning(path, message);
    }

    /// Says that a key must be given.
    pub(super) fn missing(&self, key: &'static str, hint: &str) {
        self.source.report.error(&join(&self.path, key), format!("is missing: {hint}"));
    }

    /// Says that something below does not fit to the rest.
    pub(super) fn error_at(&self, key: &str, message: impl Into<String>) {
        self.source.report.error(&join(&self.path, key), message);
    }

    /// Says that keys do not fit together.
    pub(super) fn error(&self, message: impl Into<String>) {
        self.source.report.error(&self.path, message);
    }

    fn take(&self, key: &'static str) -> (String, Option<&'a Value>) {
        self.known.borrow_mut().push(key);
        match self.entries.get(key) {
            Some((written, value)) => (join(&self.path, written), Some(value)),
            None => (join(&self.path, key), None),
        }
    }

    fn bounded<T>(&self, path: &str, items: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        let mut items = items.fuse();
        let mut left = MAX_ENTRIES;
        std::iter::from_fn(move || {
            if left == 0 {
                if items.next().is_some() {
                    self.source.report.error(path, format!("has more than {MAX_ENTRIES} entries"));
                }
                return None;
            }
            left -= 1;
            items.next()
        })
    }

    fn report_unknown_keys(&self) {
        if self.any_key.get() {
            return;
        }
        let known = self.known.borrow();
        for (camel, (written, _)) in &self.entries {
            if known.contains(&camel.as_str()) || self.named.borrow().contains(camel) {
                continue;
            }
            self.source.report.error(&join(&self.path, written), unknown_key(camel, &known));
        }
    }
}

fn object<'a>(source: Source<'_>, path: &str, value: Option<&'a Value>) -> Option<&'a Map<String, Value>> {
    match value? {
        Value::Null => None,
        Value::Object(map) => Some(map),
        other => {
            let path = if path.is_empty() { "the configuration" } else { path };
            source.report.error(path, format!("is {}; allowed: a section", shown(other)));
            None
        }
    }
}

/// What is said of a key that there is not.
pub(super) fn unknown_key(key: &str, known: &[&str]) -> String {
    let (kind, name) = key.split_once('/').map_or((key, None), |(kind, name)| (kind, Some(name)));
    match (nearest(kind, known), name) {
        (Some(key), None) => format!("is not a known key; did you mean {key}?"),
        (Some(key), Some(_)) => format!("is not a known key; did you mean {key}/...?"),
        (None, _) => format!("is not a known key; known here: {}", known.join(", ")),
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    let key = printable(key);
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// A key as it may be printed: short, and without control characters.
fn printable(key: &str) -> String {
    key.chars().take(MAX_KEY).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// `sampling_rate` as `samplingRate`; other keys stay, and so does what follows a `/`.
pub(super) fn camel_case(key: &str) -> String {
    if let Some((kind, name)) = key.split_once('/') {
        return format!("{}/{name}", camel_case(kind));
    }
    let mut out = String::with_capacity(key.len());
    let mut chars = key.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(next) if c == '_' && !out.is_empty() && next.is_ascii_lowercase() => {
                out.push(next.to_ascii_uppercase());
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// The known key that was probably meant: at most a third of its letters differ.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let lower =
        |s: &str| s.chars().filter(|c| c.is_alphanumeric()).take(MAX_KEY).collect::<String>().to_lowercase();
    let key = lower(key);
    known
        .iter()
        .map(|k| (strsim::damerau_levenshtein(&key, &lower(k)), *k))
        .filter(|(distance, k)| *distance <= (k.len() / 3).max(1))
        .min()
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case_keys_become_camel_case_and_others_stay() {
        for (key, camel) in [
            ("sampling_rate", "samplingRate"),
            ("samplingRate", "samplingRate"),
            ("a_b_c", "aBC"),
            ("_x", "_x"),
            ("x_", "x_"),
            ("x__y", "x_Y"),
            ("SAMPLING_RATE", "SAMPLING_RATE"),
            ("", ""),
        ] {
            assert_eq!(camel_case(key), camel, "{key}");
        }
    }

    #[test]
    fn the_nearest_key_is_named_only_if_it_is_near() {
        let known = ["enabled", "samplingRate", "exporters"];
        assert_eq!(nearest("samplingrat", &known), Some("samplingRate"));
        assert_eq!(nearest("SAMPLING_RATE", &known), Some("samplingRate"));
        assert_eq!(nearest("exporter", &known), Some("exporters"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), &known), None);
    }
}
