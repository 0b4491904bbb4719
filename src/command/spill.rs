//! `mplp-trace spill`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use mplp_trace::core::model::Timestamp;
use mplp_trace::exporters::delivery::spill::{LogReport, SegmentReport, inspect};
use serde_json::{Value, json};

use super::cli::SpillOptions;

pub(super) fn run(options: &SpillOptions, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
    let report = match inspect(&options.dir) {
        Ok(report) => report,
        Err(error) => return super::serve::fail(err, &error),
    };
    if report.logs.is_empty() {
        writeln!(
            err,
            "{} has no spill log: name a delivery.spill.dir, or spans, metrics or logs below one",
            options.dir.display()
        )?;
        return Ok(ExitCode::FAILURE);
    }
    let now = Timestamp::now();
    if options.json {
        let logs: Vec<Value> = report.logs.iter().map(|log| as_json(log, now)).collect();
        serde_json::to_writer_pretty(&mut *out, &logs)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    for log in &report.logs {
        print(log, now, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(log: &LogReport, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let bytes: u64 = log.segments.iter().map(|s| s.bytes).sum();
    writeln!(out, "{}", log.dir.display())?;
    let segments = log.segments.len();
    writeln!(out, "  {} records wait; {} in {segments} segments", log.held, size(bytes))?;
    if log.position.is_none() {
        writeln!(out, "  nothing says what was delivered: everything is, from the beginning")?;
    }
    for s in &log.segments {
        write!(out, "  {}  {:>9}  {} batches", s.name, size(s.bytes), s.frames)?;
        for (n, word) in [(s.spans, "spans"), (s.points, "data points"), (s.logs, "log records")] {
            if n > 0 {
                write!(out, ", {n} {word}")?;
            }
        }
        if let Some((oldest, newest)) = ages(s, now) {
            write!(out, ", {} to {} old", length(newest), length(oldest))?;
        }
        for (n, word) in [(s.corrupt_bytes, "damaged"), (s.torn_bytes, "of a batch that was being written")] {
            if n > 0 {
                write!(out, ", {n} bytes {word}")?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// How long ago its first and last batch were written.
fn ages(s: &SegmentReport, now: Timestamp) -> Option<(Duration, Duration)> {
    let age = |at: Timestamp| {
        let (now, at): (std::time::SystemTime, std::time::SystemTime) = (now.into(), at.into());
        // A clock that was set back since.
        now.duration_since(at).unwrap_or_default()
    };
    Some((age(s.first?), age(s.last?)))
}

fn as_json(log: &LogReport, now: Timestamp) -> Value {
    let segments = log.segments.iter().map(|s| {
        let ages = ages(s, now);
        json!({
            "name": s.name, "bytes": s.bytes, "batches": s.frames, "spans": s.spans, "dataPoints": s.points,
            "logRecords": s.logs,
            "oldestSeconds": ages.map(|(oldest, _)| oldest.as_secs()),
            "newestSeconds": ages.map(|(_, newest)| newest.as_secs()),
            "damagedBytes": s.corrupt_bytes, "tornBytes": s.torn_bytes,
        })
    });
    json!({
        "dir": log.dir.display().to_string(), "held": log.held, "stateIsThere": log.position.is_some(),
        "segments": segments.collect::<Vec<_>>(),
    })
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

fn length(age: Duration) -> String {
    match age.as_secs() {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7200 => format!("{} min", s / 60),
        s @ 7200..172_800 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}
