//! Whose telemetry it is, and how much of it each may send.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use trace_core::model::TenantId;
use trace_core::tenant::{Quota, Tenancy, TenantResolver};

use super::section::Section;

/// `tenancy`: on if the section is there without `enabled: false`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenancyConfig {
    /// `spanAttributes`: attributes of a span that name its tenant, beside `mplp.tenant.id`.
    pub span_attributes: Vec<String>,
    /// `resourceAttributes`: likewise of the resource.
    pub resource_attributes: Vec<String>,
    /// `defaultTenant`: whose everything else is; `default` by default.
    pub default_tenant: TenantId,
    /// The quota of every tenant without one of its own.
    pub quota: QuotaConfig,
    /// Quotas by tenant.
    pub tenants: BTreeMap<TenantId, QuotaConfig>,
    /// `maxTenants`: how many have accounts of their own; 1000 by default.
    pub max_tenants: Option<usize>,
}

/// A quota; what is `None` is without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuotaConfig {
    /// `spansPerSecond`, in the long run.
    pub spans_per_second: Option<f64>,
    /// `spanBurst`: spans that may come at once; by default those of a second.
    pub span_burst: Option<u64>,
    /// Different metric series.
    pub series: Option<usize>,
    /// `alertsPerMinute`: firing ones.
    pub alerts_per_minute: Option<u32>,
}

impl TenancyConfig {
    pub(super) fn read(s: &Section<'_>) -> Option<Self> {
        let texts = |key| {
            let list = s.list(key).unwrap_or_default();
            list.iter().filter_map(super::field::Field::text).collect::<Vec<_>>()
        };
        let on = s.enabled_or(false);
        let mut tenants = BTreeMap::new();
        for (name, quota) in
            s.sections("tenants", |s| (s.field("name").parse::<Name>(), QuotaConfig::read(s)))
        {
            match name {
                Some(Name(tenant)) if tenants.contains_key(&tenant) => {
                    s.error(format!("has the tenant {tenant} twice; keep one"));
                }
                Some(Name(tenant)) => {
                    tenants.insert(tenant, quota);
                }
                None => s.error("has a tenant without a name"),
            }
        }
        let config = Self {
            span_attributes: texts("spanAttributes"),
            resource_attributes: texts("resourceAttributes"),
            default_tenant: s.field("defaultTenant").parse::<Name>().map(|n| n.0).unwrap_or_default(),
            quota: s.section("quota", QuotaConfig::read),
            tenants,
            max_tenants: s.field("maxTenants").integer(1..=100_000).and_then(|n| usize::try_from(n).ok()),
        };
        on.then_some(config)
    }

    /// The running tenancy.
    pub fn build(&self) -> Arc<Tenancy> {
        let resolver = TenantResolver::new().otherwise(self.default_tenant.clone());
        let resolver = self.span_attributes.iter().fold(resolver, TenantResolver::span_attribute);
        let resolver = self.resource_attributes.iter().fold(resolver, TenantResolver::resource_attribute);
        let mut builder = Tenancy::builder(resolver).quota(self.quota.build());
        for (tenant, quota) in &self.tenants {
            builder = builder.quota_of(tenant.clone(), quota.build());
        }
        match self.max_tenants {
            Some(n) => builder.max_tenants(n).build(),
            None => builder.build(),
        }
    }
}

impl QuotaConfig {
    fn read(s: &Section<'_>) -> Self {
        Self {
            spans_per_second: s.field("spansPerSecond").number(0.0..=1e9),
            span_burst: s.field("spanBurst").integer(0..=1_000_000_000),
            series: s.field("series").integer(0..=10_000_000).and_then(|n| usize::try_from(n).ok()),
            alerts_per_minute: s
                .field("alertsPerMinute")
                .integer(0..=1_000_000)
                .and_then(|n| n.try_into().ok()),
        }
    }

    fn build(self) -> Quota {
        Quota {
            spans_per_second: self.spans_per_second,
            span_burst: self.span_burst,
            series: self.series,
            alerts_per_minute: self.alerts_per_minute,
        }
    }
}

/// A tenant as it is written.
struct Name(TenantId);

impl std::str::FromStr for Name {
    type Err = trace_core::model::ParseTenantError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        TenantId::new(text).map(Self)
    }
}
