//! `opentelemetry.tracing.sampling`: which traces are exported.

mod head;
mod policy;
mod remote;
mod rule;
mod settings;
mod tail;

pub use head::{AdaptiveConfig, HeadConfig};
pub use policy::{NamedPolicy, PolicyConfig};
pub use remote::{RemoteSamplingConfig, SamplingEndpoint};
pub use rule::{Keep, RuleConfig};
pub use settings::SamplingConfig;
pub use tail::TailSamplingConfig;
