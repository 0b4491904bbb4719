//! The file that notes how far each partition was read.
//!
//! A line a partition, `number offset`, under a line that names the topic. It is replaced as a whole, so a crash leaves
//! the old one or the new one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::error::KafkaConfigError;

const HEAD: &str = "mplp-trace kafka offsets 1";
/// More than the lines of 10,000 partitions.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Offsets of the next record to read, by partition.
#[derive(Debug)]
pub(super) struct Offsets {
    path: PathBuf,
    topic: String,
    next: Mutex<BTreeMap<i32, i64>>,
}

impl Offsets {
    /// Reads the file; one that is not there is empty.
    pub(super) fn open(path: &Path, topic: &str) -> Result<Self, KafkaConfigError> {
        let fail = |reason: String| KafkaConfigError::Offsets { path: path.to_owned(), reason };
        let next = match std::fs::metadata(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(e) => return Err(fail(e.to_string())),
            Ok(file) if file.len() > MAX_FILE_BYTES => return Err(fail("is no file of offsets".to_owned())),
            Ok(_) => {
                let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
                parse(&text, topic).map_err(fail)?
            }
        };
        Ok(Self { path: path.to_owned(), topic: topic.to_owned(), next: Mutex::new(next) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is noted of a partition.
    pub(super) fn get(&self, partition: i32) -> Option<i64> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).get(&partition).copied()
    }

    /// Notes that everything before `next` was read.
    pub(super) fn commit(&self, partition: i32, next: i64) -> std::io::Result<()> {
        let mut all = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(partition, next);
        let mut text = format!("{HEAD} {}\n", self.topic);
        for (partition, next) in &*all {
            let _ = writeln!(text, "{partition} {next}");
        }
        // Under the lock: two partitions must not write the same file at a time.
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        let mut file = std::fs::File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        std::fs::rename(&new, &self.path)
    }
}

fn parse(text: &str, topic: &str) -> Result<BTreeMap<i32, i64>, String> {
    let mut lines = text.lines();
    match lines.next().and_then(|head| head.strip_prefix(HEAD)).map(str::trim) {
        Some(of) if of == topic => {}
        Some(of) => {
            return Err(format!("is of topic {:?}, not {topic:?}", of.chars().take(64).collect::<String>()));
        }
        None => return Err("is no file of offsets".to_owned()),
    }
    let entry = |line: &str| {
        let (partition, next) = line.split_once(' ')?;
        Some((partition.parse().ok()?, next.parse().ok().filter(|n| *n >= 0)?))
    };
    lines
        .enumerate()
        .map(|(i, line)| entry(line).ok_or_else(|| format!("line {} is malformed", i + 2)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_noted_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("offsets");
        let offsets = Offsets::open(&path, "t").unwrap();
        assert_eq!(offsets.get(0), None);
        offsets.commit(1, 7).unwrap();
        offsets.commit(0, i64::MAX).unwrap();
        offsets.commit(1, 8).unwrap();
        let again = Offsets::open(&path, "t").unwrap();
        assert_eq!((again.get(0), again.get(1), again.get(2)), (Some(i64::MAX), Some(8), None));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{HEAD} t\n0 {}\n1 8\n", i64::MAX));
        let error = Offsets::open(&path, "other").unwrap_err().to_string();
        assert!(error.contains("is of topic \"t\", not \"other\""), "{error}");
    }

    #[test]
    fn a_file_that_is_none_is_refused_and_not_overwritten() {
        for text in ["", "x", "mplp-trace kafka offsets 1 t\n0\n", "mplp-trace kafka offsets 1 t\n0 -1\n"] {
            assert!(parse(text, "t").is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_file_is_read_without_panic(text in "\\PC{0,200}") {
            let _ = parse(&text, "t");
            let _ = parse(&format!("{HEAD} t\n{text}"), "t");
        }
    }
}
