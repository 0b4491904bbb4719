//! The quota on alerts.

use std::sync::Arc;

use super::{Tenancy, bucket::TokenBucket};
use crate::model::{Alert, AlertId, AlertStatus};
use crate::signal::{AlertSink, Rejected};

/// Hands alerts on as long as their tenant is within its quota.
///
/// Every firing alert counts, also one that is raised again. The end of an alert always passes: nobody may be left
/// with an alert that never ends.
pub struct QuotaAlertSink<S> {
    tenancy: Arc<Tenancy>,
    inner: S,
}

impl<S: AlertSink> QuotaAlertSink<S> {
    /// A sink before `inner`.
    pub fn new(tenancy: Arc<Tenancy>, inner: S) -> Self {
        Self { tenancy, inner }
    }
}

impl<S: AlertSink> AlertSink for QuotaAlertSink<S> {
    fn raise(&self, alert: Alert) -> Result<AlertId, Rejected> {
        if alert.status == AlertStatus::Firing && !self.tenancy.admit_alert(alert.tenant.as_str()) {
            return Err(Rejected::OverQuota { tenant: alert.tenant });
        }
        self.inner.raise(alert)
    }
}

impl Tenancy {
    fn admit_alert(&self, name: &str) -> bool {
        self.admit_alert_at(name, self.now())
    }

    pub(super) fn admit_alert_at(&self, name: &str, now: std::time::Duration) -> bool {
        let mut table = self.table();
        let slot = self.slot(&mut table, name, now);
        let tenant = &mut table.tenants[slot as usize];
        let pass = tenant.alerts.as_mut().is_none_or(|bucket: &mut TokenBucket| {
            bucket.advance(now);
            bucket.take()
        });
        tenant.ledger.alerts_refused += u64::from(!pass);
        pass
    }
}

impl<S> std::fmt::Debug for QuotaAlertSink<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QuotaAlertSink").finish_non_exhaustive()
    }
}
