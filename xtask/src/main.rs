//! Developer and CI commands: `cargo xtask help` lists them.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks on the terminal")]

mod bench;
mod cargo;
mod ci;
mod counts;
mod features;
mod fuzz;
mod integration;
mod loom;
mod process;
mod scratch;
mod test;
mod tidy;

use std::process::ExitCode;

/// Any failure, as a text for the person at the terminal.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The commands, with what each does. `tidy` checks the README against this list.
pub(crate) const COMMANDS: [(&str, &str); 9] = [
    ("test", "everything that needs only Rust: unit, integration and doc tests, and every example"),
    ("tidy", "the repository's own rules: arrows between crates, file sizes, module docs"),
    (
        "integration",
        "[SUITE...] against real peers: otlp prometheus propagation receivers smtp slack; by name: jaeger zipkin clickhouse kafka",
    ),
    ("bench", "[NAME] [--json | --markdown] measure against named peers"),
    ("loom", "the lock-free ring under a model checker"),
    (
        "fuzz",
        "[TARGET...] [--for 30s] the fuzz targets of trace-core and trace-exporters, 10 s each by default",
    ),
    ("features", "[PACKAGE...] each feature of the libraries alone, without a warning"),
    ("ci", "all that continuous integration checks, in its order"),
    ("help", "this list"),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[] as &[String]),
    };
    let result = match command {
        "test" => no_arguments(command, rest).and_then(|()| test::run()),
        "tidy" => no_arguments(command, rest).and_then(|()| tidy::run()),
        "integration" => integration::run(rest),
        "bench" => bench::run(rest),
        "loom" => no_arguments(command, rest).and_then(|()| loom::run()),
        "fuzz" => fuzz::run(rest),
        "features" => features::run(rest),
        "ci" => no_arguments(command, rest).and_then(|()| ci::run()),
        "help" | "--help" | "-h" => {
            help();
            Ok(())
        }
        other => Err(format!("unknown command `{other}`; `cargo xtask help` lists the commands").into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn no_arguments(command: &str, rest: &[String]) -> Result<()> {
    match rest.first() {
        None => Ok(()),
        Some(extra) => Err(format!("`cargo xtask {command}` takes no argument, got `{extra}`").into()),
    }
}

fn help() {
    println!("usage: cargo xtask COMMAND\n");
    for (name, what) in COMMANDS {
        println!("  {name:<12} {what}");
    }
}
