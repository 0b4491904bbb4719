//! Bounded reading of small system files.

use std::fs::File;
use std::io::Read;

/// More than any file that is read here should have, in bytes. A host with very many mounts may exceed it; the
/// container's own lines are found in what was read, or not at all.
const LONGEST: u64 = 256 * 1024;

/// The text of a file; `None` if it cannot be read or is not UTF-8.
pub(super) fn text(path: &str) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Its first line, if that is not empty.
pub(super) fn line(path: &str) -> Option<String> {
    text(path)?.lines().next().map(|l| l.trim().to_owned()).filter(|l| !l.is_empty())
}
