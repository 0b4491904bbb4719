//! Recent spans in memory: a destination and a reader in one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::index::Index;
use super::tenants::Tenants;
use super::{
    Durations, EndedTrace, Page, ReadError, SpanFilter, SpanQuery, SpanReader, StoredTrace, TimeSource,
    TraceSummary, system_time,
};
use crate::batch::SpanBatch;
use crate::model::{TenantId, TimeRange, TraceId};
use crate::signal::{ExportError, SpanExporter};

/// The bounds of a [`MemoryStore`].
#[derive(Clone)]
pub struct MemoryStoreConfig {
    /// Bytes of spans and indexes; 64 MiB by default. When they are reached, the oldest batch of the tenant that has
    /// most of them goes, so that none is left with less than its fair share because of another.
    pub max_bytes: usize,
    /// Tenants at most; 256 by default. Spans of further ones are let go at once, unless a tenant from which nothing
    /// has come for ten minutes makes room.
    pub max_tenants: usize,
    /// How long a batch is kept after it arrived; unbounded by default.
    pub max_age: Option<Duration>,
    /// Ended traces that a slow subscriber may lag behind before it misses some; 256 by default.
    pub subscriber_backlog: usize,
    /// The clock that `max_age` is measured by.
    pub clock: TimeSource,
}

impl Default for MemoryStoreConfig {
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_tenants: 256,
            max_age: None,
            subscriber_backlog: 256,
            clock: system_time(),
        }
    }
}

impl std::fmt::Debug for MemoryStoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStoreConfig")
            .field("max_bytes", &self.max_bytes)
            .field("max_tenants", &self.max_tenants)
            .field("max_age", &self.max_age)
            .field("subscriber_backlog", &self.subscriber_backlog)
            .finish_non_exhaustive()
    }
}

/// What a [`MemoryStore`] holds and has let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoryStoreStats {
    /// Tenants with at least one span held.
    pub tenants: usize,
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
/// Every tenant has an index of its own: no query can reach what belongs to another.
///
/// As a destination it never fails and never waits for anything but its own lock. A trace whose oldest spans were
/// let go while newer ones are held is marked [`StoredTrace::incomplete`].
#[derive(Clone)]
pub struct MemoryStore {
    inner: Arc<Inner>,
}

struct Inner {
    tenants: Mutex<Tenants>,
    config: MemoryStoreConfig,
    ended: broadcast::Sender<EndedTrace>,
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
        Self { inner: Arc::new(Inner { tenants: Mutex::default(), config, ended }) }
    }

    /// Keeps a batch. The summaries of traces whose local root it ended go to the subscribers.
    pub fn insert(&self, batch: &SpanBatch) {
        if batch.is_empty() {
            return;
        }
        let parts: Vec<_> = batch.by_tenant().into_iter().map(|(t, part)| (t, part.compacted())).collect();
        let now = (self.inner.config.clock)();
        let mut ended = Vec::new();
        let mut tenants = self.lock();
        for (tenant, part) in parts {
            let summaries = tenants.insert(&tenant, part, now, self.inner.config.max_tenants);
            ended.extend(summaries.into_iter().map(|trace| EndedTrace { tenant: tenant.clone(), trace }));
        }
        self.evict(&mut tenants);
        drop(tenants);
        for trace in ended {
            // An error means that nobody listens.
            let _ = self.inner.ended.send(trace);
        }
    }

    /// Traces of all tenants from now on, each when its local root ends. A trace with several local roots comes
    /// several times. A subscriber that falls behind misses the oldest and is told how many.
    pub fn subscribe(&self) -> broadcast::Receiver<EndedTrace> {
        self.inner.ended.subscribe()
    }

    /// What is held and what has been let go, of all tenants.
    pub fn stats(&self) -> MemoryStoreStats {
        self.read().stats()
    }

    /// What is held of one tenant, and what has been let go since it was last without spans.
    pub fn tenant_stats(&self, tenant: &TenantId) -> MemoryStoreStats {
        self.read().tenant_stats(tenant)
    }

    /// The bound in bytes.
    pub fn max_bytes(&self) -> usize {
        self.inner.config.max_bytes
    }

    fn lock(&self) -> MutexGuard<'_, Tenants> {
        self.inner.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn evict(&self, tenants: &mut Tenants) {
        let config = &self.inner.config;
        tenants.evict(config.max_bytes, config.max_age.map(|age| (config.clock)() - age));
    }

    fn read(&self) -> MutexGuard<'_, Tenants> {
        let mut tenants = self.lock();
        if self.inner.config.max_age.is_some() {
            self.evict(&mut tenants);
        }
        tenants
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
    async fn trace(&self, tenant: &TenantId, id: &TraceId) -> Result<Option<StoredTrace>, ReadError> {
        Ok(self.read().get(tenant).and_then(|index| index.trace(id)))
    }

    async fn search(&self, tenant: &TenantId, query: &SpanQuery) -> Result<Page<TraceSummary>, ReadError> {
        self.read().get_or_empty(tenant, |index| index.search(query))
    }

    async fn services(&self, tenant: &TenantId) -> Result<Vec<String>, ReadError> {
        Ok(self.read().get_or_empty(tenant, Index::services))
    }

    async fn operations(&self, tenant: &TenantId, service: &str) -> Result<Vec<String>, ReadError> {
        Ok(self.read().get_or_empty(tenant, |index| index.operations(service)))
    }

    async fn durations(
        &self,
        tenant: &TenantId,
        filter: &SpanFilter,
        range: Option<TimeRange>,
    ) -> Result<Durations, ReadError> {
        Ok(self.read().get_or_empty(tenant, |index| index.durations(filter, range)))
    }
}
