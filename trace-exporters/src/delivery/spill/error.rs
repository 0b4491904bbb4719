//! Why a log cannot be opened.

use std::io;
use std::path::PathBuf;

use crate::delivery::config::DeliveryConfigError;

/// A log that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpillError {
    /// Its settings cannot work.
    #[error(transparent)]
    Config(#[from] DeliveryConfigError),
    /// Another exporter has it open.
    #[error(
        "the spill log in {dir} is in use{by}: give each destination of each process a folder of its own"
    )]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// By which process, if it says so.
        by: String,
    },
    /// The disk refused.
    #[error("the spill log in {dir} cannot be {what}: check that the folder exists and can be written to")]
    Io {
        /// The folder.
        dir: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}
