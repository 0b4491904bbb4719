//! Hands metrics in that were not collected here.

use std::sync::Arc;

use super::destination::Destination;
use super::queue::Refused;
use crate::model::{AttributeSet, KeyValue, MetricBatch, MetricData, TenantId};
use crate::tenant::Tenancy;

/// A way to the destinations for metrics that others have collected: what a receiver decoded. They keep their own
/// resource and scopes. Cheap to clone.
///
/// There is no queue but those of the destinations. A batch is taken if at least one of them holds it; another that has
/// no room for it counts it as lost by `queue_full`, so that a slow destination does not hold up the others.
#[derive(Clone)]
pub struct MetricIngest {
    pub(super) destinations: Vec<Arc<Destination<MetricBatch>>>,
    pub(super) tenancy: Option<Arc<Tenancy>>,
    pub(super) tenant: Option<TenantId>,
}

/// Metrics were not taken. They are in no account: who handed them in still has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricIngestError {
    /// No destination has room.
    #[error("no destination for metrics has room; send them again later")]
    Full,
    /// There is no destination for metrics, or the pipeline has been shut down.
    #[error("there is no destination for metrics, or the pipeline is shut down")]
    Closed,
}

impl MetricIngest {
    /// The same way for metrics of a tenant who has proved to be that tenant: what they say of their tenant does not
    /// count.
    #[must_use]
    pub fn of_tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Hands batches in, all of them or none. Never waits.
    ///
    /// # Errors
    /// If no destination took them. Then nothing is counted.
    pub fn hand_in(&self, batches: Vec<MetricBatch>) -> Result<(), MetricIngestError> {
        let mut batches = batches;
        for batch in &mut batches {
            if let Some(tenant) = &self.tenant {
                assign(batch, tenant);
            }
            if let Some(tenancy) = &self.tenancy {
                tenancy.admit_points(batch);
            }
        }
        batches.retain(|b| b.point_count() > 0);
        let (mut held, mut refused) = (batches.is_empty(), Vec::new());
        for d in &self.destinations {
            match d.hand_in(&batches) {
                Ok(()) => held = true,
                Err(why) => refused.push((d, why)),
            }
        }
        if held {
            let points: u64 = batches.iter().map(|b| b.point_count() as u64).sum();
            refused.into_iter().for_each(|(d, why)| d.count_refused(points, why));
            return Ok(());
        }
        // Closed for good only if all are.
        if refused.iter().any(|(_, why)| *why == Refused::Full) {
            Err(MetricIngestError::Full)
        } else {
            Err(MetricIngestError::Closed)
        }
    }
}

impl std::fmt::Debug for MetricIngest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricIngest").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// Makes the batch that of one tenant, whatever it says.
fn assign(batch: &mut MetricBatch, tenant: &TenantId) {
    let others = |list: &AttributeSet| -> Vec<KeyValue> {
        list.iter().filter(|kv| kv.key != TenantId::ATTRIBUTE).cloned().collect()
    };
    let mut resource = (*batch.resource).clone();
    let own = KeyValue::new(TenantId::ATTRIBUTE, tenant.as_str().to_owned());
    resource.attributes = AttributeSet::new(others(&resource.attributes).into_iter().chain([own]));
    batch.resource = Arc::new(resource);
    let strip = |list: &mut Arc<AttributeSet>| {
        if list.get(TenantId::ATTRIBUTE).is_some() {
            *list = Arc::new(AttributeSet::new(others(list)));
        }
    };
    for metric in batch.scopes.iter_mut().flat_map(|s| &mut s.metrics) {
        match &mut metric.data {
            MetricData::Sum { points, .. } | MetricData::Gauge { points } => {
                points.iter_mut().for_each(|p| strip(&mut p.attributes));
            }
            MetricData::Histogram { points, .. } => {
                points.iter_mut().for_each(|p| strip(&mut p.attributes));
            }
            MetricData::ExponentialHistogram { points, .. } => {
                points.iter_mut().for_each(|p| strip(&mut p.attributes));
            }
        }
    }
}
