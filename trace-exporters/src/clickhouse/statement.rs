//! A question with its values beside it.

use std::fmt::{Display, Write as _};

/// A `SELECT` whose values travel as query parameters: no text of a user becomes a part of the statement.
#[derive(Debug, Default)]
pub(super) struct Statement {
    pub(super) sql: String,
    /// Values of `p0`, `p1` and so on, escaped as the server reads them.
    pub(super) parameters: Vec<String>,
}

impl Statement {
    /// A placeholder for a text.
    pub(super) fn text(&mut self, value: &str) -> String {
        let mut escaped = String::with_capacity(value.len());
        for c in value.chars() {
            // Values of parameters are read as TabSeparated fields are.
            match c {
                '\\' => escaped += "\\\\",
                '\t' => escaped += "\\t",
                '\n' => escaped += "\\n",
                '\r' => escaped += "\\r",
                '\0' => escaped += "\\0",
                c => escaped.push(c),
            }
        }
        self.bind(escaped, "String")
    }

    /// A placeholder for a number.
    pub(super) fn number(&mut self, value: f64) -> String {
        self.bind(value, "Float64")
    }

    /// A placeholder for an integer.
    pub(super) fn integer(&mut self, value: i64) -> String {
        self.bind(value, "Int64")
    }

    fn bind(&mut self, value: impl Display, kind: &str) -> String {
        self.parameters.push(value.to_string());
        format!("{{p{}:{kind}}}", self.parameters.len() - 1)
    }

    /// The parameters as a part of a URL's query, each with a leading `&`.
    pub(super) fn query(&self) -> String {
        self.parameters.iter().enumerate().fold(String::new(), |mut query, (i, value)| {
            let _ = write!(query, "&param_p{i}={}", encoded(value));
            query
        })
    }
}

/// Percent-encodes a value (RFC 3986, section 2.3: unreserved characters stay).
pub(super) fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}
