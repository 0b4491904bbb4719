//! What can be wrong with a configuration, and what ends a source.

use std::path::PathBuf;
use std::time::Duration;

use crate::connection::TlsError;

/// Why nothing can be written or read. Messages hold no password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KafkaConfigError {
    /// Nobody to ask where the partitions are.
    #[error("brokers is empty: name at least one as host:port")]
    NoBroker,
    /// A broker's address.
    #[error("broker {0:?} must be host:port, without a scheme")]
    Broker(String),
    /// A topic's name (Kafka: `[a-zA-Z0-9._-]{1,249}`).
    #[error("topic {0:?} must be 1 to 249 letters, digits, `.`, `_` or `-`")]
    Topic(String),
    /// Half of the credentials.
    #[error("{given} is set and {missing} is not: a broker wants both")]
    HalfCredentials {
        /// The field that is set.
        given: &'static str,
        /// The field that is not.
        missing: &'static str,
    },
    /// A limit with which nothing could be sent.
    #[error("max_record_bytes must be at least 1024, got {0}")]
    RecordLimit(usize),
    /// A partition's number.
    #[error("partition {0} must not be negative")]
    Partition(i32),
    /// Every fetch without records would run into its limit.
    #[error("max_wait_ms {max_wait_ms} must be less than timeout_ms {}", timeout.as_millis())]
    Wait {
        /// How long a broker may wait.
        max_wait_ms: u32,
        /// The limit of a request.
        timeout: Duration,
    },
    /// TLS in a build without it.
    #[error("tls needs the feature `tls` of trace-exporters")]
    TlsUnavailable,
    /// A certificate.
    #[error(transparent)]
    Certificate(#[from] TlsError),
    /// The file of offsets cannot be used.
    #[error("offsets {}: {reason}", path.display())]
    Offsets {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Why a source ended before it was told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KafkaSourceError {
    /// The pipeline takes no more.
    #[error("the pipeline is shut down; topic {topic:?} was read up to what the file of offsets says")]
    PipelineClosed {
        /// The topic.
        topic: String,
    },
    /// The brokers refuse for good: wrong credentials, no right to read.
    #[error("topic {topic:?} cannot be read: {message}")]
    Refused {
        /// The topic.
        topic: String,
        /// What was said.
        message: String,
    },
    /// The file of offsets cannot be written, so nothing that was read would stay read.
    #[error("offsets {}: cannot be written", path.display())]
    Offsets {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}
