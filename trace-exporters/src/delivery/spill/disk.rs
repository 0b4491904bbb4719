//! The few things that a log asks of a folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// A folder; the tests have one that breaks.
pub(super) trait Disk: Send + 'static {
    type File: LogFile;

    /// The names and sizes of the files.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;
    /// A new file, to write at its end.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// A file that is there.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Gives a small file this content, at once or not at all.
    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()>;
    /// Makes the names durable.
    fn sync_names(&self) -> io::Result<()>;
}

/// A file of a log.
pub(super) trait LogFile: Send + 'static {
    /// Writes everything at the end, or a part of it and an error.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Fills the buffer from there.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of the file system.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Disk for Folder {
    type File = File;

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if let (Ok(name), Ok(about)) = (entry.file_name().into_string(), entry.metadata())
                && about.is_file()
            {
                files.push((name, about.len()));
            }
        }
        Ok(files)
    }

    fn create(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).append(true).create(true).open(self.0.join(name))
    }

    fn open(&self, name: &str) -> io::Result<File> {
        let path = self.0.join(name);
        // Reading must work where writing does not.
        OpenOptions::new().read(true).append(true).open(&path).or_else(|_| File::open(&path))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.0.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let new = format!("{name}.new");
        fs::write(self.0.join(&new), content)?;
        self.rename(&new, name)
    }

    fn sync_names(&self) -> io::Result<()> {
        if cfg!(unix) { File::open(&self.0)?.sync_all() } else { Ok(()) }
    }
}

impl LogFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(offset))?;
        self.read_exact(buffer)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
