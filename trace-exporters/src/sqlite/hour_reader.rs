//! Reading an hour's file.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _};
use trace_core::batch::SpanBatch;

use super::catalog::{Catalog, HourShared};
use super::chunk::Opener;
use super::error::FileError;
use super::hour::Hour;
use super::lengths::{Length, Lengths, Wanted};
use super::run::{Run, Zone};
use super::schema;
use super::segment::Segment;
use super::term::Term;

/// Chunks that are kept decoded while a question is answered: neighbouring traces lie in one.
const DECODED: usize = 32;

/// A file as one question sees it: what was committed when the question first looked.
pub(super) struct HourReader {
    pub(super) hour: Hour,
    pub(super) shared: Arc<HourShared>,
    catalog: Arc<Catalog>,
    db: Connection,
    opener: Opener,
    /// Attributes that the postings cover.
    pub(super) indexed: Vec<String>,
    segments: Vec<Segment>,
    /// The greatest number of a segment that there was when they were read.
    generation: i64,
    runs: Vec<Arc<Run>>,
    /// The row of lengths that was read last, with the first chunk that it covers.
    lengths: Option<(u32, Option<Lengths>)>,
    decoded: HashMap<u32, Option<Arc<OpenChunk>>>,
    active: bool,
}

/// The spans of a chunk.
#[derive(Debug)]
pub(super) struct OpenChunk {
    pub(super) tenant: String,
    pub(super) batches: Vec<SpanBatch>,
}

/// A part of the postings of a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    Segment(usize),
    Run(usize),
}

impl HourReader {
    pub(super) fn open(
        hour: Hour,
        shared: Arc<HourShared>,
        catalog: Arc<Catalog>,
    ) -> Result<Self, FileError> {
        let db = schema::open_to_read(&catalog.path(hour))?;
        let indexed = schema::indexed(&db)?;
        Ok(Self {
            hour,
            shared,
            catalog,
            db,
            opener: Opener::new()?,
            indexed,
            segments: Vec::new(),
            generation: 0,
            runs: Vec::new(),
            lengths: None,
            decoded: HashMap::new(),
            active: false,
        })
    }

    /// Fixes what is seen, until [`Self::end`].
    pub(super) fn begin(&mut self) -> Result<(), FileError> {
        if self.active {
            return Ok(());
        }
        // Before the snapshot: runs that become a segment between the two are seen twice, never not at all.
        self.runs = self.shared.runs();
        self.db.execute_batch("BEGIN")?;
        self.active = true;
        let generation = self
            .db
            .prepare_cached("SELECT coalesce(max(id), 0) FROM segments")?
            .query_row([], |row| row.get(0))?;
        if generation != self.generation {
            self.segments = Segment::load(&self.db)?;
            self.generation = generation;
        }
        let covered =
            self.segments.last().map_or(0, |s| s.first_chunk.saturating_add(s.chunks).saturating_sub(1));
        self.runs.retain(|run| run.first_chunk > covered);
        Ok(())
    }

    /// Lets go what was seen.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.active) {
            // A transaction that only read ends with the connection at the latest.
            let _ = self.db.execute_batch("COMMIT");
        }
        self.runs.clear();
        self.lengths = None;
        self.decoded.clear();
    }

    /// The parts of the postings, each with when its latest span began.
    pub(super) fn sources(&self) -> Vec<(u32, Source)> {
        let segments = self.segments.iter().enumerate().map(|(i, s)| (s.last, Source::Segment(i)));
        segments.chain(self.runs.iter().enumerate().map(|(i, r)| (r.last(), Source::Run(i)))).collect()
    }

    /// The chunks of a source that have all the terms, in order, with when their spans began.
    pub(super) fn candidates(&self, source: Source, terms: &[Term]) -> Result<Vec<(Zone, u32)>, FileError> {
        let mut found: Option<Vec<u32>> = None;
        for term in terms {
            let mut with_term = Vec::new();
            self.chunks_in(source, *term, &mut with_term)?;
            found = Some(match found {
                None => with_term,
                Some(before) => before.into_iter().filter(|c| with_term.binary_search(c).is_ok()).collect(),
            });
            if found.as_ref().is_some_and(Vec::is_empty) {
                return Ok(Vec::new());
            }
        }
        let chunks = found.unwrap_or_default();
        let zone =
            |zones: &[Zone], first: u32, chunk: u32| zones.get(chunk.saturating_sub(first) as usize).copied();
        let read;
        let (zones, first) = match source {
            Source::Run(i) => {
                self.runs.get(i).map_or((&[] as &[Zone], 0), |r| (r.zones.as_slice(), r.first_chunk))
            }
            Source::Segment(i) => match self.segments.get(i) {
                Some(segment) => {
                    read = segment.zones(&self.db)?;
                    (read.as_slice(), segment.first_chunk)
                }
                None => (&[] as &[Zone], 0),
            },
        };
        Ok(chunks.into_iter().filter_map(|c| Some((zone(zones, first, c)?, c))).collect())
    }

    fn chunks_in(&self, source: Source, term: Term, out: &mut Vec<u32>) -> Result<(), FileError> {
        match source {
            Source::Run(i) => out.extend(self.runs.get(i).map(|r| r.chunks(term)).unwrap_or_default()),
            Source::Segment(i) => {
                if let Some(segment) = self.segments.get(i) {
                    segment.chunks(&self.db, term, out)?;
                }
            }
        }
        Ok(())
    }

    /// The chunks with a term, in order.
    pub(super) fn chunks(&self, term: Term) -> Result<Vec<u32>, FileError> {
        let mut found = Vec::new();
        for (_, source) in self.sources() {
            self.chunks_in(source, term, &mut found)?;
        }
        Ok(found)
    }

    /// A chunk; `None` if it cannot be read, which is counted.
    pub(super) fn chunk(&mut self, id: u32) -> Result<Option<Arc<OpenChunk>>, FileError> {
        if let Some(known) = self.decoded.get(&id) {
            return Ok(known.clone());
        }
        let mut statement =
            self.db.prepare_cached("SELECT tenant, size, payload FROM chunks WHERE id = ?1")?;
        let mut rows = statement.query([id])?;
        let opened = match rows.next()? {
            None => Err(FileError::Damaged("a chunk is missing")),
            Some(row) => {
                let payload =
                    row.get_ref(2)?.as_blob().map_err(|_| FileError::Damaged("a chunk is no blob"))?;
                let size: u32 = row.get(1)?;
                let tenant: String = row.get(0)?;
                self.opener
                    .open(payload, size as usize)
                    .map(|batches| Arc::new(OpenChunk { tenant, batches }))
            }
        };
        // One damaged chunk does not make a damaged file.
        let opened = opened.inspect_err(|_| self.catalog.counts.unreadable()).ok();
        if self.decoded.len() >= DECODED {
            self.decoded.clear();
        }
        self.decoded.insert(id, opened.clone());
        Ok(opened)
    }

    /// Appends how long the wanted spans of a chunk took. `false`, and nothing appended, if only the chunk itself can tell.
    pub(super) fn lengths(
        &mut self,
        source: Source,
        chunk: u32,
        wanted: &Wanted,
        out: &mut Vec<Length>,
    ) -> Result<bool, FileError> {
        if let Source::Run(i) = source {
            let of_chunk =
                self.runs.get(i).and_then(|r| r.lengths.get(chunk.checked_sub(r.first_chunk)? as usize));
            of_chunk.into_iter().for_each(|lengths| wanted.append_from(lengths, out));
            return Ok(of_chunk.is_some());
        }
        let covers = |(first, row): &(u32, Option<Lengths>)| {
            row.as_ref().is_some_and(|row| {
                (*first as usize..*first as usize + row.chunks()).contains(&(chunk as usize))
            })
        };
        if !self.lengths.as_ref().is_some_and(covers) {
            let mut statement = self.db.prepare_cached(
                "SELECT first_chunk, data FROM lengths WHERE first_chunk <= ?1 ORDER BY first_chunk DESC LIMIT 1",
            )?;
            let found = statement.query_row([chunk], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)));
            self.lengths = found.optional()?.map(|(first, row)| (first, Lengths::decode(row)));
        }
        let Some((first, Some(row))) = &self.lengths else { return Ok(false) };
        Ok(chunk.checked_sub(*first).and_then(|at| row.read(at as usize, wanted, out)).is_some())
    }

    /// The first column of what a query about names finds.
    pub(super) fn names(&self, sql: &str, parameters: &[&str]) -> Result<Vec<String>, FileError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether the file is still the one that its name stands for.
    pub(super) fn is_current(&self) -> bool {
        self.catalog.get(self.hour).is_some_and(|now| Arc::ptr_eq(&now, &self.shared))
    }
}
