//! Segments: the postings of many consecutive chunks, sorted by term, written once.
//!
//! A segment's blocks have consecutive numbers, so that writing appends. Its fences, the first term of each block, say
//! where a term is: one block is read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::block;
use super::error::FileError;
use super::run::{Run, Zone};
use super::term::Term;

/// Segments of a level that are merged into one of the next.
pub(super) const FAN_IN: usize = 16;
/// The last level: a larger merge would hold writing up for too long, and few segments of it come together in an hour.
pub(super) const TOP: u32 = 1;

/// A segment, without its postings.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) id: i64,
    pub(super) level: u32,
    pub(super) first_chunk: u32,
    pub(super) chunks: u32,
    pub(super) spans: u64,
    first_block: i64,
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

    fn base(&self) -> u32 {
        self.first_chunk.saturating_sub(1)
    }

    /// Appends the chunks with a term, in order.
    pub(super) fn chunks(&self, db: &Connection, term: Term, out: &mut Vec<u32>) -> Result<(), FileError> {
        let Some(at) = self.fences.partition_point(|fence| *fence <= term).checked_sub(1) else {
            return Ok(());
        };
        let mut statement = db.prepare_cached("SELECT data FROM blocks WHERE id = ?1")?;
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
    let mut writer = Writer::new(db, first.first_chunk)?;
    let mut chunks = Vec::new();
    for of_term in entries.chunk_by(|a, b| a.0 == b.0) {
        chunks.clear();
        chunks.extend(of_term.iter().map(|e| e.1));
        writer.push(of_term.first().map_or(0, |e| e.0), &chunks)?;
    }
    let zones: Vec<Zone> = runs.iter().flat_map(|r| r.zones.iter().copied()).collect();
    writer.finish(0, runs.iter().map(|r| r.spans).sum(), &zones)
}

/// Merges the first segments of a level that has enough of them. `false` if none has.
pub(super) fn merge(db: &Connection) -> Result<bool, FileError> {
    let all = Segment::load(db)?;
    for level in 0..TOP {
        let of_level: Vec<&Segment> = all.iter().filter(|s| s.level == level).take(FAN_IN).collect();
        if of_level.len() == FAN_IN {
            merge_into(db, &of_level, level + 1)?;
            return Ok(true);
        }
    }
    Ok(false)
}

fn merge_into(db: &Connection, from: &[&Segment], level: u32) -> Result<(), FileError> {
    let Some(first) = from.first() else { return Ok(()) };
    let mut writer = Writer::new(db, first.first_chunk)?;
    let mut readers = from.iter().map(|s| Reader::new(db, s)).collect::<Result<Vec<_>, _>>()?;
    let mut heap: BinaryHeap<Reverse<(Term, usize)>> =
        readers.iter().enumerate().filter_map(|(i, r)| Some(Reverse((r.term()?, i)))).collect();
    let mut chunks = Vec::new();
    while let Some(&Reverse((term, _))) = heap.peek() {
        chunks.clear();
        // Of equal terms the segment with the lower chunks comes first.
        while let Some(&Reverse((next, i))) = heap.peek().filter(|head| head.0.0 == term) {
            heap.pop();
            let Some(reader) = readers.get_mut(i) else { continue };
            reader.take(next, &mut chunks)?;
            heap.extend(reader.term().map(|t| Reverse((t, i))));
        }
        writer.push(term, &chunks)?;
    }
    let mut zones = Vec::new();
    for segment in from {
        zones.extend(segment.zones(db)?);
    }
    writer.finish(level, from.iter().map(|s| s.spans).sum(), &zones)?;
    for segment in from {
        let blocks = segment.first_block..segment.first_block + segment.fences.len() as i64;
        db.execute("DELETE FROM blocks WHERE id >= ?1 AND id < ?2", params![blocks.start, blocks.end])?;
        db.execute("DELETE FROM segments WHERE id = ?1", [segment.id])?;
    }
    Ok(())
}

/// Reads a segment from its first term to its last.
struct Reader<'a> {
    db: &'a Connection,
    next: i64,
    end: i64,
    base: u32,
    /// What is left of the block, the first term last.
    entries: Vec<(Term, Vec<u32>)>,
}

impl<'a> Reader<'a> {
    fn new(db: &'a Connection, segment: &Segment) -> Result<Self, FileError> {
        let end = segment.first_block + segment.fences.len() as i64;
        let mut reader =
            Self { db, next: segment.first_block, end, base: segment.base(), entries: Vec::new() };
        reader.fill()?;
        Ok(reader)
    }

    fn term(&self) -> Option<Term> {
        self.entries.last().map(|e| e.0)
    }

    fn take(&mut self, term: Term, out: &mut Vec<u32>) -> Result<(), FileError> {
        if let Some((_, chunks)) = self.entries.pop_if(|e| e.0 == term) {
            out.extend(chunks);
        }
        self.fill()
    }

    fn fill(&mut self) -> Result<(), FileError> {
        while self.entries.is_empty() && self.next < self.end {
            let mut statement = self.db.prepare_cached("SELECT data FROM blocks WHERE id = ?1")?;
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

/// Writes a segment, term by term.
struct Writer<'a> {
    db: &'a Connection,
    first_chunk: u32,
    first_block: i64,
    fences: Vec<u8>,
    block: Vec<u8>,
    blocks: i64,
}

impl<'a> Writer<'a> {
    fn new(db: &'a Connection, first_chunk: u32) -> Result<Self, FileError> {
        let first_block =
            db.query_row("SELECT coalesce(max(id), 0) + 1 FROM blocks", [], |row| row.get(0))?;
        Ok(Self { db, first_chunk, first_block, fences: Vec::new(), block: Vec::new(), blocks: 0 })
    }

    fn push(&mut self, term: Term, chunks: &[u32]) -> Result<(), FileError> {
        if self.block.is_empty() {
            self.fences.extend_from_slice(&term.to_le_bytes());
        }
        block::push(&mut self.block, term, self.first_chunk.saturating_sub(1), chunks);
        if self.block.len() >= block::FULL { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<(), FileError> {
        let mut statement = self.db.prepare_cached("INSERT INTO blocks (id, data) VALUES (?1, ?2)")?;
        statement.execute(params![self.first_block + self.blocks, self.block])?;
        self.blocks += 1;
        self.block.clear();
        Ok(())
    }

    fn finish(mut self, level: u32, spans: u64, zones: &[Zone]) -> Result<(), FileError> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        let last = zones.iter().map(|z| z.last).max().unwrap_or(0);
        let bytes: Vec<u8> =
            zones.iter().flat_map(|z| [z.first, z.last]).flat_map(u32::to_le_bytes).collect();
        // A number of its own, greater than all before: readers know by the greatest whether anything has changed.
        self.db.execute(
            "INSERT INTO segments SELECT coalesce(max(id), 0) + 1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM segments",
            params![level, self.first_chunk, zones.len() as i64, spans as i64, self.first_block, self.fences, last, bytes],
        )?;
        Ok(())
    }
}
