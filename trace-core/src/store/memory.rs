//! Recent spans in memory: a destination and a reader in one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::index::Index;
use super::{Page, ReadError, SpanQuery, SpanReader, StoredTrace, TimeSource, TraceSummary, system_time};
use crate::batch::SpanBatch;
use crate::model::TraceId;
use crate::signal::{ExportError, SpanExporter};

/// The bounds of a [`MemoryStore`].
#[derive(Clone)]
pub struct MemoryStoreConfig {
    /// Bytes of spans and indexes; 64 MiB by default. The oldest batches go first.
    pub max_bytes: usize,
    /// How long a batch is kept after it arrived; unbounded by default.
    pub max_age: Option<Duration>,
    /// Ended traces that a slow subscriber may lag behind before it misses some; 256 by default.
    pub subscriber_backlog: usize,
    /// The clock that `max_age` is measured by.
    pub clock: TimeSource,
}

impl Default for MemoryStoreConfig {
    fn default() -> Self {
        Self { max_bytes: 64 << 20, max_age: None, subscriber_backlog: 256, clock: system_time() }
    }
}

impl std::fmt::Debug for MemoryStoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStoreConfig")
            .field("max_bytes", &self.max_bytes)
            .field("max_age", &self.max_age)
            .field("subscriber_backlog", &self.subscriber_backlog)
            .finish_non_exhaustive()
    }
}

/// What a [`MemoryStore`] holds and has let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoryStoreStats {
    /// Traces with at least one span held.
    pub traces: usize,
    /// Spans held.
    pub spans: u64,
    /// Bytes held, indexes included.
    pub bytes: usize,
    /// Spans ever received: `spans + evicted_spans`.
    pub received_spans: u64,
    /// Spans let go to stay within the bounds.
    pub evicted_spans: u64,
}

/// Recent spans in memory. Clones share the content.
///
/// As a destination it never fails and never waits for anything but its own lock. A trace whose oldest spans were
/// let go while newer ones are held is marked [`StoredTrace::incomplete`].
#[derive(Clone)]
pub struct MemoryStore {
    inner: Arc<Inner>,
}

struct Inner {
    index: Mutex<Index>,
    config: MemoryStoreConfig,
    ended: broadcast::Sender<TraceSummary>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(MemoryStoreConfig::default())
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("MemoryStore").field(&self.stats()).finish()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new(config: MemoryStoreConfig) -> Self {
        let (ended, _) = broadcast::channel(config.subscriber_backlog.max(1));
        Self { inner: Arc::new(Inner { index: Mutex::default(), config, ended }) }
    }

    /// Keeps a batch. The summaries of traces whose local root it ended go to the subscribers.
    pub fn insert(&self, batch: &SpanBatch) {
        if batch.is_empty() {
            return;
        }
        let batch = batch.compacted();
        let now = (self.inner.config.clock)();
        let mut index = self.lock();
        let ended = index.insert(batch, now);
        self.evict(&mut index);
        drop(index);
        for summary in ended {
            // An error means that nobody listens.
            let _ = self.inner.ended.send(summary);
        }
    }

    /// Traces from now on, each when its local root ends. A trace with several local roots comes several times.
    /// A subscriber that falls behind misses the oldest and is told how many.
    pub fn subscribe(&self) -> broadcast::Receiver<TraceSummary> {
        self.inner.ended.subscribe()
    }

    /// What is held and what has been let go.
    pub fn stats(&self) -> MemoryStoreStats {
        let index = self.read();
        MemoryStoreStats {
            traces: index.trace_count(),
            spans: index.span_count(),
            bytes: index.bytes(),
            received_spans: index.received_spans,
            evicted_spans: index.evicted_spans,
        }
    }

    /// The bound in bytes.
    pub fn max_bytes(&self) -> usize {
        self.inner.config.max_bytes
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.inner.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn evict(&self, index: &mut Index) {
        let config = &self.inner.config;
        index.evict(config.max_bytes, config.max_age.map(|age| (config.clock)() - age));
    }

    fn read(&self) -> MutexGuard<'_, Index> {
        let mut index = self.lock();
        if self.inner.config.max_age.is_some() {
            self.evict(&mut index);
        }
        index
    }
}

#[async_trait]
impl SpanExporter for MemoryStore {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        self.insert(batch);
        Ok(())
    }
}

#[async_trait]
impl SpanReader for MemoryStore {
    async fn trace(&self, id: &TraceId) -> Result<Option<StoredTrace>, ReadError> {
        Ok(self.read().trace(id))
    }

    async fn search(&self, query: &SpanQuery) -> Result<Page<TraceSummary>, ReadError> {
        self.read().search(query)
    }

    async fn services(&self) -> Result<Vec<String>, ReadError> {
        Ok(self.read().services())
    }

    async fn operations(&self, service: &str) -> Result<Vec<String>, ReadError> {
        Ok(self.read().operations(service))
    }
}
