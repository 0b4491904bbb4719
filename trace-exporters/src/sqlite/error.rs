//! Why a store cannot be opened, and what goes wrong inside one.

use std::path::PathBuf;

use trace_core::signal::ExportError;
use trace_core::store::ReadError;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteError {
    /// A field of the configuration cannot be used.
    #[error("sqlite: {field} {problem}")]
    Config {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Another store has the directory open, in this process or another.
    #[error(
        "sqlite: {directory} is in use by {owner}: one process at a time, or give each a directory of its own"
    )]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// Who has it, as far as is known.
        owner: String,
    },
    /// The directory or a file in it cannot be made, read or written.
    #[error("sqlite: cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file cannot be used now, though nothing is known to be wrong with it.
    #[error("sqlite: cannot open {path}: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync + 'static>,
    },
}

/// What goes wrong with one file.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The file is not what we wrote.
    #[error("{0}")]
    Damaged(&'static str),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It was written by another version of this program.
    #[error("format {found}, but this program reads {known}")]
    Format { found: i64, known: i64 },
}

impl FileError {
    /// Whether the file is to be set aside: trying again cannot help.
    pub(super) fn is_damage(&self) -> bool {
        // Our statements do not depend on what is stored: one that SQLite cannot run (`Unknown`) is run on another's file.
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, Unknown};
        match self {
            Self::Sqlite(e) => {
                matches!(e.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase | Unknown))
                    || is_foreign(e)
            }
            Self::Damaged(_) | Self::Format { .. } => true,
            Self::Io(_) => false,
        }
    }

    /// As an exporter says it: the batch may be offered again.
    pub(super) fn export(self, file: &str) -> ExportError {
        let full =
            matches!(&self, Self::Sqlite(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull));
        let hint = if full { ": the disk is full" } else { "" };
        ExportError::retryable(format!("sqlite: cannot write {file}{hint}: {self}")).caused_by(self)
    }

    /// As a reader says it.
    pub(super) fn read(self, file: &str) -> ReadError {
        ReadError::Unavailable {
            message: format!("sqlite: cannot read {file}: {self}"),
            source: Some(Box::new(self)),
        }
    }
}

/// A database, but not with our tables and values.
fn is_foreign(e: &rusqlite::Error) -> bool {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnIndex, InvalidColumnType,
        QueryReturnedNoRows, SqlInputError, Utf8Error,
    };
    matches!(
        e,
        FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnIndex(_)
            | InvalidColumnType(..)
            | QueryReturnedNoRows
            | SqlInputError { .. }
            | Utf8Error(..)
    )
}
