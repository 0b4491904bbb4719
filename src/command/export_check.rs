//! `mplp-trace export-check`.

use std::io::{self, Write};
use std::process::ExitCode;

use mplp_trace::TraceConfig;
use mplp_trace::module::{Checked, export_check};

use super::cli::ExportCheckOptions;

pub(super) fn run(
    options: &ExportCheckOptions,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<ExitCode> {
    let config = match TraceConfig::from_file(&options.config) {
        Ok((config, warnings)) => {
            for warning in &warnings {
                writeln!(err, "warning: {warning}")?;
            }
            config
        }
        Err(problems) => {
            writeln!(err, "{problems}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let all = runtime.block_on(export_check(&config));
    // What does not end by itself must not hold up the answer.
    runtime.shutdown_background();
    if options.json {
        serde_json::to_writer_pretty(&mut *out, &all)?;
        writeln!(out)?;
    } else {
        print(&all, out)?;
        if config.opentelemetry.metrics.exporters.prometheus.is_some() {
            writeln!(
                out,
                "prometheus is not among them: it is asked by others, while `mplp-trace serve` runs"
            )?;
        }
    }
    Ok(if all.iter().all(Checked::is_ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(all: &[Checked], out: &mut dyn Write) -> io::Result<()> {
    if all.is_empty() {
        return writeln!(out, "no destination is on: see opentelemetry.tracing.exporters in docs/exporters");
    }
    let width = |text: fn(&Checked) -> &str| all.iter().map(|c| text(c).chars().count()).max().unwrap_or(0);
    let (name, address) = (width(|c| &c.name), width(|c| &c.address));
    for c in all {
        let word = if c.is_ok() { "ok" } else { "FAILED" };
        let (signal, ms) = (c.signal, c.milliseconds);
        writeln!(out, "{word:<6}  {:<name$}  {signal:<7}  {:<address$}  {ms:>6} ms", c.name, c.address)?;
        if let Some(error) = &c.error {
            writeln!(out, "        {error}")?;
        }
        if let Some(remedy) = c.remedy {
            writeln!(out, "        {remedy}")?;
        }
        if c.is_ok() && ["udp://", "agent"].iter().any(|scheme| c.address.starts_with(scheme)) {
            writeln!(out, "        sent: nobody acknowledges datagrams")?;
        }
    }
    let good = all.iter().filter(|c| c.is_ok()).count();
    match all.len() {
        n if n == good => writeln!(out, "\neverything arrived: {n} of {n}"),
        n => writeln!(out, "\n{good} of {n} took what was sent"),
    }
}
