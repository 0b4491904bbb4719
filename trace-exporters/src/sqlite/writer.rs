//! The thread that writes: takes what waits, and commits it together.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use trace_core::signal::ExportError;
use trace_core::store::TimeSource;

use super::SqliteConfig;
use super::catalog::Catalog;
use super::chunk::{Chunk, Cutter, LeftOut};
use super::error::FileError;
use super::hour::Hour;
use super::hour_writer::HourWriter;
use super::job::{Job, Write};
use super::lock::DirectoryLock;
use super::recent::Recent;
use super::retention;

/// Spans in a transaction, if that many wait.
const GROUP: usize = 4096;
/// Hours that are open to be written at once; those of late spans are opened again when they are needed.
pub(super) const OPEN: usize = 4;
/// How often files that are due are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(10);
/// Bytes after which they are looked for earlier.
const TIDY_BYTES: u64 = 32 << 20;

/// What the thread owns.
pub(super) struct Writer {
    pub(super) config: SqliteConfig,
    pub(super) catalog: Arc<Catalog>,
    pub(super) clock: TimeSource,
    pub(super) cutter: Cutter,
    pub(super) recent: Recent,
    /// The last used last.
    pub(super) open: Vec<HourWriter>,
    pub(super) full: bool,
    pub(super) since_tidy: u64,
    /// Held until the last file is closed.
    pub(super) _lock: DirectoryLock,
}

impl Writer {
    /// Works until the store is dropped.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        let mut waiting = VecDeque::new();
        let mut tidied = Instant::now();
        loop {
            let job = match waiting.pop_front() {
                Some(job) => Ok(job),
                None if self.open.iter().any(HourWriter::is_due) => jobs.try_recv().map_err(|e| match e {
                    TryRecvError::Empty => RecvTimeoutError::Timeout,
                    TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                }),
                None => jobs.recv_timeout(TIDY_EVERY),
            };
            match job {
                Ok(Job::Write(first)) => {
                    let mut group = vec![first];
                    let mut spans = group.iter().map(|w| w.batch.len()).sum::<usize>();
                    while spans < GROUP && waiting.is_empty() {
                        match jobs.try_recv() {
                            Ok(Job::Write(next)) => {
                                spans += next.batch.len();
                                group.push(next);
                            }
                            Ok(other) => waiting.push_back(other),
                            Err(_) => break,
                        }
                    }
                    self.write(group);
                }
                Ok(Job::Flush(done)) => drop(done.send(self.flush())),
                Ok(Job::Shutdown(done)) => drop(done.send(self.close())),
                Ok(Job::SetAside(hour, seen, reason)) => {
                    if self.catalog.get(hour).is_some_and(|now| Arc::ptr_eq(&now, &seen)) {
                        // If it cannot be renamed, the next reader says so again.
                        let _ = self.set_aside(hour, reason);
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.work_idle(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if tidied.elapsed() >= TIDY_EVERY || self.since_tidy >= TIDY_BYTES {
                self.tidy();
                tidied = Instant::now();
            }
        }
        // Who drops a store without a shutdown has not asked how it went; nothing that was committed depends on it.
        let _ = self.close();
    }

    fn write(&mut self, group: Vec<Write>) {
        if self.full {
            self.tidy();
        }
        if self.full {
            let message =
                format!("sqlite: the current hour alone fills max_bytes ({})", self.config.max_bytes);
            for write in group {
                self.catalog.counts.refused.fetch_add(write.batch.len() as u64, Ordering::Relaxed);
                let _ = write.done.send(Err(ExportError::permanent(message.clone())));
            }
            return;
        }
        let now = (self.clock)();
        let mut chunks = Vec::new();
        let mut left_out = Vec::with_capacity(group.len());
        for write in &group {
            let kept = |hour| retention::is_kept(hour, now, &self.config);
            match self.cutter.cut(&write.batch, &mut self.recent, kept, &mut chunks) {
                Ok(out) => left_out.push(out),
                Err(e) => {
                    self.forget(&chunks);
                    return fail(group, &e.export("a chunk"));
                }
            }
        }
        if let Err(e) = self.store(chunks) {
            return fail(group, &e);
        }
        for (write, out) in group.into_iter().zip(left_out) {
            let counts = &self.catalog.counts;
            counts.duplicates.fetch_add(out.duplicates, Ordering::Relaxed);
            counts.refused.fetch_add(out.outside, Ordering::Relaxed);
            let written = write.batch.len() as u64 - out.duplicates - out.outside;
            counts.written.fetch_add(written, Ordering::Relaxed);
            let _ = write.done.send(answer(out));
        }
    }

    /// Stores chunks, one transaction an hour. What cannot be stored is forgotten, so that it can be offered again.
    fn store(&mut self, mut chunks: Vec<Chunk>) -> Result<(), ExportError> {
        chunks.sort_by_key(|c| c.hour);
        let mut done = 0;
        for of_hour in chunks.chunk_by(|a, b| a.hour == b.hour) {
            let hour = of_hour.first().map_or(Hour::of((self.clock)()), |c| c.hour);
            let mut result = self.store_in(hour, of_hour);
            if let Some(e) = result.as_ref().err().filter(|e| e.is_damage())
                && self.set_aside(hour, e.to_string()).is_ok()
            {
                result = self.store_in(hour, of_hour);
            }
            if let Err(e) = result {
                self.forget(chunks.get(done..).unwrap_or(&[]));
                return Err(e.export(&hour.file_name()));
            }
            done += of_hour.len();
        }
        Ok(())
    }

    fn store_in(&mut self, hour: Hour, chunks: &[Chunk]) -> Result<(), FileError> {
        self.since_tidy += chunks.iter().map(|c| c.payload.len() as u64).sum::<u64>();
        let writer = self.hour(hour)?;
        writer.write(chunks)?;
        // The spans are stored. Indexing is tried again with the next batch.
        if let Err(e) = writer.tend(chunks.iter().map(|c| c.spans).sum())
            && e.is_damage()
        {
            let _ = self.set_aside(hour, e.to_string());
        }
        Ok(())
    }

    fn hour(&mut self, hour: Hour) -> Result<&mut HourWriter, FileError> {
        let at = self.open.iter().position(|w| w.hour == hour);
        let writer = match at {
            Some(at) => self.open.remove(at),
            None => {
                while self.open.len() >= OPEN {
                    // Its postings must be in the file before its runs are forgotten. And a merge that never ends would leave
                    // more and more segments in a file that is opened again and again.
                    if let Some(oldest) = self.open.first_mut() {
                        oldest.finish()?;
                    }
                    self.open.remove(0);
                }
                HourWriter::open(hour, &self.catalog, &self.config, &mut self.cutter)?
            }
        };
        self.open.push(writer);
        self.open.last_mut().ok_or(FileError::Damaged("no hour is open"))
    }

    fn forget(&mut self, chunks: &[Chunk]) {
        chunks.iter().flat_map(|c| &c.keys).for_each(|key| self.recent.remove(*key));
    }

    /// A little of what is due in one of the hours.
    fn work_idle(&mut self) {
        let Some(writer) = self.open.iter_mut().find(|w| w.is_due()) else { return };
        let hour = writer.hour;
        if let Err(e) = writer.work_idle()
            && e.is_damage()
        {
            // If it cannot be renamed, the next reader says so again.
            let _ = self.set_aside(hour, e.to_string());
        }
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        self.open.iter().try_for_each(|w| w.sync().map_err(|e| e.export(&w.hour.file_name())))
    }

    fn close(&mut self) -> Result<(), ExportError> {
        let mut result = Ok(());
        for mut writer in self.open.drain(..) {
            let closed = writer.finish().and_then(|()| writer.sync());
            result = result.and(closed.map_err(|e| e.export(&writer.hour.file_name())));
        }
        result
    }

    fn set_aside(&mut self, hour: Hour, reason: String) -> std::io::Result<()> {
        self.open.retain(|w| w.hour != hour);
        retention::set_aside(&self.catalog, hour, reason)
    }

    /// Deletes what is due, and closes hours that are over once their segments are merged.
    pub(super) fn tidy(&mut self) {
        self.since_tidy = 0;
        let now = (self.clock)();
        let (due, full) = retention::due(&self.catalog, now, &self.config);
        self.full = full;
        for hour in due {
            self.open.retain(|w| w.hour != hour);
            retention::delete(&self.catalog, hour);
        }
        let over = Hour::of(now).previous();
        for at in (0..self.open.len()).rev() {
            if let Some(w) = self.open.get_mut(at).filter(|w| w.hour < over)
                && w.make_segment().is_ok()
                && !w.is_due()
            {
                self.open.remove(at);
            }
        }
    }
}

fn answer(out: LeftOut) -> Result<(), ExportError> {
    match out.outside {
        0 => Ok(()),
        n => Err(ExportError::partial(
            n,
            format!("sqlite: {n} spans began before what is kept, or over a day ahead"),
        )),
    }
}

fn fail(group: Vec<Write>, error: &ExportError) {
    for write in group {
        // Errors are not cloned; the message has the cause.
        let _ = write.done.send(Err(ExportError::retryable(error.to_string())));
    }
}
