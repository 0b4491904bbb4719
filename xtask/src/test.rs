//! `cargo xtask test`: everything that needs only Rust.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::counts::Counts;
use crate::scratch::Scratch;
use crate::{Result, cargo, process};

/// An example shows one idea; a minute is plenty even on a busy machine.
const EXAMPLE_LIMIT: Duration = Duration::from_secs(60);

/// Runs all tests and all examples, and closes with `N passed, N failed, N skipped`.
pub(crate) fn run() -> Result<()> {
    println!("== tests of all crates, doc tests included");
    // Tests against peers have their peer only in `cargo xtask integration`; here they may pass it by.
    let mut counts = cargo::test(&["--no-fail-fast"], &[("CI_REQUIRE_PEERS", "0".to_owned())])?;
    // The first tracer of the `opentelemetry` API makes `span!` of the whole process keep that API's context in step;
    // what it does in a process without one is tested here.
    println!("\n== trace-core with its default features");
    counts += cargo::test_by_default("trace-core")?;
    println!("\n== examples, each to its end");
    counts += examples()?;
    println!("\n{counts}");
    if counts.failed > 0 { Err(format!("{} failed", counts.failed).into()) } else { Ok(()) }
}

fn examples() -> Result<Counts> {
    let mut counts = Counts::default();
    for example in cargo::executables()?.iter().filter(|executable| executable.package == "examples") {
        let folder = Scratch::new(&example.name)?;
        let began = Instant::now();
        // Away from the repository: an example must not need, nor leave, a file in it.
        let result = process::run(Command::new(&example.path).current_dir(folder.path()), EXAMPLE_LIMIT);
        let seconds = began.elapsed().as_secs_f64();
        match result {
            Ok(()) => {
                println!("example {} ... ok ({seconds:.1} s)", example.name);
                counts += Counts::PASSED;
            }
            Err(error) => {
                println!("example {} ... FAILED: {error}", example.name);
                counts += Counts::FAILED;
            }
        }
    }
    Ok(counts)
}
