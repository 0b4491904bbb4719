//! Settings of a tenancy.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Quota, Tenancy, TenantResolver};
use crate::model::TenantId;

/// Settings of a [`Tenancy`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct TenancyBuilder {
    pub(super) resolver: TenantResolver,
    pub(super) quota: Quota,
    pub(super) quotas: HashMap<TenantId, Quota>,
    pub(super) max_tenants: usize,
}

impl TenancyBuilder {
    pub(super) fn new(resolver: TenantResolver) -> Self {
        Self { resolver, quota: Quota::default(), quotas: HashMap::new(), max_tenants: 1_000 }
    }

    /// The quota of every tenant without one of its own.
    pub fn quota(mut self, quota: Quota) -> Self {
        self.quota = quota;
        self
    }

    /// The quota of one tenant.
    pub fn quota_of(mut self, tenant: TenantId, quota: Quota) -> Self {
        self.quotas.insert(tenant, quota);
        self
    }

    /// How many tenants have accounts of their own; 1000 by default. Those with a quota of their own always have one.
    pub fn max_tenants(mut self, n: usize) -> Self {
        self.max_tenants = n;
        self
    }

    /// The tenancy.
    pub fn build(self) -> Arc<Tenancy> {
        Arc::new(Tenancy::new(self))
    }
}
