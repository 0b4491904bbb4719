//! The one writer of an hour's file.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::{Connection, params};
use twox_hash::XxHash3_64;

use super::SqliteConfig;
use super::catalog::{Catalog, HourShared};
use super::chunk::{Chunk, Cutter, FoundBy, Opener};
use super::error::FileError;
use super::filter::Filter;
use super::hour::Hour;
use super::lengths;
use super::merge::{self, Merge};
use super::recent::Recent;
use super::run::{Run, Zone};
use super::term::Term;
use super::{schema, segment};

/// Spans whose postings stay in memory before they become a segment.
const SEGMENT_SPANS: u64 = if cfg!(test) { 128 } else { 131_072 };
/// Spans of a file that are remembered from before a restart.
const REMEMBERED: usize = 65_536;
/// Blocks that are written or deleted at once while nothing else is to be done.
const IDLE_BLOCKS: i64 = 64;
/// Fewer are not worth a transaction beside a batch.
const LEAST_BLOCKS: f64 = 16.0;
/// A merge and what it leaves behind are done with after this part of the spans that bring the next one.
const PART_OF_CYCLE: f64 = 0.5;
/// Blocks for each span while no merge has told how many there are.
const FIRST_PACE: f64 = 1.0 / 64.0;
/// Names of an hour that are listed; spans with further ones are stored and found all the same.
const MOST_NAMES: usize = 50_000;

/// The one writer of an hour's file.
pub(super) struct HourWriter {
    pub(super) hour: Hour,
    db: Connection,
    shared: Arc<HourShared>,
    next_chunk: u32,
    /// Hashes of tenant, service and operation of those in the table.
    names: HashSet<u64>,
    merge: Option<Merge>,
    /// Whether there is something to merge or to delete, as far as is known.
    due: bool,
    /// Blocks to be written for each span that is stored, and those that wait to be.
    pace: f64,
    owed: f64,
}

impl HourWriter {
    /// Opens or makes the file, and indexes what an earlier process could not any more.
    pub(super) fn open(
        hour: Hour,
        catalog: &Catalog,
        config: &SqliteConfig,
        cutter: &mut Cutter,
    ) -> Result<Self, FileError> {
        let db = schema::open_to_write(&catalog.path(hour), config)?;
        schema::narrow_indexed(&db, &config.indexed_attributes)?;
        let next_chunk = db.query_row("SELECT coalesce(max(id), 0) + 1 FROM chunks", [], |row| row.get(0))?;
        let shared = catalog.add(hour);
        let (names, merge, due, pace, owed) = (HashSet::new(), None, false, FIRST_PACE, 0.0);
        let mut writer = Self { hour, db, shared, next_chunk, names, merge, due, pace, owed };
        writer.names = writer.load_names()?;
        writer.recover(catalog, cutter)?;
        writer.due = merge::is_due(&writer.db)?;
        Ok(writer)
    }

    fn load_names(&self) -> Result<HashSet<u64>, FileError> {
        let mut statement = self.db.prepare("SELECT tenant, service, operation FROM names")?;
        let mut names = HashSet::new();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (tenant, service, operation): (String, String, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            names.insert(name_hash(&tenant, &service, &operation));
        }
        Ok(names)
    }

    fn load_filters(&self) -> Result<Vec<Arc<Filter>>, FileError> {
        let mut statement = self.db.prepare("SELECT data FROM filters")?;
        let filters = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        let read = |bytes: rusqlite::Result<Vec<u8>>| match Filter::from_bytes(&bytes?) {
            Some(filter) => Ok(Arc::new(filter)),
            None => Err(FileError::Damaged("a filter of traces is cut off")),
        };
        filters.map(read).collect()
    }

    /// Makes a segment of the chunks that none covers. Not to be done twice: what is in memory would be counted twice.
    fn recover(&mut self, catalog: &Catalog, cutter: &mut Cutter) -> Result<(), FileError> {
        let (covered, spans): (u32, i64) = self.db.query_row(
            "SELECT coalesce(max(first_chunk + chunks), 1) - 1, coalesce(sum(spans), 0) FROM segments",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        self.shared.restart(self.load_filters()?, spans.unsigned_abs());
        if covered + 1 >= self.next_chunk {
            return Ok(());
        }
        let indexed = schema::indexed(&self.db)?;
        let mut opener = Opener::new()?;
        let mut run = Run::new(covered + 1);
        let mut statement = self.db.prepare(
            "SELECT tenant, first, last, spans, size, payload FROM chunks WHERE id > ?1 ORDER BY id",
        )?;
        let mut rows = statement.query([covered])?;
        while let Some(row) = rows.next()? {
            let tenant: String = row.get(0)?;
            let zone = Zone { first: row.get(1)?, last: row.get(2)? };
            let payload: Vec<u8> = row.get(5)?;
            let found_by = match opener.open(&payload, row.get::<_, u32>(4)? as usize) {
                Ok(spans) => cutter.facts_again(&tenant, &spans, &indexed),
                Err(_) => {
                    catalog.counts.unreadable();
                    FoundBy::default()
                }
            };
            run.push(zone, row.get::<_, u32>(3)?.into(), &found_by);
        }
        drop(rows);
        drop(statement);
        run.sort();
        self.shared.push(run);
        self.make_segment()
    }

    /// Stores chunks in one transaction; all or nothing.
    pub(super) fn write(&mut self, chunks: &[Chunk]) -> Result<(), FileError> {
        let first_chunk = self.next_chunk;
        let mut new_names = Vec::new();
        let tx = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut run = Run::new(first_chunk);
        {
            let mut insert = tx.prepare_cached(
                "INSERT INTO chunks (id, tenant, first, last, spans, size, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            let mut name = tx.prepare_cached("INSERT OR IGNORE INTO names VALUES (?1, ?2, ?3)")?;
            for (id, c) in (first_chunk..).zip(chunks) {
                insert.execute(params![
                    id,
                    c.tenant,
                    c.zone.first,
                    c.zone.last,
                    c.spans as i64,
                    c.size as i64,
                    c.payload
                ])?;
                run.push(c.zone, c.spans, &c.found_by);
                for operation in &c.operations {
                    let hash = name_hash(&c.tenant, &c.service, operation);
                    if self.names.len() + new_names.len() < MOST_NAMES && !self.names.contains(&hash) {
                        name.execute(params![c.tenant, c.service, operation])?;
                        new_names.push(hash);
                    }
                }
            }
        }
        tx.commit()?;
        self.names.extend(new_names);
        self.next_chunk = first_chunk.saturating_add(chunks.len() as u32);
        run.sort();
        self.shared.push(run);
        Ok(())
    }

    /// After this many spans were written: makes a segment if there is enough for one, and does its part of a merge. That it
    /// fails now is no harm: the next call tries again, and so does the next process.
    pub(super) fn tend(&mut self, spans: u64) -> Result<(), FileError> {
        if self.shared.runs().iter().map(|r| r.spans).sum::<u64>() >= SEGMENT_SPANS {
            self.make_segment()?;
        }
        if self.due {
            self.owed += spans as f64 * self.pace;
            if self.owed >= LEAST_BLOCKS {
                let blocks = std::mem::take(&mut self.owed);
                self.work(blocks as i64)?;
            }
        }
        Ok(())
    }

    /// Makes a segment of everything in memory.
    pub(super) fn make_segment(&mut self) -> Result<(), FileError> {
        let runs = self.shared.runs();
        let Some(first) = runs.first() else { return Ok(()) };
        let tx = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        segment::write(&tx, &runs)?;
        let chunks: Vec<_> = runs.iter().flat_map(|r| r.lengths.iter().cloned()).collect();
        tx.execute(
            "INSERT INTO lengths VALUES (?1, ?2)",
            params![first.first_chunk, lengths::encode(&chunks)],
        )?;
        let traces: Vec<Term> = runs.iter().flat_map(|r| r.traces.iter().copied()).collect();
        let filter = Filter::new(&traces);
        tx.execute("INSERT INTO filters (data) VALUES (?1)", [filter.to_bytes()])?;
        tx.commit()?;
        // Only this thread adds runs, so none has come meanwhile.
        self.shared.replace_runs(filter);
        self.due = true;
        Ok(())
    }

    /// Whether [`Self::work_idle`] has something to do.
    pub(super) fn is_due(&self) -> bool {
        self.due
    }

    /// A little of what is due, while nobody waits.
    pub(super) fn work_idle(&mut self) -> Result<(), FileError> {
        self.work(IDLE_BLOCKS)
    }

    /// Everything that is due.
    pub(super) fn finish(&mut self) -> Result<(), FileError> {
        self.make_segment()?;
        while self.due {
            self.work(i64::from(u32::MAX))?;
        }
        Ok(())
    }

    /// Merges or deletes this many blocks, in a transaction. After a failure nothing is due until the next segment.
    fn work(&mut self, blocks: i64) -> Result<(), FileError> {
        // Taken out: what is lost on the way is a merge that must not go on.
        let (merge, was_due) = (self.merge.take(), std::mem::take(&mut self.due));
        if !was_due {
            return Ok(());
        }
        let tx = self.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let (merge, due) = match merge {
            Some(mut merge) => match merge.step(&tx, blocks)? {
                true => (None, true),
                false => (Some(merge), true),
            },
            None if merge::delete_garbage(&tx, blocks)? => (None, true),
            None => {
                let begun = Merge::begin(&tx)?;
                let due = begun.is_some();
                (begun, due)
            }
        };
        tx.commit()?;
        if let Some(merge) = merge.as_ref() {
            // Each block is written once, and deleted once where it came from.
            let cycle = SEGMENT_SPANS as f64 * merge::FAN_IN as f64;
            self.pace = 2.0 * merge.blocks() as f64 / (cycle * PART_OF_CYCLE);
        }
        (self.merge, self.due) = (merge, due);
        Ok(())
    }

    /// Remembers the spans that were stored last, for a batch that is offered again after a restart.
    pub(super) fn remember(&self, recent: &mut Recent) -> Result<(), FileError> {
        let mut opener = Opener::new()?;
        let mut statement = self.db.prepare("SELECT tenant, size, payload FROM chunks ORDER BY id DESC")?;
        let mut rows = statement.query([])?;
        let mut remembered = 0;
        while let Some(row) = rows.next()?.filter(|_| remembered < REMEMBERED) {
            let (tenant, payload): (String, Vec<u8>) = (row.get(0)?, row.get(2)?);
            let spans = opener.open(&payload, row.get::<_, u32>(1)? as usize).unwrap_or_default();
            for span in spans.iter().flat_map(|b| b.iter()) {
                recent.insert(recent.key(&tenant, span));
                remembered += 1;
            }
        }
        Ok(())
    }

    /// Brings everything that was committed to the disk.
    pub(super) fn sync(&self) -> Result<(), FileError> {
        // A checkpoint syncs the log first; that readers may keep it from being emptied does not matter.
        self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        Ok(())
    }
}

fn name_hash(tenant: &str, service: &str, operation: &str) -> u64 {
    XxHash3_64::oneshot([tenant, service, operation].join("\0").as_bytes())
}
