//! The command line.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mplp_trace::TraceConfig;

/// Tracing, metrics, anomaly detection and alerting in one program.
#[derive(Debug, Parser)]
#[command(name = "mplp-trace", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read a configuration, say what is wrong with it, and do nothing else. Fails if something is.
    ///
    /// It is read under the environment of this command, as the server would read it.
    CheckConfig {
        /// The configuration, in YAML or JSON.
        file: PathBuf,
    },
}

impl Cli {
    /// Does what the command line says. Results go to `out`, problems and warnings to `err`.
    pub(crate) fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
        match self.command {
            Command::CheckConfig { file } => check_config(&file, out, err),
        }
    }
}

fn check_config(file: &Path, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
    match TraceConfig::from_file(file) {
        Ok((_, warnings)) => {
            for warning in &warnings {
                writeln!(err, "{}: warning: {warning}", file.display())?;
            }
            match warnings.len() {
                0 => writeln!(out, "{}: ok", file.display())?,
                n => writeln!(out, "{}: ok, {n} warning{}", file.display(), if n == 1 { "" } else { "s" })?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            writeln!(err, "{problems}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}
