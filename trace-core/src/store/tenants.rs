//! The content of a [`super::MemoryStore`]: an index for each tenant, and how they share the room.

use std::collections::HashMap;
use std::time::Duration;

use super::index::Index;
use super::{MemoryStoreStats, TraceSummary};
use crate::batch::SpanBatch;
use crate::model::{TenantId, Timestamp};

/// What a tenant takes besides its spans: name, table, index.
const TENANT_BYTES: usize = 256;
/// The silence after which a tenant may make room for another.
const IDLE: Duration = Duration::from_secs(600);

#[derive(Default)]
pub(super) struct Tenants {
    of: HashMap<TenantId, Index>,
    /// Spans of tenants that have none any more: received and let go.
    gone: u64,
}

impl Tenants {
    /// Adds a batch of one tenant, and returns the traces whose local root it ended.
    pub(super) fn insert(
        &mut self,
        tenant: &TenantId,
        batch: SpanBatch,
        now: Timestamp,
        max_tenants: usize,
    ) -> Vec<TraceSummary> {
        if !self.of.contains_key(tenant) && self.of.len() >= max_tenants {
            let idle = self.of.iter().filter(|(_, i)| now.since(i.latest()) >= IDLE);
            let idle = idle.min_by_key(|(_, i)| i.latest()).map(|(t, _)| t.clone());
            match idle.and_then(|t| self.of.remove(&t)) {
                Some(index) => self.gone += index.received_spans,
                None => {
                    self.gone += batch.len() as u64;
                    return Vec::new();
                }
            }
        }
        self.of.entry(tenant.clone()).or_default().insert(batch, now)
    }

    pub(super) fn get(&self, tenant: &TenantId) -> Option<&Index> {
        self.of.get(tenant)
    }

    /// What a tenant without spans is answered is what an empty index answers.
    pub(super) fn get_or_empty<R>(&self, tenant: &TenantId, f: impl FnOnce(&Index) -> R) -> R {
        match self.of.get(tenant) {
            Some(index) => f(index),
            None => f(&Index::default()),
        }
    }

    /// Lets batches go until the content fits and nothing is older than `oldest`. Whoever has most gives; as the sum is
    /// too large, that is more than a fair share.
    pub(super) fn evict(&mut self, max_bytes: usize, oldest: Option<Timestamp>) {
        if let Some(oldest) = oldest {
            self.of.values_mut().for_each(|index| index.evict_before(oldest));
            self.forget_empty();
        }
        while self.bytes() > max_bytes {
            let largest = self.of.values_mut().max_by_key(|index| index.bytes());
            if !largest.is_some_and(Index::evict_one) {
                return;
            }
            self.forget_empty();
        }
    }

    fn forget_empty(&mut self) {
        self.of.retain(|_, index| {
            let keep = index.span_count() > 0;
            if !keep {
                self.gone += index.received_spans;
            }
            keep
        });
    }

    fn bytes(&self) -> usize {
        self.of.values().map(|index| index.bytes() + TENANT_BYTES).sum()
    }

    pub(super) fn stats(&self) -> MemoryStoreStats {
        let mut stats =
            MemoryStoreStats { received_spans: self.gone, evicted_spans: self.gone, ..Default::default() };
        for index in self.of.values() {
            let own = stats_of(index);
            stats.tenants += own.tenants;
            stats.traces += own.traces;
            stats.spans += own.spans;
            stats.bytes += own.bytes;
            stats.received_spans += own.received_spans;
            stats.evicted_spans += own.evicted_spans;
        }
        stats
    }

    pub(super) fn tenant_stats(&self, tenant: &TenantId) -> MemoryStoreStats {
        self.of.get(tenant).map_or_else(MemoryStoreStats::default, stats_of)
    }
}

fn stats_of(index: &Index) -> MemoryStoreStats {
    MemoryStoreStats {
        tenants: 1,
        traces: index.trace_count(),
        spans: index.span_count(),
        bytes: index.bytes() + TENANT_BYTES,
        received_spans: index.received_spans,
        evicted_spans: index.evicted_spans,
    }
}
