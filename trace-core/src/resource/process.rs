//! `process.*`.

use std::path::Path;

use crate::model::KeyValue;

pub(super) fn detect() -> Vec<KeyValue> {
    let mut found = vec![KeyValue::new("process.pid", i64::from(std::process::id()))];
    #[cfg(unix)]
    found.push(KeyValue::new("process.parent_pid", i64::from(std::os::unix::process::parent_id())));
    if let Some(name) = executable_name() {
        found.push(KeyValue::new("process.executable.name", name));
    }
    if let Ok(path) = std::env::current_exe() {
        found.push(KeyValue::new("process.executable.path", path.to_string_lossy().into_owned()));
    }
    found
}

/// The file name of the program.
pub(super) fn executable_name() -> Option<String> {
    let from_path = |p: &Path| p.file_name().map(|n| n.to_string_lossy().into_owned());
    std::env::current_exe().ok().as_deref().and_then(from_path)
}
