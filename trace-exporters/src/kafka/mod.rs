//! Spans through a topic of a log that speaks Kafka's protocol: a destination, and a source for the pipeline.
//!
//! A record is the spans of one trace as OTLP `TracesData`; its key is the trace id as 32 lower-case hex digits. The
//! partition follows from the key as in Kafka's own clients, so all spans of a trace meet in one partition, whoever wrote
//! them, and a tail sampler behind it sees whole traces.
//!
//! [`KafkaSpanExporter`] writes, [`KafkaSpanSource`] reads. Both deliver at least once.

mod config;
mod connect;
mod error;
mod exporter;
#[cfg(fuzzing)]
pub mod fuzzing;
mod murmur;
mod offsets;
mod records;
mod source;
mod source_config;
mod stats;

pub use crate::connection::{Endpoint, Secret, Timeout, TlsConfig, TlsError};
pub use config::{KafkaCompression, KafkaConfig, SaslMechanism};
pub use error::{KafkaConfigError, KafkaSourceError};
pub use exporter::KafkaSpanExporter;
pub use source::KafkaSpanSource;
pub use source_config::{KafkaSourceConfig, StartAt};
pub use stats::KafkaSourceStats;
