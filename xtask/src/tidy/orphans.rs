//! Every source file is part of a crate: some module declares it.

use std::collections::BTreeMap;

use super::Problem;
use super::mask::code_only;

/// Files that no `mod` line names; the compiler never sees them, so nothing else would say that they are dead.
pub(crate) fn check(files: &BTreeMap<String, String>) -> Vec<Problem> {
    let orphans = files.keys().filter(|path| is_module(path) && !is_declared(path, files));
    orphans
        .map(|path| Problem::new(path, 1, "no module declares this file: declare it or delete it"))
        .collect()
}

/// Below `src/`, and not where a crate begins.
fn is_module(path: &str) -> bool {
    let from_root = format!("/{path}");
    let Some((_, inside)) = from_root.split_once("/src/") else { return false };
    let is_root = matches!(inside, "lib.rs" | "main.rs")
        || inside.strip_prefix("bin/").is_some_and(|bin| !bin.contains('/') || bin.ends_with("/main.rs"));
    inside.ends_with(".rs") && !is_root
}

fn is_declared(path: &str, files: &BTreeMap<String, String>) -> bool {
    let Some((folder, file)) = path.rsplit_once('/') else { return false };
    // `a/b/mod.rs` is the module `b` of `a`.
    let (name, home) = match file {
        "mod.rs" => match folder.rsplit_once('/') {
            Some((home, name)) => (name, home),
            None => return false,
        },
        _ => (file.trim_end_matches(".rs"), folder),
    };
    let parents = ["mod.rs", "lib.rs", "main.rs"].map(|parent| format!("{home}/{parent}"));
    let declaration = format!("mod {name};");
    // A module may name a file beside it by a path of its own.
    let beside = files.iter().filter(|(other, _)| other.rsplit_once('/').is_some_and(|(f, _)| f == folder));
    let by_path = format!("#[path = \"{file}\"]");
    if beside.into_iter().any(|(other, text)| other != path && text.contains(&by_path)) {
        return true;
    }
    parents.iter().chain([&format!("{home}.rs")]).filter_map(|parent| files.get(parent)).any(|text| {
        let code = code_only(text);
        let mut lines = code.lines().map(|line| line.trim_start().trim_start_matches("pub "));
        lines.any(|line| line == declaration || line.ends_with(&format!(") {declaration}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orphans(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        check(&files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_that_is_declared_in_any_way_is_no_orphan() {
        let lib = "pub mod a;\npub(crate) mod b;\n#[path = \"c_none.rs\"]\nmod c;\nmod d;";
        let found = orphans(&[
            ("x/src/lib.rs", lib),
            ("x/src/a.rs", "mod inner;"),
            ("x/src/a/inner.rs", ""),
            ("x/src/b/mod.rs", "mod leaf;"),
            ("x/src/b/leaf.rs", ""),
            ("x/src/c_none.rs", ""),
            ("x/src/d.rs", ""),
            ("x/src/bin/tool.rs", ""),
            ("src/main.rs", "mod e;"),
            ("src/e.rs", ""),
            ("x/tests/alone.rs", ""),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_file_that_nobody_declares_is_named() {
        let found = orphans(&[("x/src/lib.rs", "// mod gone;\nmod here_not;"), ("x/src/gone.rs", "")]);
        assert_eq!(found, ["x/src/gone.rs:1: no module declares this file: declare it or delete it"]);
    }
}
