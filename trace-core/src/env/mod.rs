//! The `OTEL_*` variables that concern the core, read once into plain settings.
//!
//! [`EnvSettings::read`] takes a function that looks a variable up, so that nothing here depends on the state of the
//! process. It follows the OpenTelemetry specification: an empty variable counts as unset; only `true`, in any case of
//! letters, is true; an unknown word and a number that is unreadable, negative or out of range are reported as an
//! [`EnvWarning`] and the default stays. Nothing is an error: a service must start with a misspelt variable.
//!
//! Precedence: what the program sets in code after [`PipelineBuilder::env`](crate::pipeline::PipelineBuilder::env) wins
//! over the environment, and the environment wins over what was set before. `OTEL_SDK_DISABLED` always wins.
//!
//! The samplers (`OTEL_TRACES_SAMPLER`) and propagators (`OTEL_PROPAGATORS`) read their own variables; their texts are
//! kept here as they are.
//!
//! ```
//! use trace_core::env::EnvSettings;
//!
//! let env = EnvSettings::read(&|name| match name {
//!     "OTEL_SERVICE_NAME" => Some("checkout".into()),
//!     "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" => Some("-1".into()),
//!     _ => None,
//! });
//! assert_eq!(env.resource().service_name(), "checkout");
//! assert_eq!(env.batch.max_export_batch_size, None);
//! assert_eq!(env.warnings[0].variable, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE");
//! ```

mod limits;
mod reader;
mod resource_attributes;
mod settings;

#[cfg(test)]
mod tests;

pub use limits::{LimitSettings, LogLimitSettings};
pub use reader::EnvWarning;
pub use resource_attributes::parse_resource_attributes;
pub use settings::{BatchSettings, EnvSettings, LogLevel, MetricSettings};
