//! The quota on metric series.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Tenancy;
use crate::model::{Array, AttributeSet, MetricBatch, MetricData, Scope, TenantId, ValueRef};

/// The series that a tenant has, by hash: a collision would let one series pass as another, of which the chance is one
/// in 2^64 a pair.
#[derive(Debug, Default)]
pub(super) struct Series(HashSet<u64>);

impl Series {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the series is known, or may become so.
    fn admit(&mut self, series: u64, most: usize) -> bool {
        self.0.contains(&series) || (self.0.len() < most && self.0.insert(series))
    }
}

impl Tenancy {
    /// Removes points of series over the quota of their tenant, which an attribute of the point names, or else the
    /// resource. Returns how many.
    pub(crate) fn admit_points(&self, batch: &mut MetricBatch) -> u64 {
        let rest = self.resolver.of_resource(&batch.resource.attributes);
        let now = self.now();
        let mut table = self.table();
        let mut removed = 0;
        let mut admit = |scope: &Scope, metric: &str, attributes: &AttributeSet| {
            let named = attributes.get(TenantId::ATTRIBUTE).and_then(|v| v.as_ref().as_str());
            let name = named.filter(|n| TenantId::is_valid(n)).unwrap_or(rest.as_str());
            let slot = self.slot(&mut table, name, now);
            let tenant = &mut table.tenants[slot as usize];
            let Some(most) = tenant.quota.series else { return true };
            let pass = tenant.series.admit(hash(scope, metric, attributes), most);
            if !pass {
                tenant.ledger.points_dropped += 1;
                removed += 1;
            }
            pass
        };
        for scope in &mut batch.scopes {
            for metric in &mut scope.metrics {
                let mut keep = |attributes: &AttributeSet| admit(&scope.scope, &metric.name, attributes);
                match &mut metric.data {
                    MetricData::Sum { points, .. } | MetricData::Gauge { points } => {
                        points.retain(|p| keep(&p.attributes));
                    }
                    MetricData::Histogram { points, .. } => points.retain(|p| keep(&p.attributes)),
                    MetricData::ExponentialHistogram { points, .. } => {
                        points.retain(|p| keep(&p.attributes));
                    }
                }
            }
            scope.metrics.retain(|m| m.data.point_count() > 0);
        }
        removed
    }
}

fn hash(scope: &Scope, metric: &str, attributes: &AttributeSet) -> u64 {
    let mut h = DefaultHasher::new();
    (&*scope.name, &*scope.version, metric).hash(&mut h);
    for kv in attributes {
        kv.key.hash(&mut h);
        hash_value(kv.value.as_ref(), &mut h);
    }
    h.finish()
}

fn hash_value(value: ValueRef<'_>, h: &mut DefaultHasher) {
    match value {
        ValueRef::Bool(v) => (0u8, v).hash(h),
        ValueRef::I64(v) => (1u8, v).hash(h),
        ValueRef::F64(v) => (2u8, v.to_bits()).hash(h),
        ValueRef::String(v) => (3u8, v).hash(h),
        ValueRef::Array(Array::Bool(v)) => (4u8, v).hash(h),
        ValueRef::Array(Array::I64(v)) => (5u8, v).hash(h),
        ValueRef::Array(Array::F64(v)) => v.iter().for_each(|f| (6u8, f.to_bits()).hash(h)),
        ValueRef::Array(Array::String(v)) => (7u8, v).hash(h),
    }
}
