//! Running the Rust test that talks to a peer, and making sure that it did.

use std::path::Path;

use crate::{Result, cargo};

/// Runs the integration test `name` with `variables`. Fails if a test fails, and if none ran.
pub(super) fn run(name: &str, variables: &[(&str, String)]) -> Result<()> {
    run_without(name, variables, &[])
}

/// The same without the tests whose names begin so: their peers are missing.
pub(super) fn run_without(name: &str, variables: &[(&str, String)], without: &[&str]) -> Result<()> {
    let mut variables = variables.to_vec();
    // The peer is there, so a test that skips itself for want of it is wrong.
    variables.push(("CI_REQUIRE_PEERS", "1".to_owned()));
    let mut arguments = vec!["--test", name, "--", "--include-ignored"];
    arguments.extend(without.iter().flat_map(|tests| ["--skip", *tests]));
    let counts = cargo::test(&arguments, &variables)?;
    if counts.failed > 0 {
        return Err(format!("test {name}: {counts}").into());
    }
    if counts.passed == 0 {
        return Err(format!("test {name} ran no test").into());
    }
    Ok(())
}

/// Fails unless the peer's dump holds a request: else the test passed without talking to the peer.
pub(super) fn saw_requests(dump: &Path) -> Result<()> {
    let text = std::fs::read_to_string(dump).unwrap_or_default();
    let requests = text.lines().count();
    println!("the peer saw {requests} requests");
    if requests == 0 { Err("the peer saw no request".into()) } else { Ok(()) }
}
