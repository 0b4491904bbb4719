//! `cargo xtask fuzz [TARGET...] [--for 10s]`: runs the fuzz targets of `trace-core/fuzz` and `trace-exporters/fuzz`.
//!
//! They are in the layout of cargo-fuzz, which needs a nightly compiler only for its sanitizers. Ours have nothing
//! to find in code without `unsafe`, so that any compiler builds them: what libFuzzer needs is coverage.

mod target;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use target::Fuzzer;

use crate::counts::Counts;
use crate::{Result, cargo, process};

/// Of the repository. No two of them have a target of the same name.
const FOLDERS: [&str; 2] = ["trace-core/fuzz", "trace-exporters/fuzz"];
/// Coverage as cargo-fuzz 0.13 asks for it, without a sanitizer; and its `cfg`, which opens what only fuzzing may reach.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
    -Ccodegen-units=1";
const DEFAULT: Duration = Duration::from_secs(10);

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    targets: Vec<String>,
    each: Duration,
}

/// Runs the named targets, or all, and closes with `N passed, N failed, N skipped`, counting targets.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let of_folder =
        FOLDERS.iter().map(|folder| known(&cargo::root().join(folder))).collect::<Result<Vec<_>>>()?;
    let request = parse(arguments, &of_folder.concat())?;
    let mut counts = Counts::default();
    for (folder, known) in FOLDERS.iter().zip(&of_folder) {
        let targets: Vec<&String> = request.targets.iter().filter(|target| known.contains(target)).collect();
        if targets.is_empty() {
            continue;
        }
        let fuzzer = Fuzzer {
            seeds: cargo::root().join(folder).join("seeds"),
            programs: build(folder)?,
            kept: cargo::target_folder()?.join("fuzz"),
        };
        for target in targets {
            match fuzzer.run(target, request.each) {
                Ok(runs) => {
                    println!("fuzz {target} ... ok ({runs})");
                    counts += Counts::PASSED;
                }
                Err(error) => {
                    println!("fuzz {target} ... FAILED: {error}");
                    counts += Counts::FAILED;
                }
            }
        }
    }
    println!("\n{counts}");
    if counts.failed > 0 { Err(format!("{} failed", counts.failed).into()) } else { Ok(()) }
}

/// The targets are the files of `fuzz_targets`.
fn known(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.join("fuzz_targets"))? {
        let path = entry?.path();
        if let (Some("rs"), Some(stem)) = (path.extension().and_then(|e| e.to_str()), path.file_stem()) {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn parse(arguments: &[String], known: &[String]) -> Result<Request> {
    let mut request = Request { targets: Vec::new(), each: DEFAULT };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--for" {
            let text = arguments.next().ok_or("--for needs a time, such as 30s")?;
            request.each = duration(text).ok_or_else(|| format!("{text:?} is no time, such as 30s or 5m"))?;
        } else if known.contains(argument) {
            request.targets.push(argument.clone());
        } else {
            return Err(format!("no fuzz target {argument:?}; the targets are {}", known.join(", ")).into());
        }
    }
    if request.targets.is_empty() {
        request.targets = known.to_vec();
    }
    Ok(request)
}

/// `30s`, `5m`; libFuzzer counts in seconds, and takes 0 for ever.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok().filter(|n| (1..100_000).contains(n))?;
    match unit {
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number * 60)),
        _ => None,
    }
}

/// Builds the targets of a folder, and says where they are.
fn build(of: &str) -> Result<PathBuf> {
    let host = host()?;
    let folder = cargo::target_folder()?.join("fuzz/build");
    let mut command = cargo::command("build");
    command.arg("--manifest-path").arg(cargo::root().join(of).join("Cargo.toml"));
    command.arg("--target-dir").arg(&folder);
    // Flags hold for what runs on the target, and not for build scripts, only where a target is named.
    command.args(["--release", "--target", &host]);
    command.env("RUSTFLAGS", FLAGS).env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::run(&mut command, cargo::BUILD_LIMIT)?;
    Ok(folder.join(host).join("release"))
}

fn host() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let text = process::read(Command::new(rustc).arg("-vV"), Duration::from_secs(30))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc -vV names no host")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Request> {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        parse(&arguments, &["b3".to_owned(), "jaeger".to_owned()])
    }

    #[test]
    fn targets_and_time_are_read_and_all_targets_are_the_default() {
        let all = Request { targets: vec!["b3".into(), "jaeger".into()], each: DEFAULT };
        assert_eq!(parsed(&[]).unwrap(), all);
        let one = Request { targets: vec!["jaeger".into()], each: Duration::from_secs(120) };
        assert_eq!(parsed(&["jaeger", "--for", "2m"]).unwrap(), one);
    }

    #[test]
    fn an_unknown_target_or_time_is_named() {
        assert!(parsed(&["b4"]).unwrap_err().to_string().contains("the targets are b3, jaeger"));
        for bad in
            [vec!["--for"], vec!["--for", "0s"], vec!["--for", "5"], vec!["--for", "é"], vec!["--for", ""]]
        {
            assert!(parsed(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_target_has_seeds_and_is_in_the_manifest() {
        let mut names = std::collections::HashSet::new();
        for folder in FOLDERS {
            let folder = cargo::root().join(folder);
            let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            for target in known(&folder).unwrap() {
                assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target}");
                let seeds = std::fs::read_dir(folder.join("seeds").join(&target));
                assert!(seeds.is_ok_and(|mut seeds| seeds.next().is_some()), "{target} has no seeds");
                assert!(names.insert(target.clone()), "{target} is there twice");
            }
        }
        assert!(names.len() >= 12);
    }
}
