//! Peers in Go, built from their modules at pinned versions (`peers/go`), once.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::peer::{Missing, on_path, scripts};
use crate::{Result, cargo, process};

/// Two minutes on two cores, and much more where they are busy or the network is slow.
const BUILD_LIMIT: Duration = Duration::from_secs(1500);
const JAEGER: &str = "all-in-one";
const COLLECTOR: &str = "collector";
/// What the programs are built from; a change of any builds them anew.
const SOURCES: [&str; 3] = ["go.mod", "go.sum", "collector/main.go"];

/// Jaeger with everything in one program.
pub(super) fn jaeger() -> Result<PathBuf> {
    program(JAEGER)
}

/// The OpenTelemetry Collector with the components that the tests need.
pub(super) fn collector() -> Result<PathBuf> {
    program(COLLECTOR)
}

/// A program; all are built by one command, since they share most of their packages.
fn program(name: &str) -> Result<PathBuf> {
    let folder = cargo::peers_folder()?.join("go");
    let (programs, stamp) = (folder.join("bin"), folder.join("built.txt"));
    let pinned = pinned()?;
    let program = programs.join(name);
    if program.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|built| built == pinned) {
        return Ok(program);
    }
    let go = on_path("go")?;
    let build = || -> Result<()> {
        std::fs::create_dir_all(&programs)?;
        let mut command = Command::new(go);
        // Modules and compiled packages lie with the programs, wherever this user keeps others; they may be removed.
        command.env("GOMODCACHE", folder.join("modules")).env("GOCACHE", folder.join("cache"));
        command.env("GOFLAGS", "-modcacherw -buildvcs=false").env("GOTOOLCHAIN", "local");
        command.current_dir(scripts().join("go")).args(["build", "-mod=readonly", "-ldflags", "-s -w", "-o"]);
        command.arg(&programs).args(["github.com/jaegertracing/jaeger/cmd/all-in-one", "./collector"]);
        process::run(&mut command, BUILD_LIMIT)?;
        // Written last: a broken build goes on where it was.
        std::fs::write(&stamp, &pinned)?;
        // 1.5 GB that only the next change of a version would need again.
        for unneeded in ["modules", "cache"] {
            std::fs::remove_dir_all(folder.join(unneeded))?;
        }
        Ok(())
    };
    build().map_err(|error| Missing::new(name, error))?;
    Ok(program)
}

fn pinned() -> Result<String> {
    let folder = scripts().join("go");
    let read = |file: &str| Ok(std::fs::read_to_string(folder.join(file))?);
    SOURCES.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_pins_both_programs() {
        let pinned = pinned().unwrap();
        for module in ["github.com/jaegertracing/jaeger v1.", "go.opentelemetry.io/collector/otelcol v0."] {
            assert!(pinned.contains(module), "{module}");
        }
    }
}
