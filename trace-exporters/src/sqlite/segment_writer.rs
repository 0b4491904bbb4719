//! Writing a segment, term by term.

use rusqlite::{Connection, params};

use super::block;
use super::error::FileError;
use super::run::Zone;
use super::term::Term;

/// A segment that is being written. Nobody sees it until it is finished.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    level: u32,
    first_chunk: u32,
    pub(super) first_block: i64,
    fences: Vec<u8>,
    block: Vec<u8>,
    /// How many blocks are in the file.
    pub(super) blocks: i64,
}

impl SegmentWriter {
    /// Its blocks follow all that there are on its side.
    pub(super) fn new(db: &Connection, level: u32, first_chunk: u32) -> Result<Self, FileError> {
        let last = match level {
            0 => "SELECT coalesce(max(id), 0) + 1 FROM blocks",
            _ => "SELECT coalesce(max(id), 0) + 1 FROM merged",
        };
        let first_block = db.query_row(last, [], |row| row.get(0))?;
        Ok(Self { level, first_chunk, first_block, fences: Vec::new(), block: Vec::new(), blocks: 0 })
    }

    /// Adds the next term with its chunks.
    pub(super) fn push(&mut self, db: &Connection, term: Term, chunks: &[u32]) -> Result<(), FileError> {
        if self.block.is_empty() {
            self.fences.extend_from_slice(&term.to_le_bytes());
        }
        block::push(&mut self.block, term, self.first_chunk.saturating_sub(1), chunks);
        if self.block.len() >= block::FULL { self.end_block(db) } else { Ok(()) }
    }

    fn end_block(&mut self, db: &Connection) -> Result<(), FileError> {
        let mut statement = db.prepare_cached(match self.level {
            0 => "INSERT INTO blocks (id, data) VALUES (?1, ?2)",
            _ => "INSERT INTO merged (id, data) VALUES (?1, ?2)",
        })?;
        statement.execute(params![self.first_block + self.blocks, self.block])?;
        self.blocks += 1;
        self.block.clear();
        Ok(())
    }

    /// Writes what is left, and lets readers see it.
    pub(super) fn finish(&mut self, db: &Connection, spans: u64, zones: &[Zone]) -> Result<(), FileError> {
        if !self.block.is_empty() {
            self.end_block(db)?;
        }
        let last = zones.iter().map(|z| z.last).max().unwrap_or(0);
        let bytes: Vec<u8> =
            zones.iter().flat_map(|z| [z.first, z.last]).flat_map(u32::to_le_bytes).collect();
        // A number of its own, greater than all before: readers know by the greatest whether anything has changed.
        db.execute(
            "INSERT INTO segments SELECT coalesce(max(id), 0) + 1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM segments",
            params![self.level, self.first_chunk, zones.len() as i64, spans as i64, self.first_block, self.fences, last, bytes],
        )?;
        Ok(())
    }
}
