//! `cargo xtask bench [NAME] [--json | --markdown]`: measurements against named peers.
//!
//! A bench is a program `CRATE/benches/NAME.rs` that prints one JSON object a line:
//! `{"case","ours","peer","peer_name","unit","ratio","goal","met"}`. It is judged by who reads it: a goal
//! that is missed on a busy machine is shown, but fails nothing. One that lacks a program prints `{"skipped": why}`
//! instead; in continuous integration (variable `CI`) that is a failure if the bench was asked for by name.

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
    let must_run = !names.is_empty() && std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
    chosen.into_iter().try_for_each(|bench| measure(bench, form, must_run))
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

fn measure(Bench { package, name }: &Bench, form: Form, must_run: bool) -> Result<()> {
    let mut command = cargo::command("bench");
    command.args(["--package", package, "--all-features", "--bench", name, "--", "--json"]);
    let mut rows = Vec::new();
    let output = process::read(&mut command, cargo::BUILD_LIMIT)?;
    if let Some(why) = output.lines().find_map(skipped) {
        return skip(name, &why, must_run);
    }
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

fn skip(name: &str, why: &str, must_run: bool) -> Result<()> {
    if must_run {
        return Err(format!("bench {name} cannot run: {why}").into());
    }
    eprintln!("bench {name} skipped: {why}");
    Ok(())
}

/// Why a bench did not measure.
fn skipped(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    line["skipped"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_that_lacks_a_program_fails_only_where_it_must_run() {
        assert_eq!(skipped(r#"{"skipped":"no wrk"}"#).as_deref(), Some("no wrk"));
        assert_eq!(skipped(r#"{"case":"x"}"#), None);
        assert!(skip("http", "no wrk", false).is_ok());
        let error = skip("http", "no wrk", true).unwrap_err();
        assert_eq!(error.to_string(), "bench http cannot run: no wrk");
    }
}
