//! Rules on Rust source: module docs, reasons, and nothing left undone.

use super::Problem;
use super::mask::code_only;
use super::problem::line_of;

const UNDONE: [&str; 3] = ["todo", "unimplemented", "dbg"];

pub(crate) fn check(path: &str, source: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let documented = source.lines().next().and_then(|line| line.strip_prefix("//!"));
    if documented.is_none_or(|doc| doc.trim().is_empty()) {
        problems.push(Problem::new(path, 1, "the first line must be a `//!` doc line: what this file holds"));
    }
    let code = code_only(source);
    for macro_name in UNDONE {
        for at in calls(&code, macro_name) {
            problems.push(Problem::new(path, line_of(&code, at), format!("`{macro_name}!` is left in")));
        }
    }
    for at in allows_without_reason(&code) {
        problems.push(Problem::new(path, line_of(&code, at), "`allow` without `reason = \"...\"`"));
    }
    problems
}

fn calls<'a>(code: &'a str, name: &str) -> impl Iterator<Item = usize> + 'a {
    let called = format!("{name}!");
    let found: Vec<usize> = code.match_indices(&called).map(|(at, _)| at).collect();
    found.into_iter().filter(move |at| {
        let before = code[..*at].chars().next_back();
        let negated = code[at + called.len()..].starts_with('=');
        !negated && !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// Positions of `#[allow(..)]`, `#![allow(..)]` and `cfg_attr(.., allow(..))` whose list gives no reason.
fn allows_without_reason(code: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices('#') {
        let after = code[start + 1..].trim_start_matches(['!', ' ']);
        let Some(attribute) = after.strip_prefix('[').map(|rest| up_to_close(rest, '[', ']')) else {
            continue;
        };
        for (at, _) in attribute.match_indices("allow(") {
            let whole_word = !attribute[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let list = up_to_close(&attribute[at + "allow(".len()..], '(', ')');
            let reason = list.split(',').any(|item| {
                item.trim_start()
                    .strip_prefix("reason")
                    .is_some_and(|rest| rest.trim_start().starts_with('='))
            });
            if whole_word && !reason {
                found.push(start);
            }
        }
    }
    found
}

/// The text up to the bracket that closes an already open one.
fn up_to_close(text: &str, open: char, close: char) -> &str {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return &text[..at];
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(body: &str) -> Vec<String> {
        check("a.rs", &format!("//! Doc.\n{body}\n")).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_begins_with_a_doc_line() {
        assert_eq!(check("a.rs", "//! Holds a thing.\n"), []);
        for source in ["", "\n//! Late.\n", "// plain\n", "//!\n", "use std::fmt;\n"] {
            assert_eq!(check("a.rs", source).len(), 1, "{source:?}");
        }
    }

    #[test]
    fn undone_work_is_found_in_code() {
        assert_eq!(problems("fn f() {\n    todo!()\n}"), ["a.rs:3: `todo!` is left in"]);
        assert_eq!(problems("fn f() { unimplemented!(\"x\") }").len(), 1);
        assert_eq!(problems("let x = std::dbg!(1);").len(), 1);
    }

    #[test]
    fn undone_work_is_not_found_in_comments_strings_and_longer_names() {
        let body = "// todo!()\n/// `dbg!`\nlet s = \"unimplemented!()\"; my_todo!(); if dbg!=x {}";
        assert!(problems(body).is_empty(), "{:?}", problems(body));
    }

    #[test]
    fn an_allow_needs_a_reason() {
        let missing = "a.rs:2: `allow` without `reason = \"...\"`";
        assert_eq!(problems("#[allow(dead_code)]"), [missing]);
        assert_eq!(problems("#![allow(clippy::x, clippy::y)]"), [missing]);
        assert_eq!(problems("#[cfg_attr(test, allow(dead_code))]"), [missing]);
        assert_eq!(problems("#[allow(\n    dead_code,\n)]"), [missing]);
    }

    #[test]
    fn an_allow_with_a_reason_passes_over_several_lines_too() {
        assert!(problems("#[allow(dead_code, reason = \"kept for f(x)]\")]").is_empty());
        assert!(problems("#[allow(\n    dead_code,\n    reason = \"why\",\n)]").is_empty());
        assert!(problems("// #[allow(dead_code)]").is_empty());
        assert!(problems("#[disallow(x)]\n#[expect(dead_code)]").is_empty());
    }
}
