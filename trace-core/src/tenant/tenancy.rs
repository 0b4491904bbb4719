//! The table of tenants: their quotas and accounts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::bucket::TokenBucket;
use super::series::Series;
use super::{Quota, TenancyBuilder, TenantLedger, TenantResolver};
use crate::model::{TenantId, TenantTag};

/// A tenant's place in the table.
pub(crate) type Slot = u32;

/// The place of all tenants that came after the table was full.
const OTHER: Slot = 0;
/// No place has been looked for yet.
const UNKNOWN: Slot = Slot::MAX;

/// Knows the tenants: finds out whose a span is, holds them to their quotas, and keeps their accounts. Shared by the
/// pipeline and by everything else that has quotas.
#[derive(Debug)]
pub struct Tenancy {
    pub(super) resolver: TenantResolver,
    quota: Quota,
    quotas: HashMap<TenantId, Quota>,
    max_tenants: usize,
    started: Instant,
    table: Mutex<Table>,
}

#[derive(Debug)]
pub(super) struct Table {
    by_name: HashMap<Arc<str>, Slot>,
    /// The same by the tenant's tag: [`UNKNOWN`], or the place.
    by_tag: Vec<Slot>,
    pub(super) tenants: Vec<Tenant>,
}

/// One tenant's account.
#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) quota: Quota,
    pub(super) spans: Option<TokenBucket>,
    pub(super) alerts: Option<TokenBucket>,
    pub(super) series: Series,
    pub(super) ledger: TenantLedger,
}

impl Tenant {
    fn new(name: &str, quota: Quota, now: Duration) -> Self {
        Self {
            quota,
            spans: quota.spans().map(|b| TokenBucket::new(b, now)),
            alerts: quota.alerts().map(|b| TokenBucket::new(b, now)),
            series: Series::default(),
            ledger: TenantLedger { tenant: name.to_owned(), ..TenantLedger::default() },
        }
    }
}

impl Tenancy {
    /// No quota for anybody yet.
    pub fn builder(resolver: TenantResolver) -> TenancyBuilder {
        TenancyBuilder::new(resolver)
    }

    pub(super) fn new(b: TenancyBuilder) -> Self {
        let other = Tenant::new("other", b.quota, Duration::ZERO);
        let table = Table { by_name: HashMap::new(), by_tag: Vec::new(), tenants: vec![other] };
        Self {
            resolver: b.resolver,
            quota: b.quota,
            quotas: b.quotas,
            max_tenants: b.max_tenants,
            started: Instant::now(),
            table: Mutex::new(table),
        }
    }

    /// The accounts of all tenants seen so far, `other` last and only if it was needed.
    pub fn ledger(&self) -> Vec<TenantLedger> {
        let table = self.table();
        let account = |t: &Tenant| TenantLedger { series: t.series.len() as u64, ..t.ledger.clone() };
        let mut all: Vec<_> = table.tenants[1..].iter().map(account).collect();
        let other = account(&table.tenants[OTHER as usize]);
        if other != (TenantLedger { tenant: other.tenant.clone(), ..TenantLedger::default() }) {
            all.push(other);
        }
        all
    }

    /// Attributes that name the tenant of a span.
    pub(crate) fn span_attributes(&self) -> &[String] {
        self.resolver.span_keys()
    }

    /// Time since the start, which the buckets count in.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of a tenant, who gets one if there is room.
    pub(super) fn slot(&self, table: &mut Table, name: &str, now: Duration) -> Slot {
        if let Some(slot) = table.by_name.get(name) {
            return *slot;
        }
        let own = TenantId::new(name).ok().and_then(|id| self.quotas.get(&id).copied());
        if table.by_name.len() >= self.max_tenants && own.is_none() {
            return OTHER;
        }
        let slot = table.tenants.len() as Slot;
        table.tenants.push(Tenant::new(name, own.unwrap_or(self.quota), now));
        table.by_name.insert(name.into(), slot);
        slot
    }

    /// The same by tag: no text is looked at after the first time.
    pub(super) fn slot_of_tag(&self, table: &mut Table, tag: TenantTag, now: Duration) -> Slot {
        let at = usize::from(tag.number());
        match table.by_tag.get(at) {
            Some(slot) if *slot != UNKNOWN => return *slot,
            _ => {}
        }
        let slot = self.slot(table, tag.name().unwrap_or(TenantId::DEFAULT), now);
        // A tenant without a place may get one later: its quota may be one of its own.
        if slot != OTHER {
            if table.by_tag.len() <= at {
                table.by_tag.resize(at + 1, UNKNOWN);
            }
            table.by_tag[at] = slot;
        }
        slot
    }

    /// A destination's queue had no room for spans of this tenant.
    pub(crate) fn lost_in_queue(&self, slot: Slot, n: u64) {
        if let Some(tenant) = self.table().tenants.get_mut(slot as usize) {
            tenant.ledger.queue_lost += n;
        }
    }
}
