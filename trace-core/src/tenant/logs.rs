//! Whose a log record is.

use super::{Slot, Tenancy};
use crate::model::{AnyValue, LogBatchMut, LogRecord, TenantId};

/// Writes on every record whose it is: the tenant of the door that it came through, else that of the span in which it
/// happened, unless the record says so itself.
pub(crate) fn stamp_logs(batch: &mut LogBatchMut, proved: Option<&TenantId>) {
    for record in &mut batch.records {
        let written = || record.attributes.iter().position(|(k, _)| k == TenantId::ATTRIBUTE);
        match proved {
            Some(tenant) => {
                record.attributes.retain(|(k, _)| k != TenantId::ATTRIBUTE);
                push(record, tenant.as_str().to_owned().into());
            }
            None if record.tenant.is_none() || written().is_some() => {}
            None => {
                if let Some(name) = record.tenant.name() {
                    push(record, name.into());
                }
            }
        }
    }
}

fn push(record: &mut LogRecord, name: AnyValue) {
    record.attributes.push((TenantId::ATTRIBUTE.into(), name));
}

impl Tenancy {
    /// The records of each tenant apart, in the order in which they came; by an attribute of the record, else of the
    /// resource.
    pub(crate) fn partition_logs(&self, batch: LogBatchMut) -> Vec<(Slot, Vec<LogRecord>)> {
        let rest = self.resolver.of_resource(&batch.resource.attributes);
        let now = self.now();
        let mut table = self.table();
        let mut parts: Vec<(Slot, Vec<LogRecord>)> = Vec::new();
        for record in batch.records {
            let said = self.resolver.span_keys().iter().find_map(|key| record.attribute(key)?.as_str());
            let name = said.filter(|name| TenantId::is_valid(name)).unwrap_or(rest.as_str());
            let slot = self.slot(&mut table, name, now);
            match parts.iter_mut().find(|(of, _)| *of == slot) {
                Some((_, records)) => records.push(record),
                None => parts.push((slot, vec![record])),
            }
        }
        parts
    }
}
