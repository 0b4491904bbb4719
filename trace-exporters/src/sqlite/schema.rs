//! The file of one hour: how it is opened, and its tables.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::FileError;
use super::{Durability, SqliteConfig};

/// `PRAGMA user_version` of files that this program writes and reads.
const FORMAT: i64 = 2;
/// `PRAGMA application_id`: "mpls".
const APPLICATION: i64 = 0x6d70_6c73;

/// `chunks`: spans, see [`super::chunk`]. `segments`, `blocks` (of level 0) and `merged` (of others): postings, see
/// [`super::segment`]. `garbage`: blocks that no segment needs, see [`super::merge`]. `filters`: which traces there may be,
/// see [`super::filter`]. `lengths`: how long spans took, see [`super::lengths`]. `names`: what services and operations
/// there are. `indexed`: the attributes that the postings of all chunks cover.
const TABLES: &str = "
    CREATE TABLE chunks (
        id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        spans INTEGER NOT NULL, size INTEGER NOT NULL, payload BLOB NOT NULL);
    CREATE TABLE segments (
        id INTEGER PRIMARY KEY, level INTEGER NOT NULL, first_chunk INTEGER NOT NULL, chunks INTEGER NOT NULL,
        spans INTEGER NOT NULL, first_block INTEGER NOT NULL, fences BLOB NOT NULL, last INTEGER NOT NULL,
        zones BLOB NOT NULL);
    CREATE TABLE filters (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
    CREATE TABLE blocks (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
    CREATE TABLE merged (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
    CREATE TABLE garbage (
        id INTEGER PRIMARY KEY, level INTEGER NOT NULL, first INTEGER NOT NULL, until INTEGER NOT NULL);
    CREATE TABLE lengths (first_chunk INTEGER PRIMARY KEY, data BLOB NOT NULL);
    CREATE TABLE names (
        tenant TEXT NOT NULL, service TEXT NOT NULL, operation TEXT NOT NULL,
        PRIMARY KEY (tenant, service, operation)) WITHOUT ROWID;
    CREATE TABLE indexed (key TEXT PRIMARY KEY) WITHOUT ROWID;
";

/// Opens a file to write; makes it if it is missing.
pub(super) fn open_to_write(path: &Path, config: &SqliteConfig) -> Result<Connection, FileError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(5))?;
    let synchronous = match config.durability {
        Durability::Process => "NORMAL",
        Durability::Power => "FULL",
    };
    // The page size counts for new files alone. Pages of 16 KiB hold three chunks or four blocks without overflow.
    db.pragma_update(None, "page_size", 16_384)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", synchronous)?;
    db.pragma_update(None, "cache_size", -4096)?;
    db.pragma_update(None, "wal_autocheckpoint", 1024)?;
    db.pragma_update(None, "journal_size_limit", 64 << 20)?;
    let found = version(&db)?;
    if found == 0 {
        let tx = db.transaction()?;
        tx.execute_batch(TABLES)?;
        for key in &config.indexed_attributes {
            tx.execute("INSERT OR IGNORE INTO indexed VALUES (?1)", [key])?;
        }
        tx.pragma_update(None, "application_id", APPLICATION)?;
        tx.pragma_update(None, "user_version", FORMAT)?;
        tx.commit()?;
    } else {
        check(found)?;
    }
    db.set_prepared_statement_cache_capacity(32);
    Ok(db)
}

/// Opens a file to read.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, FileError> {
    // Reading in WAL mode takes part in its bookkeeping, for which the file is opened to write.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.pragma_update(None, "query_only", true)?;
    db.pragma_update(None, "cache_size", -4096)?;
    // Checkpoints are the writer's.
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    check(version(&db)?)?;
    db.set_prepared_statement_cache_capacity(32);
    Ok(db)
}

fn version(db: &Connection) -> Result<i64, FileError> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn check(found: i64) -> Result<(), FileError> {
    if found == FORMAT { Ok(()) } else { Err(FileError::Format { found, known: FORMAT }) }
}

/// The attributes that the postings of a file cover.
pub(super) fn indexed(db: &Connection) -> Result<Vec<String>, FileError> {
    let mut statement = db.prepare("SELECT key FROM indexed")?;
    let keys = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    Ok(keys)
}

/// Keeps only those of these attributes: chunks that follow are indexed by no others. None is added, for the chunks that
/// are there were not indexed by it.
pub(super) fn narrow_indexed(db: &Connection, to: &[String]) -> Result<(), FileError> {
    for key in indexed(db)?.iter().filter(|key| !to.contains(key)) {
        db.execute("DELETE FROM indexed WHERE key = ?1", [key])?;
    }
    Ok(())
}
