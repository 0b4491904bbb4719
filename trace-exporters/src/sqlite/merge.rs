//! Merging segments, a few blocks at a time: the writer does it beside its batches, and a batch waits for a step, not for a
//! merge.
//!
//! Until a merge has written everything, its blocks belong to no segment, and the segments that it reads stay. Then, in one
//! transaction, the new segment takes their place. Blocks that no segment needs any more are listed in `garbage` and
//! deleted a few at a time; a merge under way has its own blocks there, so that one that does not end leaves nothing behind.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::block;
use super::error::FileError;
use super::segment::{Segment, block_sql};
use super::segment_writer::SegmentWriter;
use super::term::Term;

/// Segments of a level that are merged into one of the next.
pub(super) const FAN_IN: usize = 16;
/// The last level: few segments of it come together in an hour.
const TOP: u32 = 1;

/// A merge that has begun.
#[derive(Debug)]
pub(super) struct Merge {
    from: Vec<Segment>,
    readers: Vec<SegmentReader>,
    heap: BinaryHeap<Reverse<(Term, usize)>>,
    writer: SegmentWriter,
    /// Its row in `garbage`.
    row: i64,
}

impl Merge {
    /// Begins with the first segments of a level that has enough of them; `None` if none has.
    pub(super) fn begin(db: &Connection) -> Result<Option<Self>, FileError> {
        let all = Segment::load(db)?;
        let of_level =
            |level| all.iter().filter(move |s| s.level == level).take(FAN_IN).cloned().collect::<Vec<_>>();
        let Some(from) = (0..TOP).map(of_level).find(|found| found.len() == FAN_IN) else { return Ok(None) };
        let (first_chunk, level) = from.first().map_or((0, 0), |s| (s.first_chunk, s.level));
        let writer = SegmentWriter::new(db, level + 1, first_chunk)?;
        db.execute(
            "INSERT INTO garbage (level, first, until) VALUES (?1, ?2, ?3)",
            params![level + 1, writer.first_block, i64::MAX],
        )?;
        let row = db.last_insert_rowid();
        let readers = from.iter().map(|s| SegmentReader::new(db, s)).collect::<Result<Vec<_>, _>>()?;
        let heap = readers.iter().enumerate().filter_map(|(i, r)| Some(Reverse((r.term()?, i)))).collect();
        Ok(Some(Self { from, readers, heap, writer, row }))
    }

    /// Blocks that it reads, and so about as many as it writes.
    pub(super) fn blocks(&self) -> i64 {
        self.from.iter().map(Segment::blocks).sum()
    }

    /// Writes this many blocks, or what is left. `true` once the segments are replaced. After an error, or if the transaction is
    /// not committed, the merge must be given up.
    pub(super) fn step(&mut self, db: &Connection, blocks: i64) -> Result<bool, FileError> {
        let enough = self.writer.blocks + blocks;
        let mut chunks = Vec::new();
        while self.writer.blocks < enough {
            let Some(&Reverse((term, _))) = self.heap.peek() else {
                self.finish(db)?;
                return Ok(true);
            };
            chunks.clear();
            // Of equal terms the segment with the lower chunks comes first.
            while let Some(&Reverse((next, i))) = self.heap.peek().filter(|head| head.0.0 == term) {
                self.heap.pop();
                let Some(reader) = self.readers.get_mut(i) else { continue };
                reader.take(db, next, &mut chunks)?;
                self.heap.extend(reader.term().map(|t| Reverse((t, i))));
            }
            self.writer.push(db, term, &chunks)?;
        }
        Ok(false)
    }

    fn finish(&mut self, db: &Connection) -> Result<(), FileError> {
        let mut zones = Vec::new();
        for segment in &self.from {
            zones.extend(segment.zones(db)?);
        }
        self.writer.finish(db, self.from.iter().map(|s| s.spans).sum(), &zones)?;
        for segment in &self.from {
            db.execute("DELETE FROM segments WHERE id = ?1", [segment.id])?;
            db.execute(
                "INSERT INTO garbage (level, first, until) VALUES (?1, ?2, ?3)",
                params![segment.level, segment.first_block, segment.first_block + segment.blocks()],
            )?;
        }
        db.execute("DELETE FROM garbage WHERE id = ?1", [self.row])?;
        Ok(())
    }
}

/// Deletes this many blocks that no segment needs. `false` if there are none. Not while a merge is under way.
pub(super) fn delete_garbage(db: &Connection, blocks: i64) -> Result<bool, FileError> {
    let mut statement =
        db.prepare_cached("SELECT id, level, first, until FROM garbage ORDER BY id LIMIT 1")?;
    let found = statement.query_row([], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, u32>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
    });
    let Some((row, level, first, until)) = found.optional()? else { return Ok(false) };
    let (last, delete) = match level {
        0 => ("SELECT coalesce(max(id), 0) FROM blocks", "DELETE FROM blocks WHERE id >= ?1 AND id < ?2"),
        _ => ("SELECT coalesce(max(id), 0) FROM merged", "DELETE FROM merged WHERE id >= ?1 AND id < ?2"),
    };
    // A merge that did not end has left what follows all segments of its side.
    let last: i64 = db.prepare_cached(last)?.query_row([], |row| row.get(0))?;
    let until = until.min(last.saturating_add(1));
    let next = first.saturating_add(blocks).min(until);
    db.prepare_cached(delete)?.execute([first, next])?;
    if next >= until {
        db.execute("DELETE FROM garbage WHERE id = ?1", [row])?;
    } else {
        db.execute("UPDATE garbage SET first = ?2, until = ?3 WHERE id = ?1", params![row, next, until])?;
    }
    Ok(true)
}

/// Whether there is something to merge or to delete.
pub(super) fn is_due(db: &Connection) -> Result<bool, FileError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM garbage) OR EXISTS (
        SELECT 1 FROM segments WHERE level < ?1 GROUP BY level HAVING count(*) >= ?2)";
    Ok(db.prepare_cached(sql)?.query_row(params![TOP, FAN_IN as i64], |row| row.get(0))?)
}

/// Reads a segment from its first term to its last.
#[derive(Debug)]
struct SegmentReader {
    level: u32,
    next: i64,
    end: i64,
    base: u32,
    /// What is left of the block, the first term last.
    entries: Vec<(Term, Vec<u32>)>,
}

impl SegmentReader {
    fn new(db: &Connection, segment: &Segment) -> Result<Self, FileError> {
        let end = segment.first_block + segment.blocks();
        let (level, next, base) = (segment.level, segment.first_block, segment.base());
        let mut reader = Self { level, next, end, base, entries: Vec::new() };
        reader.fill(db)?;
        Ok(reader)
    }

    fn term(&self) -> Option<Term> {
        self.entries.last().map(|e| e.0)
    }

    fn take(&mut self, db: &Connection, term: Term, out: &mut Vec<u32>) -> Result<(), FileError> {
        if let Some((_, chunks)) = self.entries.pop_if(|e| e.0 == term) {
            out.extend(chunks);
        }
        self.fill(db)
    }

    fn fill(&mut self, db: &Connection) -> Result<(), FileError> {
        while self.entries.is_empty() && self.next < self.end {
            let mut statement = db.prepare_cached(block_sql(self.level))?;
            let data: Option<Vec<u8>> = statement.query_row([self.next], |row| row.get(0)).optional()?;
            let data = data.ok_or(FileError::Damaged("a block of postings is missing"))?;
            for entry in block::terms(&data) {
                let (term, list) = entry?;
                let mut chunks = Vec::new();
                block::chunks(list, self.base, &mut chunks)?;
                self.entries.push((term, chunks));
            }
            self.entries.reverse();
            self.next += 1;
        }
        Ok(())
    }
}
