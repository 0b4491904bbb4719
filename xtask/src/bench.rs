//! `cargo xtask bench [NAME] [--json | --markdown]`: measurements against named peers.
//!
//! A bench is a program `CRATE/benches/NAME.rs` that prints one JSON object a line:
//! `{"case","ours","peer","peer_name","unit","ratio","goal","met"}`. It is judged by who reads it: a goal
//! that is missed on a busy machine is shown, but fails nothing.

mod machine;
mod markdown;
mod table;

use table::{Row, table};

use crate::{Result, cargo, process};

/// A bench, and the package that has it.
#[derive(Debug)]
struct Bench {
    package: String,
    name: String,
}

/// How the measurements are printed.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Table,
    Json,
    Markdown,
}

/// Runs the named bench, or all. With `--json` standard output holds the benches' lines alone; with `--markdown` a table
/// for the README.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let asked = |form: &str| arguments.iter().any(|argument| argument == form);
    let form = match (asked("--json"), asked("--markdown")) {
        (true, false) => Form::Json,
        (false, true) => Form::Markdown,
        (false, false) => Form::Table,
        (true, true) => return Err("--json and --markdown exclude each other".into()),
    };
    let names: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let known = known()?;
    let listed = || known.iter().map(|b| b.name.as_str()).collect::<Vec<_>>().join(", ");
    let chosen: Vec<&Bench> = match names.as_slice() {
        [] => known.iter().collect(),
        [name] => known.iter().filter(|b| b.name == **name).collect(),
        _ => return Err("usage: cargo xtask bench [NAME] [--json | --markdown]".into()),
    };
    if chosen.is_empty() {
        return Err(format!("no such bench; the benches are: {}", listed()).into());
    }
    if form != Form::Json {
        println!("{}", machine::name());
    }
    chosen.into_iter().try_for_each(|bench| measure(bench, form))
}

fn known() -> Result<Vec<Bench>> {
    let metadata = cargo::metadata()?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let mut benches = Vec::new();
    for package in packages {
        for target in package["targets"].as_array().into_iter().flatten() {
            let is_bench = target["kind"].as_array().is_some_and(|k| k.contains(&"bench".into()));
            if let (true, Some(package), Some(name)) =
                (is_bench, package["name"].as_str(), target["name"].as_str())
            {
                benches.push(Bench { package: package.to_owned(), name: name.to_owned() });
            }
        }
    }
    Ok(benches)
}

fn measure(Bench { package, name }: &Bench, form: Form) -> Result<()> {
    let mut command = cargo::command("bench");
    command.args(["--package", package, "--all-features", "--bench", name, "--", "--json"]);
    let mut rows = Vec::new();
    let output = process::read(&mut command, cargo::BUILD_LIMIT)?;
    for line in output.lines() {
        let Some(row) = Row::read(line) else { continue };
        if form == Form::Json {
            println!("{line}");
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(format!("bench {name} printed no measurement").into());
    }
    match form {
        Form::Json => {}
        Form::Markdown => println!("\n{}", markdown::table(&rows)),
        Form::Table => println!("bench {name}\n{}", table(&rows)),
    }
    Ok(())
}
