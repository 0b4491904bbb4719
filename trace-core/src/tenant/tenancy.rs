//! The table of tenants: their quotas and accounts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::bucket::TokenBucket;
use super::series::Series;
use super::{Quota, TenancyBuilder, TenantLedger, TenantResolver};
use crate::batch::SpanBatchMut;
use crate::model::{KeyValue, TenantId, ValueRef};

/// A tenant's place in the table.
pub(crate) type Slot = u32;

/// The place of all tenants that came after the table was full.
const OTHER: Slot = 0;

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
    pub(super) tenants: Vec<Tenant>,
}

/// One tenant's account.
#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) quota: Quota,
    spans: Option<TokenBucket>,
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
        let table = Table { by_name: HashMap::new(), tenants: vec![other] };
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

    /// Finds the tenant of every span, removes what is over the quota, and writes the tenant on the rest. `proved` is
    /// the tenant of the door that the spans came through, and wins. Returns how many were removed.
    pub(crate) fn admit(&self, batch: &mut SpanBatchMut, proved: Option<&TenantId>) -> u64 {
        self.admit_at(batch, proved, self.now())
    }

    pub(super) fn admit_at(&self, batch: &mut SpanBatchMut, proved: Option<&TenantId>, now: Duration) -> u64 {
        let before = batch.len();
        let mut over = false;
        let slots = self.slots(batch, proved, now);
        let kept: Vec<bool> = {
            let mut table = self.table();
            let mut admit = |slot: Slot| {
                let tenant = &mut table.tenants[slot as usize];
                tenant.ledger.received += 1;
                let pass = tenant.spans.as_mut().is_none_or(TokenBucket::take);
                let count = if pass { &mut tenant.ledger.accepted } else { &mut tenant.ledger.dropped };
                *count += 1;
                over |= !pass;
                pass
            };
            slots.into_iter().map(&mut admit).collect()
        };
        if over {
            let mut kept = kept.into_iter();
            batch.retain(|_| kept.next().unwrap_or(true));
        }
        match proved {
            Some(tenant) => {
                let attribute = KeyValue::new(TenantId::ATTRIBUTE, tenant.as_str().to_owned());
                batch.set_attribute_on_all(attribute, true);
            }
            None => self.resolver.stamp(batch),
        }
        (before - batch.len()) as u64
    }

    /// The place of each span's tenant, with its bucket filled up to now.
    fn slots(&self, batch: &SpanBatchMut, proved: Option<&TenantId>, now: Duration) -> Vec<Slot> {
        let rest = proved.cloned().unwrap_or_else(|| self.resolver.of_resource(&batch.resource().attributes));
        let mut table = self.table();
        let mut last: Option<(&str, Slot)> = None;
        let mut find = |name| match last {
            Some((seen, slot)) if seen == name => slot,
            _ => {
                let slot = self.slot(&mut table, name, now);
                if let Some(bucket) = &mut table.tenants[slot as usize].spans {
                    bucket.advance(now);
                }
                last = Some((name, slot));
                slot
            }
        };
        let named = |span| if proved.is_some() { None } else { self.resolver.of_span(span) };
        batch.iter().map(|span| find(named(span).unwrap_or(rest.as_str()))).collect()
    }

    /// The place of each span's tenant, as it was written by `admit`.
    pub(crate) fn written_slots(&self, batch: &SpanBatchMut) -> Vec<Slot> {
        let default = TenantId::default();
        let now = self.now();
        let mut table = self.table();
        let mut last: Option<(&str, Slot)> = None;
        let mut find = |name| match last {
            Some((seen, slot)) if seen == name => slot,
            _ => {
                let slot = self.slot(&mut table, name, now);
                last = Some((name, slot));
                slot
            }
        };
        let spans = batch.iter().map(|span| span.attribute(TenantId::ATTRIBUTE).and_then(ValueRef::as_str));
        spans.map(|written| find(written.unwrap_or(default.as_str()))).collect()
    }

    /// A destination's queue had no room for spans of this tenant.
    pub(crate) fn lost_in_queue(&self, slot: Slot, n: u64) {
        if let Some(tenant) = self.table().tenants.get_mut(slot as usize) {
            tenant.ledger.queue_lost += n;
        }
    }
}
