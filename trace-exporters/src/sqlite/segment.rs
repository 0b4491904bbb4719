//! Segments: the postings of many consecutive chunks, sorted by term, written once.
//!
//! A segment's blocks have consecutive numbers, so that writing appends. Its fences, the first term of each block, say
//! where a term is: one block is read.

use rusqlite::{Connection, OptionalExtension as _};

use super::block;
use super::error::FileError;
use super::run::{Run, Zone};
use super::segment_writer::SegmentWriter;
use super::term::Term;

/// The block with this number of a segment of this level. Merged segments have a table of their own, so that both only grow
/// at their ends while a merge is under way.
pub(super) fn block_sql(level: u32) -> &'static str {
    match level {
        0 => "SELECT data FROM blocks WHERE id = ?1",
        _ => "SELECT data FROM merged WHERE id = ?1",
    }
}

/// A segment, without its postings.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) id: i64,
    pub(super) level: u32,
    pub(super) first_chunk: u32,
    pub(super) chunks: u32,
    pub(super) spans: u64,
    pub(super) first_block: i64,
    fences: Vec<Term>,
    /// When its latest span began, in microseconds of the hour.
    pub(super) last: u32,
}

impl Segment {
    /// All of a file, in order of their chunks.
    pub(super) fn load(db: &Connection) -> Result<Vec<Self>, FileError> {
        let sql = "SELECT id, level, first_chunk, chunks, spans, first_block, fences, last FROM segments ORDER BY first_chunk";
        let mut statement = db.prepare_cached(sql)?;
        let found = statement.query_map([], |row| {
            let fences: Vec<u8> = row.get(6)?;
            Ok(Self {
                id: row.get(0)?,
                level: row.get(1)?,
                first_chunk: row.get(2)?,
                chunks: row.get(3)?,
                spans: row.get::<_, i64>(4)?.unsigned_abs(),
                first_block: row.get(5)?,
                fences: fences.as_chunks::<8>().0.iter().map(|b| Term::from_le_bytes(*b)).collect(),
                last: row.get(7)?,
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// What its lists count from.
    pub(super) fn base(&self) -> u32 {
        self.first_chunk.saturating_sub(1)
    }

    /// How many blocks it has.
    pub(super) fn blocks(&self) -> i64 {
        self.fences.len() as i64
    }

    /// Appends the chunks with a term, in order.
    pub(super) fn chunks(&self, db: &Connection, term: Term, out: &mut Vec<u32>) -> Result<(), FileError> {
        let Some(at) = self.fences.partition_point(|fence| *fence <= term).checked_sub(1) else {
            return Ok(());
        };
        let mut statement = db.prepare_cached(block_sql(self.level))?;
        let mut rows = statement.query([self.first_block + at as i64])?;
        let row = rows.next()?.ok_or(FileError::Damaged("a block of postings is missing"))?;
        let data =
            row.get_ref(0)?.as_blob().map_err(|_| FileError::Damaged("a block of postings is no blob"))?;
        for entry in block::terms(data) {
            let (found, list) = entry?;
            if found == term {
                block::chunks(list, self.base(), out)?;
            }
            if found >= term {
                break;
            }
        }
        Ok(())
    }

    /// The zones of its chunks, in order.
    pub(super) fn zones(&self, db: &Connection) -> Result<Vec<Zone>, FileError> {
        let mut statement = db.prepare_cached("SELECT zones FROM segments WHERE id = ?1")?;
        let bytes: Option<Vec<u8>> = statement.query_row([self.id], |row| row.get(0)).optional()?;
        let bytes = bytes.ok_or(FileError::Damaged("a segment is missing"))?;
        let number = |b: &[u8; 4]| u32::from_le_bytes(*b);
        Ok(bytes
            .as_chunks::<4>()
            .0
            .chunks_exact(2)
            .map(|z| Zone { first: number(&z[0]), last: number(&z[1]) })
            .collect())
    }
}

/// Writes the postings of runs of consecutive chunks as a segment of level 0.
pub(super) fn write(db: &Connection, runs: &[std::sync::Arc<Run>]) -> Result<(), FileError> {
    let Some(first) = runs.first() else { return Ok(()) };
    let mut entries: Vec<(Term, u32)> = runs.iter().flat_map(|r| r.entries.iter().copied()).collect();
    // Sorted parts, which this sort finds and merges.
    entries.sort();
    let mut writer = SegmentWriter::new(db, 0, first.first_chunk)?;
    let mut chunks = Vec::new();
    for of_term in entries.chunk_by(|a, b| a.0 == b.0) {
        chunks.clear();
        chunks.extend(of_term.iter().map(|e| e.1));
        writer.push(db, of_term.first().map_or(0, |e| e.0), &chunks)?;
    }
    let zones: Vec<Zone> = runs.iter().flat_map(|r| r.zones.iter().copied()).collect();
    writer.finish(db, runs.iter().map(|r| r.spans).sum(), &zones)
}
