//! One owner for a directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use super::SqliteError;

/// Held as long as the store is open; the operating system lets it go when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    pub(super) fn take(directory: &Path) -> Result<Self, SqliteError> {
        let path = directory.join("lock");
        let io = |source| SqliteError::Io { action: "open the lock file", path: path.clone(), source };
        // A file of its own: SQLite's locks on a database end when any other handle of it is closed.
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // For the message alone.
                let _ = file.take(64).read_to_string(&mut owner);
                let owner =
                    if owner.is_empty() { "another process".to_owned() } else { owner.trim().to_owned() };
                return Err(SqliteError::InUse { directory: directory.to_owned(), owner });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "process {}", std::process::id()));
        written.map_err(io)?;
        Ok(Self { _file: file })
    }
}
