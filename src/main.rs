//! The program `mplp-trace`.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run(&mut std::io::stdout().lock(), &mut std::io::stderr().lock()) {
        Ok(code) => code,
        // The reader of the output is gone: there is nobody left to tell.
        Err(_) => ExitCode::FAILURE,
    }
}
