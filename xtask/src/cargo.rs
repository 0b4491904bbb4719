//! Asking cargo: the workspace's metadata, built executables, test runs with their counts.
//!
//! Every build selects the whole workspace with all features. That makes the tests, the examples, the
//! server and the peer tests share one set of features, so that each crate is compiled once.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::Result;
use crate::counts::Counts;
use crate::process;

/// A cold build of everything on two cores, with room to spare.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(45 * 60);
const SELECTION: [&str; 2] = ["--workspace", "--all-features"];

/// The repository's root folder.
pub(crate) fn root() -> PathBuf {
    // The parent of this package's folder, as cargo saw it when it built us from that very folder.
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    package.parent().map_or(package.clone(), PathBuf::from)
}

/// `cargo SUBCOMMAND` at the root, with the cargo that runs us.
pub(crate) fn command(subcommand: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).arg(subcommand);
    command
}

/// The same, for the whole workspace with all features.
pub(crate) fn workspace(subcommand: &str) -> Command {
    let mut command = command(subcommand);
    command.args(SELECTION);
    command
}

/// The members of the workspace and their declared dependencies.
pub(crate) fn metadata() -> Result<Value> {
    let mut command = command("metadata");
    command.args(["--no-deps", "--format-version", "1"]);
    Ok(serde_json::from_str(&process::read(&mut command, Duration::from_secs(60))?)?)
}

/// Cargo's target folder.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let metadata = metadata()?;
    let target = metadata["target_directory"].as_str().ok_or("cargo metadata names no target directory")?;
    Ok(PathBuf::from(target))
}

/// Where peers are installed: `peers` in cargo's target folder.
pub(crate) fn peers_folder() -> Result<PathBuf> {
    Ok(target_folder()?.join("peers"))
}

/// A built program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Executable {
    pub(crate) package: String,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// Builds all binaries and examples of the workspace, in the development profile.
pub(crate) fn executables() -> Result<Vec<Executable>> {
    let mut command = workspace("build");
    command.args(["--bins", "--examples", "--message-format=json-render-diagnostics"]);
    println!("$ cargo build --workspace --all-features --bins --examples");
    let messages = process::read(&mut command, BUILD_LIMIT)?;
    Ok(messages.lines().filter_map(executable).collect())
}

fn executable(message: &str) -> Option<Executable> {
    let message: Value = serde_json::from_str(message).ok()?;
    let path = message["executable"].as_str()?;
    let manifest = PathBuf::from(message["manifest_path"].as_str()?);
    let folder = manifest.parent()?;
    let package = if folder == root() { "mplp-trace".into() } else { folder.file_name()?.to_string_lossy() };
    Some(Executable {
        package: package.into_owned(),
        name: message["target"]["name"].as_str()?.to_owned(),
        path: PathBuf::from(path),
    })
}

/// Runs `cargo test` over the workspace with further arguments and variables, and adds up what it says.
/// A run that ends badly without a failed test (it did not build, it crashed) counts as one failure.
pub(crate) fn test(arguments: &[&str], variables: &[(&str, String)]) -> Result<Counts> {
    let mut command = workspace("test");
    command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
    count(command)
}

/// Runs `cargo test` over one package with its default features alone.
pub(crate) fn test_by_default(package: &str) -> Result<Counts> {
    let mut command = command("test");
    command.args(["--package", package, "--no-fail-fast"]);
    count(command)
}

fn count(mut command: Command) -> Result<Counts> {
    let mut counts = Counts::default();
    let status = process::watch(&mut command, BUILD_LIMIT, |line| {
        if let Some(found) = Counts::from_libtest(line) {
            counts += found;
        }
    })?;
    if !status.success() && counts.failed == 0 {
        counts += Counts::FAILED;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_is_read_from_cargos_message() {
        let manifest = root().join("examples/Cargo.toml");
        let message = serde_json::json!({
            "reason": "compiler-artifact", "manifest_path": manifest, "executable": "/t/debug/quickstart",
            "target": {"name": "quickstart", "kind": ["bin"]},
        });
        let expected = Executable {
            package: "examples".into(),
            name: "quickstart".into(),
            path: "/t/debug/quickstart".into(),
        };
        assert_eq!(executable(&message.to_string()), Some(expected));
    }

    #[test]
    fn a_library_is_no_executable() {
        let message = r#"{"reason":"compiler-artifact","manifest_path":"/x/Cargo.toml","executable":null}"#;
        assert_eq!(executable(message), None);
    }
}
