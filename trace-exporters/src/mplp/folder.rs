//! A folder of documents: each a file of its own, replaced as a whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::id::Uuid;

/// A document larger than this is not read again.
const MAX_DOCUMENT_BYTES: u64 = 64 << 20;

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    documents: usize,
}

impl Folder {
    /// Makes the folder and counts its documents.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let mut documents = 0;
        for entry in fs::read_dir(path)? {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
            documents += usize::from(id.is_some_and(|id| Uuid::parse(id).is_some()));
        }
        Ok(Self { path: path.to_owned(), documents })
    }

    pub(super) fn documents(&self) -> usize {
        self.documents
    }

    /// The document of this trace, if there is one.
    pub(super) fn read(&self, id: Uuid) -> io::Result<Option<Vec<u8>>> {
        let path = self.file(id);
        match fs::metadata(&path) {
            Ok(found) if found.len() > MAX_DOCUMENT_BYTES => Err(ErrorKind::FileTooLarge.into()),
            Ok(_) => fs::read(&path).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes or replaces a document: a reader sees the old or the new one, also after a crash.
    pub(super) fn write(&mut self, id: Uuid, text: &str) -> io::Result<()> {
        let (path, new) = (self.file(id), self.path.join(format!(".{id}.new")));
        let is_new = !path.exists();
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        if let Err(error) = write() {
            // What is half written is of no use; that it cannot be removed either changes nothing.
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        self.documents += usize::from(is_new);
        Ok(())
    }

    fn file(&self, id: Uuid) -> PathBuf {
        self.path.join(format!("{id}.json"))
    }
}
