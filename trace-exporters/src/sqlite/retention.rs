//! Deleting the oldest hours, by age and by size.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use trace_core::model::Timestamp;

use super::SqliteConfig;
use super::catalog::Catalog;
use super::hour::Hour;
use super::state::SetAside;

/// Hours that spans may be ahead of the clock. A file further ahead would be the last to be deleted, and hold up the rest.
const AHEAD: u64 = 24;

/// Whether spans of an hour are stored.
pub(super) fn is_kept(hour: Hour, now: Timestamp, config: &SqliteConfig) -> bool {
    let seconds = |hours: u64| std::time::Duration::from_secs(hours.saturating_mul(3600));
    hour.start() <= now + seconds(AHEAD)
        && (config.retention_hours == 0 || hour.end() + seconds(config.retention_hours) > now)
}

/// The bytes of an hour's files.
pub(super) fn bytes(catalog: &Catalog, hour: Hour) -> u64 {
    let path = catalog.path(hour);
    ["", "-wal"].iter().filter_map(|ending| fs::metadata(with(&path, ending)).ok()).map(|m| m.len()).sum()
}

/// When the files of an hour were last written.
pub(super) fn written(catalog: &Catalog, hour: Hour) -> Option<SystemTime> {
    let path = catalog.path(hour);
    ["", "-wal"].iter().filter_map(|ending| fs::metadata(with(&path, ending)).ok()?.modified().ok()).max()
}

/// Hours that must go, the oldest first, and whether the newest alone is larger than all may be.
pub(super) fn due(catalog: &Catalog, now: Timestamp, config: &SqliteConfig) -> (Vec<Hour>, bool) {
    let hours = catalog.hours();
    let mut due: Vec<Hour> =
        hours.iter().copied().filter(|h| h.start() <= now && !is_kept(*h, now, config)).collect();
    if config.max_bytes == 0 {
        return (due, false);
    }
    let mut kept: Vec<(Hour, u64)> =
        hours.iter().filter(|h| !due.contains(h)).map(|h| (*h, bytes(catalog, *h))).collect();
    let mut total: u64 = kept.iter().map(|k| k.1).sum();
    while total > config.max_bytes && kept.len() > 1 {
        let (hour, bytes) = kept.remove(0);
        total -= bytes;
        due.push(hour);
    }
    (due, total > config.max_bytes)
}

/// Deletes the file of an hour. Who reads it now reads to the end.
pub(super) fn delete(catalog: &Catalog, hour: Hour) {
    let Some(shared) = catalog.remove(hour) else { return };
    let path = catalog.path(hour);
    for ending in ["", "-wal", "-shm"] {
        // What cannot be deleted now is found and deleted when the store is opened again.
        let _ = fs::remove_file(with(&path, ending));
    }
    let mut state = catalog.state();
    state.evicted_files += 1;
    state.evicted_spans += shared.spans.load(Ordering::Relaxed);
    let name = hour.file_name();
    if state.evicted_through.as_ref().is_none_or(|newest| *newest < name) {
        state.evicted_through = Some(name);
    }
    // The spans are gone whether this is remembered or not.
    let _ = state.save(catalog.directory());
}

/// Renames the damaged file of an hour, so that it is neither read nor lost.
pub(super) fn set_aside(catalog: &Catalog, hour: Hour, reason: String) -> std::io::Result<()> {
    let path = catalog.path(hour);
    let name = |n: u32| format!("{}.damaged-{n}", hour.file_name());
    let free = (1..=u32::MAX).find(|n| !catalog.directory().join(name(*n)).exists()).unwrap_or(u32::MAX);
    // First out of sight: a reader that finds no file must see that there is none to be found.
    let shared = catalog.remove(hour);
    if let Err(e) = fs::rename(&path, catalog.directory().join(name(free))) {
        shared.into_iter().for_each(|shared| catalog.put_back(hour, shared));
        return Err(e);
    }
    let _ = fs::rename(with(&path, "-wal"), catalog.directory().join(format!("{}-wal", name(free))));
    let _ = fs::remove_file(with(&path, "-shm"));
    let mut state = catalog.state();
    state.set_aside.push(SetAside { file: name(free), reason });
    let _ = state.save(catalog.directory());
    Ok(())
}

fn with(path: &std::path::Path, ending: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
