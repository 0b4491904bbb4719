//! A log on disk in front of a destination.
//!
//! A [`Spill`] takes a batch when its log holds it; a thread of its own reads the log, oldest first, and delivers to the
//! inner exporter, with back-off, until it has taken each batch. What is held survives a crash, a kill and a restart.
//!
//! The folder has a file per segment, of frames: a header of 44 bytes with two CRC32C and the batch as an OTLP request. A file
//! `state` says how far the destination has come; it is replaced as a whole. A file `lock` keeps a second process out.
//! A batch is delivered at least once, in order: what was under way at a crash is sent again.
//!
//! Bytes are bounded: the oldest segment goes first, and what it held is counted as `spill_full`. A frame that is
//! damaged costs itself; frames have running counts, so that what is lost is known exactly, as `spill_corrupt`, and the
//! segment stays as `*.corrupt` until its room is needed. A frame that was being written at a crash is cut off.
//!
//! An error about who sends or where to ([`ExportError::is_misconfigured`](trace_core::signal::ExportError::is_misconfigured)),
//! such as an unknown token, is repeated too, at long intervals: the log is not emptied into a destination that refuses
//! everybody. Only what is wrong with a batch is final.
//!
//! No decision depends on the time of day.

mod config;
mod cursor;
mod direct;
mod disk;
mod error;
mod exporter;
mod frame;
mod inspect;
mod lock;
mod log;
mod read;
mod recover;
mod scan;
mod stats;
#[cfg(test)]
mod tests;
mod worker;

pub use config::{Fsync, SpillConfig, SpillMode, WhileMisconfigured};
pub use error::SpillError;
pub use exporter::Spill;
pub use inspect::{LogReport, SegmentReport, SpillReport, inspect, inspect_segment};
pub use stats::{SpillCounts, SpillStats};
