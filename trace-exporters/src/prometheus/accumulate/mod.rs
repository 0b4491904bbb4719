//! From deltas to totals: what Prometheus needs of sources that report what came since their last report.
//!
//! Rules: OpenTelemetry metrics data model, "Sums: Delta-to-Cumulative" and "Single-Writer", as the Collector's
//! `deltatocumulative` processor applies them; `docs/adr/0028` says where and why we follow the latter.

mod accumulator;
mod config;
mod exponential;
pub(crate) mod identity;
mod point;
mod stream;

pub use accumulator::{Accumulated, Accumulator};
pub use config::DeltaConfig;
