//! Rules on the documents: ARCHITECTURE.md stays short, README.md names commands that exist.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Problem;
use crate::COMMANDS;

const ARCHITECTURE: &str = "docs/ARCHITECTURE.md";
/// Two printed pages.
const ARCHITECTURE_LINES: usize = 120;
const README: &str = "README.md";

/// What a command in the README may name.
#[derive(Default)]
pub(crate) struct Known {
    packages: BTreeSet<String>,
    /// Target names by kind: `bin`, `example`, `bench`, `test`.
    targets: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    pub(crate) fn from_metadata(metadata: &Value) -> Self {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut known = Self::default();
        for package in list(&metadata["packages"]) {
            known.packages.insert(text(&package["name"]));
            for target in list(&package["targets"]) {
                for kind in list(&target["kind"]) {
                    known.targets.entry(text(&kind)).or_default().insert(text(&target["name"]));
                }
            }
        }
        known
    }

    fn has(&self, kind: &str, name: &str) -> bool {
        self.targets.get(kind).is_some_and(|names| names.contains(name))
    }
}

pub(crate) fn check(files: &BTreeMap<String, String>, known: &Known) -> Vec<Problem> {
    let mut problems = Vec::new();
    match files.get(ARCHITECTURE).map(|text| text.lines().count()) {
        None => problems.push(Problem::new(ARCHITECTURE, 1, "the file is missing")),
        Some(lines) if lines > ARCHITECTURE_LINES => {
            let message = format!("{lines} lines, at most {ARCHITECTURE_LINES} (two pages) are allowed");
            problems.push(Problem::new(ARCHITECTURE, lines, message));
        }
        Some(_) => {}
    }
    match files.get(README) {
        None => problems.push(Problem::new(README, 1, "the file is missing")),
        Some(text) => problems.extend(commands(text).into_iter().filter_map(|(line, command)| {
            unknown(&command, known).map(|message| Problem::new(README, line, message))
        })),
    }
    problems
}

/// Every `cargo ...` in backticks or in a fenced block, with its line.
fn commands(readme: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in readme.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let pieces: Vec<&str> = if fenced {
            vec![line.split(" #").next().unwrap_or(line)]
        } else {
            line.split('`').skip(1).step_by(2).collect()
        };
        for piece in pieces {
            let command = piece.trim().trim_start_matches("$ ");
            if command.starts_with("cargo ") {
                found.push((index + 1, command.to_owned()));
            }
        }
    }
    found
}

/// Why a command cannot work, if it names what does not exist.
fn unknown(command: &str, known: &Known) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().take_while(|word| *word != "--").collect();
    let subcommand = words.get(1)?;
    if *subcommand == "xtask" {
        let name = words.get(2).copied().unwrap_or("help");
        let exists = COMMANDS.iter().any(|(command, _)| *command == name);
        return (!exists).then(|| format!("`{command}`: xtask has no command `{name}`"));
    }
    // Other subcommands name foreign packages too (`cargo add`, `cargo install`).
    if !["run", "test", "build", "bench", "check"].contains(subcommand) {
        return None;
    }
    words.windows(2).find_map(|pair| {
        let exists = match pair[0] {
            "-p" | "--package" => known.packages.contains(pair[1]),
            "--bin" => known.has("bin", pair[1]),
            "--example" => known.has("example", pair[1]),
            "--bench" => known.has("bench", pair[1]),
            "--test" => known.has("test", pair[1]),
            _ => true,
        };
        (!exists).then(|| format!("`{command}`: there is no `{} {}`", pair[0], pair[1]))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(architecture: &str, readme: &str) -> Vec<String> {
        let metadata = json!({"packages": [{"name": "examples", "targets": [
            {"name": "quickstart", "kind": ["bin"]},
        ]}]});
        let files =
            [(ARCHITECTURE.to_owned(), architecture.to_owned()), (README.to_owned(), readme.to_owned())];
        let known = Known::from_metadata(&metadata);
        check(&files.into(), &known).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn architecture_fits_two_pages() {
        assert!(problems(&"x\n".repeat(120), "").is_empty());
        assert_eq!(problems(&"x\n".repeat(121), "").len(), 1);
    }

    #[test]
    fn both_documents_must_exist() {
        assert_eq!(check(&BTreeMap::new(), &Known::default()).len(), 2);
    }

    #[test]
    fn commands_that_exist_pass() {
        let readme = "Say `cargo xtask test`.\n```sh\n$ cargo run --release -- demo # look\n\
                      cargo run -p examples --bin quickstart\ncargo add trace-core\n```\n";
        assert!(problems("", readme).is_empty(), "{:?}", problems("", readme));
    }

    #[test]
    fn commands_that_do_not_exist_fail_at_their_line() {
        assert!(problems("", "a\n`cargo xtask tests`\n")[0].starts_with("README.md:2: "));
        assert_eq!(problems("", "```\ncargo run -p examples --bin slowstart\n```\n").len(), 1);
        assert_eq!(problems("", "`cargo test -p trace-cor`").len(), 1);
    }
}
