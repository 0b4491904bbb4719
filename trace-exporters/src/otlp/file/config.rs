//! Which file, and how large it may grow.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Which file lines go to, and how many bytes. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OtlpFileConfig {
    /// The file that is written; it ends in `.jsonl`. Full ones are set aside next to it: of `traces.jsonl`
    /// `traces.000001.jsonl` is the first.
    pub path: PathBuf,
    /// A file that would grow beyond this is set aside. Default 64 MiB.
    #[serde(default = "max_file_bytes", alias = "maxFileBytes")]
    pub max_file_bytes: u64,
    /// The bytes of all files together; the oldest are removed. Default 1 GiB.
    #[serde(default = "max_total_bytes", alias = "maxTotalBytes")]
    pub max_total_bytes: u64,
}

fn max_file_bytes() -> u64 {
    64 << 20
}

fn max_total_bytes() -> u64 {
    1 << 30
}

/// Why a file of lines cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpFileError {
    /// Readers choose files by their extension.
    #[error("path {} must be a file name that ends in .jsonl", path.display())]
    Extension {
        /// The path given.
        path: PathBuf,
    },
    /// The bounds leave no room.
    #[error("max_file_bytes must be at least 1024 and at most max_total_bytes, got {file} of {total}")]
    Bounds {
        /// `max_file_bytes`.
        file: u64,
        /// `max_total_bytes`.
        total: u64,
    },
    /// Another exporter, maybe of another process, writes there.
    #[error("{} is written by another exporter: each needs a file of its own", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, such as `open`.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl OtlpFileError {
    pub(super) fn io<'a>(
        action: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<'a> {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

impl OtlpFileConfig {
    /// The defaults for this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), max_file_bytes: max_file_bytes(), max_total_bytes: max_total_bytes() }
    }

    /// Sets the bounds of one file and of all together, in bytes.
    #[must_use]
    pub fn limits(mut self, max_file_bytes: u64, max_total_bytes: u64) -> Self {
        (self.max_file_bytes, self.max_total_bytes) = (max_file_bytes, max_total_bytes);
        self
    }

    /// Checks everything that can be checked without the file.
    ///
    /// # Errors
    /// Names what cannot be used.
    pub fn validate(&self) -> Result<(), OtlpFileError> {
        if self.path.file_stem().is_none() || self.path.extension().is_none_or(|e| e != "jsonl") {
            return Err(OtlpFileError::Extension { path: self.path.clone() });
        }
        if self.max_file_bytes < 1024 || self.max_file_bytes > self.max_total_bytes {
            return Err(OtlpFileError::Bounds { file: self.max_file_bytes, total: self.max_total_bytes });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_named() {
        for path in ["", "traces", "traces.json", "/"] {
            let error = OtlpFileConfig::new(path).validate().unwrap_err().to_string();
            assert!(error.contains(".jsonl"), "{error}");
        }
        let error = OtlpFileConfig::new("a.jsonl").limits(2048, 1024).validate().unwrap_err().to_string();
        assert!(error.contains("2048 of 1024"), "{error}");
    }

    #[test]
    fn a_configuration_reads_both_spellings_and_refuses_unknown_keys() {
        let read: OtlpFileConfig = serde_json::from_str(r#"{"path":"t.jsonl","maxFileBytes":2048}"#).unwrap();
        assert_eq!(read, OtlpFileConfig::new("t.jsonl").limits(2048, 1 << 30));
        assert!(serde_json::from_str::<OtlpFileConfig>(r#"{"path":"t.jsonl","max":1}"#).is_err());
    }
}
