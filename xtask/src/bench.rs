//! `cargo xtask bench [NAME] [--json]`: measurements against named peers.
//!
//! A bench is a program `examples/benches/NAME.rs` that prints one JSON object a line:
//! `{"case","ours","peer","peer_name","unit","ratio","goal","met"}`. It is judged by who reads it: a goal
//! that is missed on a busy machine is shown, but fails nothing.

mod table;

use serde_json::Value;
use table::{Row, table};

use crate::{Result, cargo, process};

const PACKAGE: &str = "examples";

/// Runs the named bench, or all. With `--json` standard output holds the benches' lines alone.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let json = arguments.iter().any(|argument| argument == "--json");
    let names: Vec<&String> = arguments.iter().filter(|argument| *argument != "--json").collect();
    let known = known()?;
    let chosen: Vec<String> = match names.as_slice() {
        [] => known,
        [name] if known.contains(name) => vec![(*name).clone()],
        [name] => {
            return Err(format!("unknown bench `{name}`; the benches are: {}", known.join(", ")).into());
        }
        _ => return Err("usage: cargo xtask bench [NAME] [--json]".into()),
    };
    for name in chosen {
        measure(&name, json)?;
    }
    Ok(())
}

fn known() -> Result<Vec<String>> {
    let metadata = cargo::metadata()?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let targets = packages.iter().find(|package| package["name"] == PACKAGE);
    let targets = targets.and_then(|package| package["targets"].as_array()).cloned().unwrap_or_default();
    let is_bench = |target: &Value| target["kind"].as_array().is_some_and(|k| k.contains(&"bench".into()));
    let benches: Vec<String> = targets
        .iter()
        .filter(|target| is_bench(target))
        .filter_map(|target| target["name"].as_str().map(str::to_owned))
        .collect();
    if benches.is_empty() { Err(format!("package {PACKAGE} has no bench").into()) } else { Ok(benches) }
}

fn measure(name: &str, json: bool) -> Result<()> {
    let mut command = cargo::command("bench");
    command.args(["--package", PACKAGE, "--all-features", "--bench", name, "--", "--json"]);
    let mut rows = Vec::new();
    let output = process::read(&mut command, cargo::BUILD_LIMIT)?;
    for line in output.lines() {
        let Some(row) = Row::read(line) else { continue };
        if json {
            println!("{line}");
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(format!("bench {name} printed no measurement").into());
    }
    if !json {
        println!("bench {name}\n{}", table(&rows));
    }
    Ok(())
}
