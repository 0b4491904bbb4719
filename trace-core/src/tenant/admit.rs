//! The quota on spans.
//!
//! Spans of this process know their tenant by a number, which is all that is looked at. What came from elsewhere says it
//! in attributes: those are searched once a span, and neighbours of one tenant share everything that follows.

use std::time::Duration;

use super::bucket::TokenBucket;
use super::resolver::Stamps;
use super::tenancy::Table;
use super::{Slot, Tenancy};
use crate::batch::SpanBatchMut;
use crate::model::{KeyValue, TenantId, TenantTag, ValueRef};

/// Whom the span before this one belongs to.
#[derive(Clone, Copy)]
enum Last<'a> {
    Nobody,
    Tag(TenantTag, Slot),
    Name(&'a str, Slot),
}

/// Finds places, and remembers the last one.
struct Finder<'t, 'a> {
    tenancy: &'t Tenancy,
    table: &'t mut Table,
    now: Duration,
    last: Last<'a>,
}

impl<'a> Finder<'_, 'a> {
    #[inline]
    fn by_tag(&mut self, tag: TenantTag) -> Slot {
        match self.last {
            Last::Tag(same, slot) if same == tag => slot,
            _ => {
                let slot = self.tenancy.slot_of_tag(self.table, tag, self.now);
                self.last = Last::Tag(tag, slot);
                slot
            }
        }
    }

    fn by_name(&mut self, name: &'a str) -> Slot {
        match self.last {
            Last::Name(same, slot) if same == name => slot,
            _ => {
                let slot = self.tenancy.slot(self.table, name, self.now);
                self.last = Last::Name(name, slot);
                slot
            }
        }
    }
}

impl Tenancy {
    /// Finds the tenant of every span, removes what is over the quota, and writes the tenant on the rest. `proved` is
    /// the tenant of the door that the spans came through, and wins. Returns how many were removed.
    pub(crate) fn admit(&self, batch: &mut SpanBatchMut, proved: Option<&TenantId>) -> u64 {
        self.admit_at(batch, proved, self.now())
    }

    pub(super) fn admit_at(&self, batch: &mut SpanBatchMut, proved: Option<&TenantId>, now: Duration) -> u64 {
        let before = batch.len();
        if let Some(tenant) = proved {
            // What the spans say does not count, so it need not be read either.
            let attribute = KeyValue::new(TenantId::ATTRIBUTE, tenant.as_str().to_owned());
            batch.set_attribute_on_all(attribute, true);
        }
        let (kept, stamps) = self.judge(batch, proved, now);
        stamps.write(batch);
        if let Some(kept) = kept {
            let mut kept = kept.into_iter();
            batch.retain(|_| kept.next().unwrap_or(true));
        }
        (before - batch.len()) as u64
    }

    /// Which spans stay, if not all do, and where a tenant has to be written.
    fn judge(
        &self,
        batch: &SpanBatchMut,
        proved: Option<&TenantId>,
        now: Duration,
    ) -> (Option<Vec<bool>>, Stamps) {
        let rest = proved.cloned().unwrap_or_else(|| self.resolver.of_resource(&batch.resource().attributes));
        let mut stamps = Stamps::default();
        let mut kept: Option<Vec<bool>> = None;
        let mut table = self.table();
        let mut finder = Finder { tenancy: self, table: &mut table, now, last: Last::Nobody };
        let mut advanced = None;
        for (at, span) in batch.iter().enumerate() {
            let tag = span.tenant_tag();
            let slot = if !tag.is_none() {
                finder.by_tag(tag)
            } else if proved.is_some() {
                finder.by_name(rest.as_str())
            } else {
                let said = self.resolver.read(span);
                let name = said.tenant.unwrap_or(rest.as_str());
                stamps.note(at, name, said.written);
                finder.by_name(name)
            };
            let tenant = &mut finder.table.tenants[slot as usize];
            if advanced != Some(slot) {
                advanced = Some(slot);
                if let Some(bucket) = &mut tenant.spans {
                    bucket.advance(now);
                }
            }
            tenant.ledger.received += 1;
            if tenant.spans.as_mut().is_none_or(TokenBucket::take) {
                tenant.ledger.accepted += 1;
            } else {
                tenant.ledger.dropped += 1;
                kept.get_or_insert_with(|| vec![true; batch.len()])[at] = false;
            }
        }
        (kept, stamps)
    }

    /// The place of each span's tenant, as it was written by `admit`.
    pub(crate) fn written_slots(&self, batch: &SpanBatchMut) -> Vec<Slot> {
        let mut table = self.table();
        let mut finder = Finder { tenancy: self, table: &mut table, now: self.now(), last: Last::Nobody };
        let mut slots = Vec::with_capacity(batch.len());
        for span in batch.iter() {
            let tag = span.tenant_tag();
            slots.push(if tag.is_none() {
                let written = span.attribute(TenantId::ATTRIBUTE).and_then(ValueRef::as_str);
                finder.by_name(written.unwrap_or(TenantId::DEFAULT))
            } else {
                finder.by_tag(tag)
            });
        }
        slots
    }
}
