//! A file of whole lines within bounds.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::config::{OtlpFileConfig, OtlpFileError};
use super::rotated::{Rotated, folder_of};

/// A file that is appended to, and what was set aside from it.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines in `file`.
    size: u64,
    rotated: Rotated,
    max_file: u64,
    max_total: u64,
}

impl Lines {
    /// Opens the file, or makes it. A last line that a crash has cut is removed.
    pub(super) fn open(config: &OtlpFileConfig) -> Result<Self, OtlpFileError> {
        config.validate()?;
        let path = config.path.clone();
        let mut file = open(&path)?;
        let size = whole_lines(&mut file).map_err(OtlpFileError::io("read", &path))?;
        file.set_len(size).map_err(OtlpFileError::io("shorten", &path))?;
        let mut rotated = Rotated::find(&path)?;
        rotated.shrink(config.max_total_bytes.saturating_sub(size))?;
        let (max_file, max_total) = (config.max_file_bytes, config.max_total_bytes);
        Ok(Self { path, file, size, rotated, max_file, max_total })
    }

    /// The longest line that there is ever room for.
    pub(super) fn longest(&self) -> u64 {
        self.max_total
    }

    /// Appends a line, which ends in a line feed; all of it or nothing.
    pub(super) fn append(&mut self, line: &[u8]) -> Result<(), OtlpFileError> {
        let length = line.len() as u64;
        if self.size > 0 && self.size + length > self.max_file {
            self.rotate()?;
        }
        // Before it is written: the bound holds at all times.
        self.rotated.shrink(self.max_total.saturating_sub(self.size + length))?;
        if let Err(e) = self.file.write_all(line) {
            // A disk that is full may have taken a part; without room it can still be given back.
            self.file.set_len(self.size).map_err(OtlpFileError::io("shorten", &self.path))?;
            return Err(OtlpFileError::io("write to", &self.path)(e));
        }
        self.size += length;
        Ok(())
    }

    /// Makes everything durable.
    pub(super) fn sync(&self) -> Result<(), OtlpFileError> {
        self.file.sync_data().map_err(OtlpFileError::io("sync", &self.path))
    }

    /// Sets the file aside and begins another; if that fails, the file stays what it is.
    fn rotate(&mut self) -> Result<(), OtlpFileError> {
        self.sync()?;
        let aside = self.rotated.next_path();
        std::fs::rename(&self.path, &aside).map_err(OtlpFileError::io("rename", &self.path))?;
        let next = open(&self.path).inspect_err(|_| {
            // What made it fail is told; this can only fail for the same reason.
            let _ = std::fs::rename(&aside, &self.path);
        })?;
        self.rotated.add(self.size);
        (self.file, self.size) = (next, 0);
        Ok(())
    }
}

/// Opens the file for this exporter alone.
fn open(path: &Path) -> Result<File, OtlpFileError> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    let file = options.open(path).map_err(OtlpFileError::io("open", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OtlpFileError::Taken { path: path.to_owned() }),
        // Some file systems have no locks; then nobody can be kept out.
        Err(TryLockError::Error(_)) => {}
    }
    sync_folder(folder_of(path))?;
    Ok(file)
}

/// Makes names durable, where folders can be synced.
fn sync_folder(folder: &Path) -> Result<(), OtlpFileError> {
    if cfg!(unix) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(OtlpFileError::io("sync", folder))?;
    }
    Ok(())
}

/// The bytes up to the last line feed.
fn whole_lines(file: &mut File) -> std::io::Result<u64> {
    const STEP: u64 = 64 << 10;
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut buffer = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        file.seek(SeekFrom::Start(start))?;
        buffer.clear();
        std::io::Read::by_ref(file).take(end - start).read_to_end(&mut buffer)?;
        if let Some(at) = buffer.iter().rposition(|b| *b == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
