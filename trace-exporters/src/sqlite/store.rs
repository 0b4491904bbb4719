//! The store: opening, writing, asking.

use std::cmp::Reverse;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::{Semaphore, oneshot};
use trace_core::batch::SpanBatch;
use trace_core::model::{TenantId, TimeRange, TraceId};
use trace_core::signal::{ExportError, SpanExporter};
use trace_core::store::{
    Durations, Page, ReadError, SpanFilter, SpanQuery, SpanReader, StoredTrace, TimeSource, TraceSummary,
    system_time,
};

use super::catalog::Catalog;
use super::chunk::Cutter;
use super::error::{FileError, SqliteError};
use super::hour::Hour;
use super::hour_writer::HourWriter;
use super::job::{Done, Job, Write};
use super::lock::DirectoryLock;
use super::read_pool::ReadPool;
use super::readers::Readers;
use super::recent::Recent;
use super::writer::{OPEN, Writer};
use super::{SqliteConfig, durations, names, retention, search, trace};

/// Batches that may wait for the writer; further calls wait without blocking.
const WAITING: usize = 16;

/// What a store holds and has let go.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SqliteStats {
    /// Files of spans.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Spans in them.
    pub spans: u64,
    /// Spans stored since the store was opened.
    pub written_spans: u64,
    /// Spans since then that were offered again, and stored once.
    pub duplicate_spans: u64,
    /// Spans since then that were refused: older than what is kept, over a day ahead of the clock, or too many for
    /// `max_bytes`.
    pub refused_spans: u64,
    /// Chunks since then that could not be read though their file could.
    pub unreadable_chunks: u64,
    /// Files that retention has ever deleted.
    pub evicted_files: u64,
    /// The spans in them.
    pub evicted_spans: u64,
    /// Damaged files: the names they have now, and what was wrong with them.
    pub set_aside: Vec<(String, String)>,
}

/// Spans in a directory of SQLite files: a destination and a reader in one. Clones share it.
///
/// `export` returns when the spans are committed; see [`super::Durability`] for what that survives. `flush` returns when
/// they are on the disk. A span is stored once however often it is offered, if it is among the last half million. Spans
/// that belong to no hour that is kept are refused and counted.
///
/// The last clone to be dropped waits for the transaction that is under way. Questions wait for nothing that is written.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    catalog: Arc<Catalog>,
    room: Arc<Semaphore>,
    // There until the store is dropped.
    jobs: Option<Sender<Job>>,
    readers: Option<ReadPool>,
    writer: Option<JoinHandle<()>>,
}

impl SqliteStore {
    /// Opens a directory; makes it if it is missing. Files that an earlier process could not finish are finished, damaged ones
    /// are set aside (see [`SqliteStats::set_aside`]), and those that are due are deleted. Blocks while it does.
    ///
    /// # Errors
    /// If the configuration is wrong, the directory cannot be used, or another store has it open.
    pub fn open(config: SqliteConfig) -> Result<Self, SqliteError> {
        Self::open_with_clock(config, system_time())
    }

    /// The same with the clock that age is measured by.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with_clock(config: SqliteConfig, clock: TimeSource) -> Result<Self, SqliteError> {
        config.validate()?;
        let directory = config.directory.clone();
        let io = |action, path: PathBuf| move |source| SqliteError::Io { action, path, source };
        fs::create_dir_all(&directory).map_err(io("make the directory", directory.clone()))?;
        let lock = DirectoryLock::take(&directory)?;
        let catalog = Arc::new(Catalog::new(&directory));
        let cutter =
            Cutter::new(config.indexed_attributes.clone()).map_err(io("compress for", directory.clone()))?;
        let read_threads = config.read_threads;
        let mut writer = Writer {
            config,
            catalog: catalog.clone(),
            clock,
            cutter,
            recent: Recent::default(),
            open: Vec::new(),
            full: false,
            since_tidy: 0,
            _lock: lock,
        };
        adopt(&mut writer)?;
        // A directory in which nothing can be written is found out now, not with the first span.
        catalog.state().save(&directory).map_err(io("write to", directory.clone()))?;

        let (jobs, waiting) = mpsc::channel();
        let readers = (0..read_threads).map(|_| Readers::new(catalog.clone(), jobs.clone())).collect();
        let readers = ReadPool::start(readers).map_err(io("start threads for", directory.clone()))?;
        let thread = std::thread::Builder::new().name("trace-sqlite-write".to_owned());
        let thread =
            thread.spawn(move || writer.run(&waiting)).map_err(io("start threads for", directory))?;
        let inner = Inner {
            catalog,
            room: Arc::new(Semaphore::new(WAITING)),
            jobs: Some(jobs),
            readers: Some(readers),
            writer: Some(thread),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// What the store holds and has let go. Looks at the directory: a call takes some microseconds for each file.
    pub fn stats(&self) -> SqliteStats {
        let catalog = &self.inner.catalog;
        let hours = catalog.hours();
        let counts = &catalog.counts;
        let state = catalog.state();
        SqliteStats {
            files: hours.len(),
            bytes: hours.iter().map(|h| retention::bytes(catalog, *h)).sum(),
            spans: catalog.spans(),
            written_spans: counts.written.load(Ordering::Relaxed),
            duplicate_spans: counts.duplicates.load(Ordering::Relaxed),
            refused_spans: counts.refused.load(Ordering::Relaxed),
            unreadable_chunks: counts.unreadable_chunks.load(Ordering::Relaxed),
            evicted_files: state.evicted_files,
            evicted_spans: state.evicted_spans,
            set_aside: state.set_aside.iter().map(|s| (s.file.clone(), s.reason.clone())).collect(),
        }
    }

    async fn job(&self, job: impl FnOnce(Done) -> Job) -> Result<(), ExportError> {
        let closed = || ExportError::permanent("sqlite: the store is closed");
        let (done, answer) = oneshot::channel();
        let sent = self.inner.jobs.as_ref().and_then(|jobs| jobs.send(job(done)).ok());
        sent.ok_or_else(closed)?;
        answer.await.map_err(|_| closed())?
    }

    fn readers(&self) -> Result<&ReadPool, ReadError> {
        let closed =
            || ReadError::Unavailable { message: "sqlite: the store is closed".to_owned(), source: None };
        self.inner.readers.as_ref().ok_or_else(closed)
    }
}

/// Takes over the files that are there.
fn adopt(writer: &mut Writer) -> Result<(), SqliteError> {
    let directory = writer.catalog.directory().to_owned();
    let io = |source| SqliteError::Io { action: "list", path: directory.clone(), source };
    for entry in fs::read_dir(&directory).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        if let Some(hour) = name.to_str().and_then(Hour::of_file) {
            writer.catalog.add(hour);
        }
    }
    // What was under way when the last process ended is offered again, and may be in any of the files it wrote last.
    let mut hours = writer.catalog.hours();
    hours.sort_by_cached_key(|hour| Reverse(retention::written(&writer.catalog, *hour)));
    for (age, hour) in hours.into_iter().enumerate() {
        let opened = HourWriter::open(hour, &writer.catalog, &writer.config, &mut writer.cutter);
        let opened = opened.and_then(|w| {
            if age < OPEN {
                w.remember(&mut writer.recent)?;
                // A merge that the last process could not end is made while nobody waits.
                if w.is_due() {
                    writer.open.insert(0, w);
                }
            }
            Ok(())
        });
        match opened {
            Ok(()) => {}
            Err(e) if e.is_damage() => {
                let io =
                    |source| SqliteError::Io { action: "set aside", path: writer.catalog.path(hour), source };
                retention::set_aside(&writer.catalog, hour, e.to_string()).map_err(io)?;
            }
            Err(FileError::Io(source)) => {
                return Err(SqliteError::Io { action: "open", path: writer.catalog.path(hour), source });
            }
            Err(e) => {
                return Err(SqliteError::Database { path: writer.catalog.path(hour), source: Box::new(e) });
            }
        }
    }
    // Once what is in them has been counted.
    writer.tidy();
    Ok(())
}

#[async_trait]
impl SpanExporter for SqliteStore {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        if batch.is_empty() {
            return Ok(());
        }
        let closed = |_| ExportError::permanent("sqlite: the store is closed");
        let permit = self.inner.room.clone().acquire_owned().await.map_err(closed)?;
        let batch = batch.clone();
        self.job(|done| Job::Write(Write { batch, done, _permit: permit })).await
    }

    async fn flush(&self) -> Result<(), ExportError> {
        self.job(Job::Flush).await
    }

    async fn shutdown(&self) -> Result<(), ExportError> {
        self.job(Job::Shutdown).await
    }
}

#[async_trait]
impl SpanReader for SqliteStore {
    async fn trace(&self, tenant: &TenantId, id: &TraceId) -> Result<Option<StoredTrace>, ReadError> {
        let (tenant, id) = (tenant.clone(), *id);
        self.readers()?.ask(move |readers, _| trace::trace(readers, tenant.as_str(), id)).await
    }

    async fn search(&self, tenant: &TenantId, query: &SpanQuery) -> Result<Page<TraceSummary>, ReadError> {
        let (tenant, query) = (tenant.clone(), query.clone());
        self.readers()?
            .ask(move |readers, cancelled| search::search(readers, &tenant, &query, cancelled))
            .await
    }

    async fn services(&self, tenant: &TenantId) -> Result<Vec<String>, ReadError> {
        let tenant = tenant.clone();
        self.readers()?.ask(move |readers, _| names::services(readers, &tenant)).await
    }

    async fn operations(&self, tenant: &TenantId, service: &str) -> Result<Vec<String>, ReadError> {
        let (tenant, service) = (tenant.clone(), service.to_owned());
        self.readers()?.ask(move |readers, _| names::operations(readers, &tenant, &service)).await
    }

    async fn durations(
        &self,
        tenant: &TenantId,
        filter: &SpanFilter,
        range: Option<TimeRange>,
    ) -> Result<Durations, ReadError> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        let ask = move |readers: &mut Readers, cancelled: &super::read_pool::Cancelled<'_>| {
            durations::durations(readers, &tenant, &filter, range, cancelled)
        };
        self.readers()?.ask(ask).await
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // First the readers, which can talk to the writer; then the writer has heard everything and ends.
        drop(self.readers.take());
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}
