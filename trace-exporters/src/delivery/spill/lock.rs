//! One user of a log at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;

use super::error::SpillError;

/// The folder, made if it is missing and locked. The system ends the lock with the process, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Of the file that is locked.
pub(super) const NAME: &str = "lock";

impl Lock {
    pub(super) fn take(dir: &Path) -> Result<Self, SpillError> {
        let failed = |what| move |source| SpillError::Io { dir: dir.to_owned(), what, source };
        make(dir).map_err(failed("made"))?;
        let path = dir.join(NAME);
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = options.map_err(failed("locked"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let by = std::fs::read_to_string(&path).unwrap_or_default();
                let by = by.trim().parse::<u32>().map(|id| format!(" by process {id}")).unwrap_or_default();
                return Err(SpillError::Locked { dir: dir.to_owned(), by });
            }
            Err(TryLockError::Error(source)) => return Err(failed("locked")(source)),
        }
        // Says who; on a full disk it does without.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn make(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}
