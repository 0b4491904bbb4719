//! The command line.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::span_of_time::SpanOfTime;
use super::{check_config, demo, export_check, serve, spill};

/// Tracing, metrics, anomaly detection and alerting in one program.
#[derive(Debug, Parser)]
#[command(name = "mplp-trace", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the HTTP API and the live page, until Ctrl-C or SIGTERM.
    Serve(ServeOptions),
    /// Watch real requests become traces, a real slowdown an anomaly, and the anomaly an alert. Needs nothing else.
    Demo(DemoOptions),
    /// Read a configuration, say what is wrong with it, and do nothing else. Fails if something is.
    ///
    /// It is read under the environment of this command, as the server would read it.
    CheckConfig {
        /// The configuration, in YAML or JSON.
        file: PathBuf,
    },
    /// Send one span, metric or log record to every destination of a configuration, and say what each answered. Fails
    /// if one does.
    ///
    /// Each is asked by itself, without retries, logs on disk and alternatives. Files and stores get the span, too: while
    /// a server runs with them, they may be its own.
    ExportCheck(ExportCheckOptions),
    /// Show what waits in a spill log, which a server may be using. Changes nothing.
    Spill(SpillOptions),
}

#[derive(Debug, Args)]
pub(super) struct ExportCheckOptions {
    /// The configuration, in YAML or JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Write the answers as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct SpillOptions {
    /// The folder of a log: a `delivery.spill.dir`.
    pub(super) dir: PathBuf,
    /// Write it as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ServeOptions {
    /// The configuration, in YAML or JSON. Without one, the defaults and the environment count, and alerts are
    /// written to the terminal.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The address or name to listen at, instead of `server.host`.
    #[arg(long)]
    pub(super) host: Option<String>,
    /// The port, instead of `server.port`; 0 takes a free one.
    #[arg(long)]
    pub(super) port: Option<u16>,
}

#[derive(Debug, Args)]
pub(super) struct DemoOptions {
    /// End by itself after this time, such as 75s; succeed only if a trace, the anomaly and its delivered alert were
    /// seen. Without it, Ctrl-C ends.
    #[arg(long = "for", value_name = "TIME")]
    pub(super) length: Option<SpanOfTime>,
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 3000)]
    pub(super) port: u16,
    /// When the agent becomes slow. Anomaly detection learns for the first 20 seconds or so.
    #[arg(long, value_name = "TIME", default_value = "26s")]
    pub(super) slow_after: SpanOfTime,
}

impl Cli {
    /// Does what the command line says. Results go to `out`, problems and warnings to `err`.
    pub(crate) fn run(self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
        match self.command {
            Command::CheckConfig { file } => check_config::run(&file, out, err),
            Command::Serve(options) => serve::run(&options, out, err),
            Command::Demo(options) => demo::run(&options, err),
            Command::ExportCheck(options) => export_check::run(&options, out, err),
            Command::Spill(options) => spill::run(&options, out, err),
        }
    }
}
