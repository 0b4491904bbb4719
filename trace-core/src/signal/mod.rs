//! The traits that users implement. Each contract stands on the trait.

mod alert_sink;
mod detector;
mod export_error;
mod exporter;
mod keeper;
mod notifier;
mod processor;
mod sampler;
mod start_attributes;

pub use alert_sink::{AlertSink, Rejected};
pub use detector::{Detector, FeatureVerdict, Sample, Verdict, VerdictState};
pub use export_error::ExportError;
pub use exporter::{LogExporter, MetricExporter, SpanExporter};
pub use keeper::{Keeper, Kept};
pub use notifier::{Delivered, Notification, Notifier, NotifyError};
pub use processor::{Holdings, SpanProcessor};
pub use sampler::{Decision, Sampler, SamplingDecision, SamplingInput};
pub use start_attributes::StartAttributes;
