//! Suite `receivers`: SDKs, old clients, a collector and Prometheus, all of others, send to our receivers, and every field is
//! compared.

use std::process::Command;

use super::peer::{Missing, environment, on_path, prometheus_3, prometheus_program, python, scripts};
use super::{node, rotel, rust_test, suite};
use crate::Result;

const LEGACY: &str = include_str!("../../peers/legacy-requirements.txt");
const ZIPKIN: &str = include_str!("../../peers/zipkin-requirements.txt");

pub(super) fn run() -> Result<()> {
    otlp()?;
    others()
}

/// The SDK for Python, and a collector.
fn otlp() -> Result<()> {
    let variables = [
        ("MPLP_PEER_PYTHON", python()?.display().to_string()),
        ("MPLP_PEER_OTLP_CLIENT", scripts().join("otlp_client.py").display().to_string()),
        ("MPLP_PEER_OTLP_LOG_CLIENT", scripts().join("otlp_log_client.py").display().to_string()),
        ("MPLP_PEER_ROTEL", rotel::program()?),
    ];
    rust_test::run("otlp_receiver_peer", &variables)?;
    rust_test::run("otlp_logs_receiver_peer", &variables)
}

fn others() -> Result<()> {
    let python = |folder: &str, file: &str, requirements: &str, script: &str| -> Result<String> {
        let program = environment(folder, file, requirements, &[])?;
        Ok(words(Command::new(program).arg(scripts().join(script))))
    };
    let mut variables = vec![
        ("MPLP_PEER_LEGACY", python("legacy", "legacy-requirements.txt", LEGACY, "legacy_client.py")?),
        ("MPLP_PEER_ZIPKIN_CLIENT", python("zipkin", "zipkin-requirements.txt", ZIPKIN, "zipkin_client.py")?),
        ("MPLP_PEER_NODE_CLIENT", node_client()?),
        ("MPLP_PEER_PROMETHEUS", prometheus_program("prometheus")?.display().to_string()),
    ];
    let mut skipped = Vec::new();
    match prometheus_3() {
        Ok(program) => variables.push(("MPLP_PEER_PROMETHEUS3", program.display().to_string())),
        Err(error) if error.is::<Missing>() && !suite::peers_are_required_here() => {
            println!("SKIPPED tests prometheus_3*: {error}");
            skipped.push("prometheus_3");
        }
        Err(error) => return Err(error),
    }
    rust_test::run_without("receivers_peer", &variables, &skipped)
}

/// Node.js with exporters of its SDK; `env` gives it the folder of its packages.
fn node_client() -> Result<String> {
    let packages = node::packages_of("exporters")?;
    let mut command = Command::new(on_path("env")?);
    command.arg(format!("NODE_PATH={}", packages.display())).arg(on_path("node")?);
    Ok(words(command.arg(scripts().join("exporters/client.js"))))
}

/// A command as one text: words apart by newlines.
fn words(command: &Command) -> String {
    let all = [command.get_program()].into_iter().chain(command.get_args());
    all.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join("\n")
}
