//! `mplp-trace check-config`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use mplp_trace::TraceConfig;

pub(super) fn run(file: &Path, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
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
