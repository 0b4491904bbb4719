//! The program `mplp-trace`.

mod command;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Not locked: alerts and narration are written from other threads, too.
    match command::Cli::parse().run(&mut std::io::stdout(), &mut std::io::stderr()) {
        Ok(code) => code,
        // The reader of the output is gone: that is no news to who ended it.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            // If this cannot be written either, there is nobody left to tell.
            let _ = writeln!(
                std::io::stderr(),
                "the system refused output, a thread or an event loop: {error}; look at the limits of the \
                 process and at where its output goes"
            );
            ExitCode::FAILURE
        }
    }
}
