//! What a log holds, for people; also while it is in use.

use crate::delivery::batch::Batch as _;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use trace_core::model::{LogBatch, MetricBatch};

use trace_core::model::Timestamp;

use super::cursor::Cursor;
use super::disk::{Disk as _, Folder};
use super::error::SpillError;
use super::log::{STATE, Segment};
use super::scan::{Scan, Stretch};

/// The logs below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpillReport {
    /// The folder itself, if it is a log, and `spans`, `metrics` and `logs` in it.
    pub logs: Vec<LogReport>,
}

/// One log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogReport {
    /// Its folder.
    pub dir: PathBuf,
    /// Its segments, oldest first; those that were set aside have names that end in `.corrupt`.
    pub segments: Vec<SegmentReport>,
    /// Spans, data points or log records that wait for the destination; damaged ones count too, as long as their place is known.
    pub held: u64,
    /// Segment and byte of the next frame to deliver; `None` if the state is missing or damaged, and all is delivered
    /// again.
    pub position: Option<(u64, u64)>,
}

/// One file of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentReport {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Whole batches.
    pub frames: u64,
    /// Spans in them.
    pub spans: u64,
    /// Data points in them.
    pub points: u64,
    /// Log records in them.
    pub logs: u64,
    /// When the first of them was written, by the clock of that time.
    pub first: Option<Timestamp>,
    /// When the last of them was.
    pub last: Option<Timestamp>,
    /// Stretches that are no whole batch.
    pub corrupt: u64,
    /// Bytes in them.
    pub corrupt_bytes: u64,
    /// Bytes at the end of a batch that was being written.
    pub torn_bytes: u64,
    /// Running count of records at its start and end.
    counts: Option<(u64, u64)>,
}

/// Reads the logs in a folder without changing anything.
///
/// # Errors
/// If the folder or one of its files cannot be read.
pub fn inspect(dir: &Path) -> Result<SpillReport, SpillError> {
    let mut logs = Vec::new();
    for folder in [dir.to_owned(), dir.join("spans"), dir.join("metrics"), dir.join("logs")] {
        if folder != dir && !folder.is_dir() {
            continue;
        }
        let log = log_report(&folder);
        let log = log.map_err(|source| SpillError::Io { dir: folder.clone(), what: "read", source })?;
        if folder != dir || !log.segments.is_empty() || log.position.is_some() {
            logs.push(log);
        }
    }
    Ok(SpillReport { logs })
}

fn log_report(dir: &Path) -> io::Result<LogReport> {
    let folder = Folder::new(dir);
    let mut files = folder.list()?;
    files.sort();
    let position = folder.read(STATE).ok().and_then(|text| Cursor::parse(&text));
    let mut segments = Vec::new();
    for (name, _) in files {
        let number = Segment::number_of(name.strip_suffix(".corrupt").unwrap_or(&name));
        if number.is_none() {
            continue;
        }
        match folder.read(&name) {
            Ok(bytes) => segments.push(SegmentReport { name, ..inspect_segment(&bytes) }),
            // Delivered meanwhile.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    let live = || segments.iter().filter(|s| !s.name.ends_with(".corrupt")).filter_map(|s| s.counts);
    let end = live().map(|(_, end)| end).max().unwrap_or(0);
    let start = position.map(|p| p.records).or_else(|| live().map(|(start, _)| start).min());
    let held = end.saturating_sub(start.unwrap_or(end));
    let position = position.map(|p| (p.segment, p.offset));
    Ok(LogReport { dir: dir.to_owned(), segments, held, position })
}

/// What the bytes of one segment hold, whatever they are.
pub fn inspect_segment(bytes: &[u8]) -> SegmentReport {
    let mut report = SegmentReport { bytes: bytes.len() as u64, ..SegmentReport::default() };
    for (from, to, stretch) in Scan::new(bytes, 0) {
        let length = (to - from) as u64;
        match stretch {
            Stretch::Torn => report.torn_bytes += length,
            Stretch::Garbage | Stretch::Damaged(_) => {
                report.corrupt += 1;
                report.corrupt_bytes += length;
            }
            Stretch::Frame(header) => {
                let records = u64::from(header.records);
                report.frames += 1;
                *match header.kind {
                    MetricBatch::KIND => &mut report.points,
                    LogBatch::KIND => &mut report.logs,
                    _ => &mut report.spans,
                } += records;
                let at = Timestamp::from_unix_nanos(header.time);
                report.first.get_or_insert(at);
                report.last = Some(at);
            }
        }
        if let Stretch::Frame(header) | Stretch::Damaged(header) = stretch {
            let (start, end) = report.counts.unwrap_or((header.before, header.before));
            report.counts = Some((start, end.max(header.after())));
        }
    }
    report
}

impl fmt::Display for SpillReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.logs.is_empty() {
            return writeln!(f, "no spill log here");
        }
        for log in &self.logs {
            let bytes: u64 = log.segments.iter().map(|s| s.bytes).sum();
            write!(f, "{}: {} records wait, ", log.dir.display(), log.held)?;
            writeln!(f, "{bytes} bytes in {} segments", log.segments.len())?;
            if log.position.is_none() {
                writeln!(f, "  nothing says what was delivered: everything is, from the beginning")?;
            }
            for s in &log.segments {
                write!(f, "  {}  {} bytes, {} batches", s.name, s.bytes, s.frames)?;
                for (n, what) in [
                    (s.spans, "spans"),
                    (s.points, "data points"),
                    (s.logs, "log records"),
                    (s.corrupt_bytes, "bytes damaged"),
                    (s.torn_bytes, "bytes torn"),
                ] {
                    if n > 0 {
                        write!(f, ", {n} {what}")?;
                    }
                }
                if let (Some(first), Some(last)) = (s.first, s.last) {
                    write!(f, ", written {first} to {last}")?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}
