//! Rate, errors and duration of every operation of every tenant over the recent past.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;

use crate::model::{TenantId, Timestamp};
use crate::store::{TimeSource, system_time};

mod answer;
mod bucket;
mod level;
mod observation;
mod query;
mod read;
mod series;
mod series_key;
mod tenant;
#[cfg(test)]
mod tests;

pub use answer::{ClosedWindow, OperationProfile, RedPoint, RedRow, RedSummary};
pub use observation::{Observation, SpanOutcome};
pub use query::RedQuery;
use tenant::Tenant;

const SECOND: u64 = 1_000_000_000;

/// The bounds of [`RedWindows`].
#[derive(Clone)]
pub struct RedConfig {
    /// Tenants at most; 256 by default. Spans of further ones are counted and left out, unless a tenant has been
    /// silent for ten minutes and makes room.
    pub max_tenants: usize,
    /// Series (service, operation, kind, status, local root or not) of one tenant at most; 2000 by default. Spans of
    /// further ones are counted together as operation [`RedWindows::OTHER`] of service [`RedWindows::OTHER`] of their
    /// tenant, unless a series has been silent for ten minutes and makes room.
    pub max_series: usize,
    /// Bytes at most; 64 MiB by default. When they are reached, the tenant that has most of them keeps less of the
    /// past, so that none is left with less than its fair share because of another.
    pub max_bytes: usize,
    /// The clock that tells what is recent.
    pub clock: TimeSource,
}

impl Default for RedConfig {
    fn default() -> Self {
        Self { max_tenants: 256, max_series: 2000, max_bytes: 64 << 20, clock: system_time() }
    }
}

impl std::fmt::Debug for RedConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedConfig")
            .field("max_tenants", &self.max_tenants)
            .field("max_series", &self.max_series)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

/// What [`RedWindows`] hold, and what they could not keep apart or keep at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedStats {
    /// Tenants held.
    pub tenants: usize,
    /// Series held.
    pub series: usize,
    /// Bytes held.
    pub bytes: usize,
    /// Spans counted under [`RedWindows::OTHER`].
    pub overflowed: u64,
    /// Spans that came too late for the seconds.
    pub late: u64,
    /// Series let go for want of bytes.
    pub evicted_series: u64,
    /// Spans of tenants for which there was no place.
    pub refused: u64,
}

/// Rate, errors and duration of every operation of every tenant: by the second for two minutes, by ten seconds for
/// twenty, by the minute for six hours, by ten minutes for a day, by the hour for a week.
///
/// Every slot holds mergeable sketches, so any range and any group of series has true percentiles. A query adds up
/// the widest slots that fit into its range, which are some thirty for each series. It shares the slots
/// with the writer and adds them up outside of any lock.
///
/// Bounded in tenants, series and bytes, see [`RedConfig`]; when the bytes do not suffice, less of the past is kept
/// of each width. A tenant neither sees nor displaces another.
pub struct RedWindows {
    tenants: RwLock<HashMap<TenantId, Arc<Tenant>>>,
    config: RedConfig,
    started: Timestamp,
    refused: AtomicU64,
}

impl Default for RedWindows {
    fn default() -> Self {
        Self::new(RedConfig::default())
    }
}

impl std::fmt::Debug for RedWindows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RedWindows").field(&self.stats()).finish()
    }
}

impl RedWindows {
    /// The service and operation of spans for which there was no room.
    pub const OTHER: &'static str = "(other)";

    /// Empty windows that begin now.
    pub fn new(config: RedConfig) -> Self {
        let started = (config.clock)();
        Self { tenants: RwLock::default(), config, started, refused: AtomicU64::new(0) }
    }

    /// Counts spans. Those of one tenant should come one after another: each change of the tenant takes a lock.
    pub fn record<'a>(&self, observations: impl IntoIterator<Item = Observation<'a>>) {
        let now = (self.config.clock)().unix_nanos() / SECOND;
        let mut observations = observations.into_iter().peekable();
        while let Some(first) = observations.next() {
            let Some(tenant) = self.tenant(first.tenant, now) else {
                self.refused.fetch_add(1, Relaxed);
                continue;
            };
            let mut state = tenant.lock();
            state.begin(now);
            state.observe(&first, now, self.config.max_series);
            while let Some(o) = observations.next_if(|o| o.tenant == first.tenant) {
                state.observe(&o, now, self.config.max_series);
            }
            tenant.bytes.store(state.kept.total(), Relaxed);
            tenant.latest.fetch_max(now, Relaxed);
        }
        self.shrink(now);
    }

    /// Counts one span; see [`RedWindows::record`] for many.
    pub fn observe(&self, observation: Observation<'_>) {
        self.record([observation]);
    }

    /// How full it is.
    pub fn stats(&self) -> RedStats {
        let mut stats = RedStats { refused: self.refused.load(Relaxed), ..RedStats::default() };
        for tenant in self.all() {
            let state = tenant.lock();
            stats.tenants += 1;
            stats.series += state.series.len();
            stats.bytes += state.kept.total();
            stats.overflowed += state.overflowed;
            stats.late += state.late;
            stats.evicted_series += state.evicted;
        }
        stats
    }

    /// The bound in bytes.
    pub fn max_bytes(&self) -> usize {
        self.config.max_bytes
    }

    /// The tenants that have been heard of, by name.
    pub fn tenants(&self) -> Vec<TenantId> {
        self.all().into_iter().map(|t| t.id.clone()).collect()
    }

    fn known(&self, name: &str) -> Option<Arc<Tenant>> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn all(&self) -> Vec<Arc<Tenant>> {
        let mut all: Vec<_> =
            self.tenants.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    fn tenant(&self, name: &str, now: u64) -> Option<Arc<Tenant>> {
        if let Some(tenant) = self.known(name) {
            return Some(tenant);
        }
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        if tenants.len() >= self.config.max_tenants {
            let silent = tenants.values().filter(|t| t.is_idle(now)).min_by_key(|t| t.latest.load(Relaxed));
            let silent = silent.map(|t| t.id.clone())?;
            tenants.remove(&silent);
        }
        let tenant = tenants
            .entry(TenantId::of_checked(name))
            .or_insert_with(|| Arc::new(Tenant::new(TenantId::of_checked(name))));
        tenant.latest.fetch_max(now, Relaxed);
        Some(tenant.clone())
    }

    /// Takes from whoever has most, until it fits. As the sum is too large, that is more than a fair share.
    fn shrink(&self, now: u64) {
        loop {
            let largest = {
                let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
                let bytes = |t: &Tenant| t.bytes.load(Relaxed);
                if tenants.values().map(|t| bytes(t)).sum::<usize>() <= self.config.max_bytes {
                    return;
                }
                tenants.values().max_by_key(|t| bytes(t)).cloned()
            };
            if !largest.is_some_and(|t| t.shed(now)) {
                return;
            }
        }
    }
}
