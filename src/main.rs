//! The program `mplp-trace`.

mod command;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Not locked: alerts and narration are written from other threads, too.
    match command::Cli::parse().run(&mut std::io::stdout(), &mut std::io::stderr()) {
        Ok(code) => code,
        // The reader of the output is gone: there is nobody left to tell.
        Err(_) => ExitCode::FAILURE,
    }
}
