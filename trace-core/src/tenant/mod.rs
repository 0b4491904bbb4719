//! Whose telemetry it is, how much of it each tenant may send, and what became of it.
//!
//! A [`Tenancy`] is shared by the pipeline (spans and metric points) and by [`QuotaAlertSink`] (alerts). It knows a
//! bounded number of tenants; those that come later share one account, `other`, and the quota of one tenant.
//!
//! ```
//! use trace_core::pipeline::Pipeline;
//! use trace_core::tenant::{Quota, Tenancy, TenantResolver};
//!
//! let tenancy = Tenancy::builder(TenantResolver::new().span_attribute("customer"))
//!     .quota(Quota { spans_per_second: Some(1_000.0), ..Quota::default() })
//!     .build();
//! let pipeline = Pipeline::builder().tenants(tenancy).start()?;
//! pipeline.recorder().span("work").attribute("customer", "acme").start().end();
//! pipeline.flush(std::time::Duration::from_secs(5))?;
//! assert_eq!(pipeline.ledger().tenants[0].accepted, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod admit;
mod alerts;
mod bucket;
mod builder;
mod ledger;
mod logs;
mod quota;
mod resolver;
mod series;
mod share;
mod tenancy;

#[cfg(test)]
mod tests;

pub use alerts::QuotaAlertSink;
pub use builder::TenancyBuilder;
pub use ledger::TenantLedger;
pub(crate) use logs::stamp_logs;
pub use quota::Quota;
pub use resolver::TenantResolver;
pub(crate) use share::Shares;
pub(crate) use tenancy::Slot;
pub use tenancy::Tenancy;
