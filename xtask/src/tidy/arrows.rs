//! Which crate may import which: `mplp-trace -> {exporters, anomaly, alerting, context} -> core`.

use std::path::Path;

use serde_json::Value;

use super::Problem;

const ROOT: &str = "mplp-trace";
const CORE: &str = "trace-core";
const SIBLINGS: [&str; 4] =
    ["trace-exporters", "trace-anomaly", "trace-alerting", "trace-context-integration"];
const EXAMPLES: &str = "examples";
const XTASK: &str = "xtask";

/// Every dependency counts, development and build ones too.
pub(crate) fn check(root: &Path, metadata: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in list(&metadata["packages"]) {
        let name = package["name"].as_str().unwrap_or_default();
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        let path = manifest.strip_prefix(root).unwrap_or(manifest).to_string_lossy().into_owned();
        if let Some(message) = misplaced(name, &path) {
            problems.push(Problem::new(&path, 1, message));
            continue;
        }
        let text = std::fs::read_to_string(manifest).unwrap_or_default();
        for dependency in list(&package["dependencies"]) {
            let imported = dependency["name"].as_str().unwrap_or_default();
            if !dependency["path"].is_null() && !allowed(name, imported) {
                let kind = dependency["kind"].as_str().map(|kind| format!("{kind}-")).unwrap_or_default();
                let message = format!("{name} must not import {imported} ({kind}dependency)");
                problems.push(Problem::new(&path, line_naming(&text, imported), message));
            }
        }
    }
    problems
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The crates are known, and each is in the folder of its name.
fn misplaced(name: &str, manifest: &str) -> Option<String> {
    let known = SIBLINGS.contains(&name) || [ROOT, CORE, EXAMPLES, XTASK].contains(&name);
    if !known {
        return Some(format!("{name}: no further crate without a decision in docs/adr"));
    }
    let expected = if name == ROOT { "Cargo.toml".to_owned() } else { format!("{name}/Cargo.toml") };
    (manifest != expected).then(|| format!("{name} belongs in {expected}"))
}

fn allowed(name: &str, imported: &str) -> bool {
    let library = imported == CORE || SIBLINGS.contains(&imported);
    // A package may name itself, to switch on a feature for its own tests.
    name == imported
        || match name {
            ROOT => library,
            EXAMPLES => library || imported == ROOT,
            _ if SIBLINGS.contains(&name) => imported == CORE,
            _ => false,
        }
}

fn line_naming(manifest: &str, dependency: &str) -> usize {
    let names = |line: &str| {
        let line = line.trim_start().trim_start_matches('"');
        line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with([' ', '.', '=', '"']))
            || line.starts_with('[') && line.trim_end().ends_with(&format!(".{dependency}]"))
    };
    manifest.lines().position(names).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(name: &str, manifest: &str, dependencies: &Value) -> Vec<String> {
        let metadata = json!({"packages": [
            {"name": name, "manifest_path": format!("/r/{manifest}"), "dependencies": dependencies},
        ]});
        check(Path::new("/r"), &metadata).iter().map(ToString::to_string).collect()
    }

    fn imports(name: &str, imported: &str, kind: &Value) -> Vec<String> {
        let manifest = if name == ROOT { "Cargo.toml".to_owned() } else { format!("{name}/Cargo.toml") };
        let path = format!("/r/{imported}");
        problems(name, &manifest, &json!([{"name": imported, "path": path, "kind": kind}]))
    }

    #[test]
    fn arrows_of_the_design_pass() {
        for sibling in SIBLINGS {
            assert!(imports(ROOT, sibling, &Value::Null).is_empty());
            assert!(imports(sibling, CORE, &Value::Null).is_empty());
            assert!(imports(EXAMPLES, sibling, &Value::Null).is_empty());
            assert!(imports(sibling, sibling, &json!("dev")).is_empty());
        }
        assert!(imports(EXAMPLES, ROOT, &Value::Null).is_empty());
    }

    #[test]
    fn every_other_arrow_fails_development_dependencies_included() {
        let wrong = [
            ("trace-alerting", "trace-anomaly"),
            (CORE, "trace-exporters"),
            (CORE, ROOT),
            ("trace-exporters", ROOT),
            (XTASK, CORE),
            (ROOT, EXAMPLES),
            (EXAMPLES, XTASK),
        ];
        for (name, imported) in wrong {
            for kind in [Value::Null, json!("dev"), json!("build")] {
                assert_eq!(imports(name, imported, &kind).len(), 1, "{name} -> {imported} as {kind}");
            }
        }
        let message = &imports("trace-alerting", "trace-anomaly", &json!("dev"))[0];
        let expected =
            "trace-alerting/Cargo.toml:1: trace-alerting must not import trace-anomaly (dev-dependency)";
        assert_eq!(message, expected);
    }

    #[test]
    fn a_crate_of_the_registry_is_no_arrow() {
        let dependencies = json!([{"name": "serde_json", "kind": null}]);
        assert!(problems(XTASK, "xtask/Cargo.toml", &dependencies).is_empty());
    }

    #[test]
    fn an_unknown_crate_and_a_misplaced_one_fail() {
        assert_eq!(problems("trace-utils", "trace-utils/Cargo.toml", &json!([])).len(), 1);
        assert_eq!(problems(CORE, "crates/core/Cargo.toml", &json!([])).len(), 1);
    }

    #[test]
    fn the_line_of_a_dependency_is_found_in_each_way_of_writing_it() {
        let manifest = "[package]\ntrace-core-extra = 1\ntrace-core.workspace = true\n";
        assert_eq!(line_naming(manifest, "trace-core"), 3);
        assert_eq!(line_naming("a\nb = 1\n\"c\" = 1\n", "c"), 3);
        assert_eq!(line_naming("a\n[dependencies.c]\n", "c"), 2);
        assert_eq!(line_naming("a\n", "c"), 1);
    }
}
