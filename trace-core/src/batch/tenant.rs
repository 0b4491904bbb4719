//! Whose span it is.

use std::collections::HashMap;

use super::{Columns, SpanBatch, SpanBatchMut, SpanRef, Text};
use crate::model::{TenantId, TenantTag, Value, ValueRef};

/// Whose spans are with an attribute that names no tenant. No id can be made of this, so nobody can ask for them,
/// and they get mixed up with nobody's.
const NOBODY: &str = "(invalid)";

fn checked(name: &str) -> &str {
    if TenantId::is_valid(name) { name } else { NOBODY }
}

impl<'a> SpanRef<'a> {
    /// The tenant that the span's attribute names, where that is known without looking.
    #[inline]
    pub(crate) fn tenant_tag(&self) -> TenantTag {
        self.row.tenant
    }

    /// The name of the tenant that owns the span: that of its attribute [`TenantId::ATTRIBUTE`], else that of its
    /// resource, else [`TenantId::DEFAULT`]. If the attribute is no valid name, the span belongs to nobody.
    pub fn tenant(&self) -> &'a str {
        match self.attribute(TenantId::ATTRIBUTE) {
            Some(ValueRef::String(name)) => checked(name),
            Some(_) => NOBODY,
            None => match self.resource().attributes.get(TenantId::ATTRIBUTE) {
                Some(Value::String(name)) => checked(name),
                Some(_) => NOBODY,
                None => TenantId::DEFAULT,
            },
        }
    }
}

impl Columns {
    /// An attribute of a row changes: if it names the tenant, the row's tag may be wrong from now on.
    pub(super) fn forget_tenant(&mut self, row: usize, key: &str) {
        if key == TenantId::ATTRIBUTE {
            self.rows[row].tenant = TenantTag::NONE;
        }
    }

    /// The same for all rows.
    pub(super) fn forget_tenants(&mut self) {
        self.rows.iter_mut().for_each(|row| row.tenant = TenantTag::NONE);
    }
}

impl SpanBatchMut {
    /// Writes the tenant on these spans; its name is stored once.
    pub(crate) fn write_tenant(&mut self, rows: &[u32], name: &str) {
        let value = self.columns.store_value(name);
        for row in rows {
            self.columns.set_attribute(*row as usize, Text::fixed(TenantId::ATTRIBUTE), value, u16::MAX);
        }
    }
}

impl SpanBatch {
    /// The batch in parts of one tenant each, every span in one of them; the batch itself if it has one tenant.
    pub fn by_tenant(&self) -> Vec<(TenantId, Self)> {
        let Some(first) = self.get(0).map(|s| s.tenant()) else { return Vec::new() };
        if self.iter().all(|s| s.tenant() == first) {
            return vec![(TenantId::of_checked(first), self.clone())];
        }
        let mut parts: Vec<(&str, Vec<usize>)> = Vec::new();
        let mut part_of = HashMap::new();
        for (i, span) in self.iter().enumerate() {
            let at = *part_of.entry(span.tenant()).or_insert_with_key(|tenant| {
                parts.push((tenant, Vec::new()));
                parts.len() - 1
            });
            parts[at].1.push(i);
        }
        let part = |(tenant, rows): (&str, Vec<usize>)| {
            let spans = rows.into_iter().filter_map(|i| Some(self.get(i)?.to_span_data()));
            (TenantId::of_checked(tenant), Self::from_spans(self.resource().clone(), spans))
        };
        parts.into_iter().map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::*;

    fn span(id: u64, tenant: Option<Value>) -> SpanData {
        let context =
            SpanContext::new(TraceId::new(1).unwrap(), SpanId::new(id).unwrap(), TraceFlags::SAMPLED);
        let mut s = SpanData::new(context, "s", Timestamp::default(), Timestamp::default());
        s.attributes = tenant.into_iter().map(|t| KeyValue::new(TenantId::ATTRIBUTE, t)).collect();
        s
    }

    #[test]
    fn the_span_names_its_tenant_before_the_resource_does() {
        let plain = Arc::new(Resource::service("s"));
        let owned = Arc::new(Resource::new([KeyValue::new(TenantId::ATTRIBUTE, "acme")]));
        let spans = || {
            [
                span(1, None),
                span(2, Some("globex".into())),
                span(3, Some("no id".into())),
                span(4, Some(7.into())),
            ]
        };
        let tenants = |resource| {
            let batch = SpanBatch::from_spans(resource, spans());
            batch.iter().map(|s| s.tenant()).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(tenants(plain), ["default", "globex", "(invalid)", "(invalid)"]);
        assert_eq!(tenants(owned), ["acme", "globex", "(invalid)", "(invalid)"]);
        assert!(TenantId::new(NOBODY).is_err(), "nobody can ask for it");
    }

    #[test]
    fn a_mixed_batch_is_split_and_loses_no_span() {
        let spans = (1..=9).map(|id| span(id, (id % 3 > 0).then(|| format!("t{}", id % 3).into())));
        let batch = SpanBatch::from_spans(Arc::new(Resource::service("s")), spans);
        let parts = batch.by_tenant();
        let ids = |b: &SpanBatch| b.iter().map(|s| s.span_id().to_u64()).collect::<Vec<_>>();
        let parts: Vec<_> = parts.iter().map(|(t, b)| (t.as_str(), ids(b))).collect();
        assert_eq!(parts, [("t1", vec![1, 4, 7]), ("t2", vec![2, 5, 8]), ("default", vec![3, 6, 9])]);
        assert_eq!(batch.slice(0..1).by_tenant()[0].1.len(), 1);
        assert!(batch.slice(0..0).by_tenant().is_empty());
    }
}
