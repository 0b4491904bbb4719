//! An embedded store of spans: a directory of SQLite files, one for each hour in which spans began.
//!
//! [`SqliteStore`] is a destination and a reader in one. Spans lie compressed in chunks of some dozens, whole traces
//! together where they arrived together; what they are found by (trace, service, operation, failure, chosen attributes)
//! is hashed into sorted runs that are merged as in a log-structured tree, so that writing costs the same however many
//! values an attribute has and however large the file is (decision record 20).
//!
//! One thread writes, others read; a caller's runtime is never blocked. One process owns a directory.

mod block;
mod catalog;
mod chunk;
mod config;
mod cursor;
mod durations;
mod error;
mod filter;
#[cfg(fuzzing)]
pub mod fuzzing;
mod hour;
mod hour_reader;
mod hour_writer;
mod job;
mod lengths;
mod lock;
mod merge;
#[cfg(test)]
mod merge_tests;
mod names;
mod read_pool;
mod readers;
mod recent;
mod retention;
mod run;
mod schema;
mod search;
mod segment;
mod segment_writer;
mod state;
mod store;
mod term;
#[cfg(test)]
mod tests;
mod trace;
mod writer;

pub use config::{Durability, SqliteConfig};
pub use error::SqliteError;
pub use store::{SqliteStats, SqliteStore};
