//! `cargo xtask loom`: the lock-free ring under a model checker.

use crate::{Result, cargo, process};

/// The model checker replaces the ring's atomics under this configuration. It is not named `loom`, for tokio builds
/// differently under that name.
const FLAGS: &str = "--cfg trace_loom";

/// Checks every interleaving of the ring's writer and reader.
pub(crate) fn run() -> Result<()> {
    println!("== the ring of `span!` under loom");
    let mut command = cargo::command("test");
    // A target folder of its own: with other flags everything would be built anew, each time.
    command.args(["--package", "trace-core", "--lib", "--target-dir", "target/loom", "ring_loom"]);
    command.env("RUSTFLAGS", FLAGS);
    process::run(&mut command, cargo::BUILD_LIMIT)
}
