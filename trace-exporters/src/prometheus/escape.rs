//! Names outside of Prometheus' old character set, for readers that cannot take them.
//!
//! Rules: Prometheus, "Escaping Schemes" (<https://prometheus.io/docs/instrumenting/escaping_schemes/>). As in
//! Prometheus' own libraries, a name that is within the old set stays as it is.

use std::borrow::Cow;
use std::fmt::Write as _;

/// What becomes of characters outside of `[a-zA-Z0-9_:]`. The reader of a scrape asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// They stay; such names are written in quotes.
    AllowUtf8,
    /// Each becomes `_`.
    #[default]
    Underscores,
    /// `.` becomes `_dot_`, `_` becomes `__`, as does any other.
    Dots,
    /// The name begins with `U__`, and each becomes its code point in hexadecimal digits between underscores.
    Values,
}

/// What a name is of: labels have no colons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameOf {
    Metric,
    Label,
}

impl Escaping {
    /// The word of the parameter `escaping`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
        }
    }

    /// The scheme of a word; `None` if there is none.
    pub(super) fn read(word: &str) -> Option<Self> {
        [Self::AllowUtf8, Self::Underscores, Self::Dots, Self::Values]
            .into_iter()
            .find(|e| e.as_str() == word)
    }

    /// The name as the reader takes it.
    pub(super) fn escape(self, name: &str, of: NameOf) -> Cow<'_, str> {
        if self == Self::AllowUtf8 || is_legacy(name, of) {
            return Cow::Borrowed(name);
        }
        let mut out = String::with_capacity(name.len() + 8);
        if self == Self::Values {
            out.push_str("U__");
        }
        for (i, c) in name.chars().enumerate() {
            let legacy = is_legacy_char(c, i == 0, of);
            match self {
                Self::Underscores => out.push(if legacy { c } else { '_' }),
                Self::Dots if c == '.' => out.push_str("_dot_"),
                _ if c == '_' => out.push_str("__"),
                _ if legacy => out.push(c),
                Self::Values => {
                    // Writing to a String does not fail.
                    let _ = write!(out, "_{:x}_", u32::from(c));
                }
                _ => out.push_str("__"),
            }
        }
        Cow::Owned(out)
    }
}

/// Whether every reader takes the name without quotes.
pub(super) fn is_legacy(name: &str, of: NameOf) -> bool {
    !name.is_empty() && name.chars().enumerate().all(|(i, c)| is_legacy_char(c, i == 0, of))
}

fn is_legacy_char(c: char, first: bool, of: NameOf) -> bool {
    c.is_ascii_alphabetic()
        || c == '_'
        || (c == ':' && of == NameOf::Metric)
        || (c.is_ascii_digit() && !first)
}

/// Appends text for use between quotes: backslash, quote and newline escaped. NUL, which ends the text for some
/// readers, becomes U+FFFD.
pub(super) fn push_quoted(text: &str, out: &mut Vec<u8>) {
    push_escaped(text, true, out);
}

/// The same for `HELP`, where quotes stand for themselves unless the format is OpenMetrics.
pub(super) fn push_escaped(text: &str, quotes: bool, out: &mut Vec<u8>) {
    for b in text.bytes() {
        match b {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b => out.push(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a reader does with an escaped value.
    fn unquoted(text: &str) -> Option<String> {
        let mut back = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            back.push(match c {
                '\\' => match chars.next()? {
                    'n' => '\n',
                    c => c,
                },
                '"' | '\n' => return None,
                c => c,
            });
        }
        Some(back)
    }

    /// What a reader does with a name that [`Escaping::Values`] wrote.
    fn unescaped(name: &str) -> Option<String> {
        let Some(mut rest) = name.strip_prefix("U__") else { return Some(name.to_owned()) };
        let mut out = String::new();
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            if c != '_' {
                out.push(c);
            } else if let Some(after) = rest.strip_prefix('_') {
                out.push('_');
                rest = after;
            } else {
                let (digits, after) = rest.split_once('_')?;
                out.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                rest = after;
            }
        }
        Some(out)
    }

    #[test]
    fn names_are_escaped_as_the_reader_asks() {
        let all = |name, of| {
            [Escaping::AllowUtf8, Escaping::Underscores, Escaping::Dots, Escaping::Values]
                .map(|e| e.escape(name, of).into_owned())
        };
        assert_eq!(all("a.b_c", NameOf::Metric), ["a.b_c", "a_b_c", "a_dot_b__c", "U__a_2e_b__c"]);
        assert_eq!(all("a:b", NameOf::Label), ["a:b", "a_b", "a__b", "U__a_3a_b"]);
        assert_eq!(all("a:b_c", NameOf::Metric), ["a:b_c"; 4]);
        assert_eq!(all("0é", NameOf::Metric), ["0é", "__", "____", "U___30__e9_"]);
    }

    proptest! {
        #[test]
        fn an_escaped_value_is_one_line_and_reads_back(value in "[\\\\\"\n a-z]{0,20}|[^\0]{0,20}") {
            let mut out = Vec::new();
            push_quoted(&value, &mut out);
            prop_assert_eq!(unquoted(std::str::from_utf8(&out).unwrap()), Some(value));
        }

        #[test]
        fn no_reader_is_given_a_character_it_does_not_take(name in "\\PC{1,20}|[a-z._:]{1,20}") {
            for of in [NameOf::Metric, NameOf::Label] {
                for escaping in [Escaping::Underscores, Escaping::Dots, Escaping::Values] {
                    let escaped = escaping.escape(&name, of);
                    prop_assert!(is_legacy(&escaped, of), "{} {:?}", escaped, escaping);
                }
                // A name that begins as the scheme marks its own does so by itself.
                prop_assume!(!name.starts_with("U__"));
                let values = Escaping::Values.escape(&name, of);
                prop_assert_eq!(unescaped(&values), Some(name.clone()));
            }
        }
    }
}
