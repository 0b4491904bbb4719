//! The files that were set aside: numbered, counted, the oldest removed.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::config::OtlpFileError;

/// What was set aside from one file.
#[derive(Debug)]
pub(super) struct Rotated {
    path: PathBuf,
    /// Numbers and bytes, the oldest first.
    files: VecDeque<(u64, u64)>,
}

impl Rotated {
    /// Finds what earlier runs have set aside.
    pub(super) fn find(path: &Path) -> Result<Self, OtlpFileError> {
        let folder = folder_of(path);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(OtlpFileError::io("list", folder))? {
            let entry = entry.map_err(OtlpFileError::io("list", folder))?;
            let name = entry.file_name();
            if let Some(number) = name.to_str().and_then(|name| number_of(path, name)) {
                let size = entry.metadata().map_err(OtlpFileError::io("look at", &entry.path()))?.len();
                files.push((number, size));
            }
        }
        files.sort_unstable();
        Ok(Self { path: path.to_owned(), files: files.into() })
    }

    /// The name under which the next one is set aside.
    pub(super) fn next_path(&self) -> PathBuf {
        self.path_of(self.next_number())
    }

    fn next_number(&self) -> u64 {
        self.files.back().map_or(1, |(number, _)| number.saturating_add(1))
    }

    fn path_of(&self, number: u64) -> PathBuf {
        self.path.with_extension(format!("{number:06}.jsonl"))
    }

    /// Counts the one that now has the name of [`Self::next_path`].
    pub(super) fn add(&mut self, bytes: u64) {
        self.files.push_back((self.next_number(), bytes));
    }

    /// Removes the oldest until the rest takes at most this many bytes.
    pub(super) fn shrink(&mut self, most: u64) -> Result<(), OtlpFileError> {
        let mut total: u64 = self.files.iter().map(|(_, bytes)| bytes).sum();
        while let Some(&(number, bytes)) = self.files.front().filter(|_| total > most) {
            let oldest = self.path_of(number);
            match std::fs::remove_file(&oldest) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(OtlpFileError::io("remove", &oldest)(e));
                }
                _ => {
                    self.files.pop_front();
                    total -= bytes;
                }
            }
        }
        Ok(())
    }
}

/// Where a file lies; a bare name lies in the current folder.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The number in `STEM.NUMBER.jsonl`.
fn number_of(path: &Path, name: &str) -> Option<u64> {
    let stem = path.file_stem()?.to_str()?;
    let number = name.strip_prefix(stem)?.strip_prefix('.')?.strip_suffix(".jsonl")?;
    let is_ours = number.len() >= 6 && number.bytes().all(|b| b.is_ascii_digit());
    number.parse().ok().filter(|_| is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_were_set_aside_are_counted() {
        let number = |name| number_of(Path::new("/x/traces.jsonl"), name);
        assert_eq!(number("traces.000012.jsonl"), Some(12));
        assert_eq!(number("traces.1000000.jsonl"), Some(1_000_000));
        for other in [
            "traces.jsonl",
            "traces.12.jsonl",
            "traces.+00012.jsonl",
            "xtraces.000012.jsonl",
            "traces.000012.json",
        ] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
