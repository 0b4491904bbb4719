//! `cargo xtask ci`: all that continuous integration checks, in its order.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::counts::Counts;
use crate::{Result, cargo, process};

/// The whole of it stays below 40 minutes on two cores; one step past this hangs.
const STEP_LIMIT: Duration = Duration::from_secs(60 * 60);

/// A step: its name and its command. `xtask` steps are the commands that the README names, word by
/// word, so that what a person is told to run is what is checked.
fn steps() -> Vec<(&'static str, Command)> {
    let xtask = |command: &str| {
        let mut cargo = cargo::command("xtask");
        cargo.arg(command);
        cargo
    };
    let mut format = cargo::command("fmt");
    format.args(["--all", "--check"]);
    let mut clippy = cargo::workspace("clippy");
    clippy.args(["--all-targets", "--", "-D", "warnings"]);
    let mut docs = cargo::workspace("doc");
    docs.arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings");
    let mut fuzz = xtask("fuzz");
    // Long enough to see that each target still runs over what is known.
    fuzz.args(["--for", "3s"]);
    vec![
        ("test", xtask("test")),
        ("format", format),
        ("clippy", clippy),
        ("features", xtask("features")),
        ("docs", docs),
        ("tidy", xtask("tidy")),
        ("loom", xtask("loom")),
        ("fuzz", fuzz),
        ("integration", xtask("integration")),
    ]
}

/// Runs every step, also after one that failed, and closes with the sum of all tests, suites and checks.
pub(crate) fn run() -> Result<()> {
    let began = Instant::now();
    let mut counts = Counts::default();
    let mut lines = Vec::new();
    for (name, mut command) in steps() {
        println!("\n==== {name}");
        let step_began = Instant::now();
        let found = step(&mut command);
        let word = if found.failed == 0 { "ok" } else { "FAILED" };
        let line = format!("{name:<12} {word:<6} {:>7.1} s  {found}", step_began.elapsed().as_secs_f64());
        println!("==== {line}");
        lines.push(line);
        counts += found;
    }
    println!("\n==== summary, {:.0} s", began.elapsed().as_secs_f64());
    for line in lines {
        println!("{line}");
    }
    println!("\n{counts}");
    if counts.failed > 0 { Err(format!("{} failed", counts.failed).into()) } else { Ok(()) }
}

/// What a step counts: its closing line if it has one, else itself as one check.
fn step(command: &mut Command) -> Counts {
    let mut closing = None;
    let status = process::watch(command, STEP_LIMIT, |line| {
        closing = Counts::from_closing_line(line).or(closing);
    });
    let succeeded = match status {
        Ok(status) => status.success(),
        Err(error) => {
            println!("{error}");
            false
        }
    };
    judge(closing, succeeded)
}

fn judge(closing: Option<Counts>, succeeded: bool) -> Counts {
    match (closing, succeeded) {
        (Some(counts), true) => counts,
        (Some(counts), false) if counts.failed > 0 => counts,
        (None, true) => Counts::PASSED,
        (_, false) => Counts::FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_with_a_closing_line_counts_what_it_says() {
        let counts = Counts { passed: 3, failed: 0, skipped: 1 };
        assert_eq!(judge(Some(counts), true), counts);
        assert_eq!(judge(None, true), Counts::PASSED);
    }

    #[test]
    fn a_step_that_ends_badly_is_never_passed() {
        let counts = Counts { passed: 3, failed: 0, skipped: 0 };
        assert_eq!(judge(Some(counts), false).failed, 1);
        assert_eq!(judge(None, false).failed, 1);
    }

    #[test]
    fn the_last_closing_line_of_a_step_is_its_own() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo 1 passed, 0 failed, 0 skipped; echo 5 passed, 0 failed, 2 skipped"]);
        assert_eq!(step(&mut shell), Counts { passed: 5, failed: 0, skipped: 2 });
    }
}
