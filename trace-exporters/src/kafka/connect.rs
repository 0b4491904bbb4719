//! Connecting to the log, and what its errors mean.

use std::future::Future;

use rskafka::BackoffConfig;
use rskafka::ConnectionError;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use trace_core::signal::ExportError;

use super::config::{KafkaConfig, SaslMechanism};
#[cfg(feature = "tls")]
use super::error::KafkaConfigError;
use crate::connection::Secret;
use crate::shorten::shorten;

/// The largest answer: what a fetch asks for, and the one record that may be larger.
const MAX_MESSAGE_BYTES: usize = 64 << 20;
const CLIENT_ID: &str = "mplp-trace";

/// Clients of all partitions of a topic, by number.
pub(super) struct Topic {
    pub(super) partitions: Vec<PartitionClient>,
}

/// Connects, and finds the partitions of the topic.
///
/// # Errors
/// Retryable unless the brokers refuse for good.
pub(super) async fn connect(config: &KafkaConfig, only: &[i32]) -> Result<Topic, ExportError> {
    let client = client(config).await?;
    let topics = client.list_topics().await.map_err(|e| judge(config, "metadata", &e))?;
    let known = topics.into_iter().find(|t| t.name == config.topic).map(|t| t.partitions).unwrap_or_default();
    let missing = only.iter().find(|p| !known.contains(p));
    if known.is_empty() || missing.is_some() {
        let what = missing.map_or_else(String::new, |p| format!(" with partition {p}"));
        return Err(ExportError::retryable(format!("there is no topic {:?}{what}", config.topic)));
    }
    let mut partitions = Vec::new();
    for partition in known.into_iter().filter(|p| only.is_empty() || only.contains(p)) {
        let handling = UnknownTopicHandling::Error;
        let client = client.partition_client(&config.topic, partition, handling).await;
        partitions.push(client.map_err(|e| judge(config, "partition", &e))?);
    }
    Ok(Topic { partitions })
}

async fn client(config: &KafkaConfig) -> Result<Client, ExportError> {
    // Attempts are limited and repeated by those who call; without a limit the client would go on by itself for ever.
    let backoff = BackoffConfig { deadline: config.timeout.limit(), ..BackoffConfig::default() };
    let mut builder =
        ClientBuilder::new(config.brokers.iter().map(|broker| broker.expose().to_owned()).collect())
            .client_id(CLIENT_ID)
            .max_message_size(MAX_MESSAGE_BYTES)
            .backoff_config(backoff);
    if let (Some(user), Some(password)) = (&config.username, &config.password) {
        let credentials = Credentials::new(user.clone(), password.expose().to_owned());
        builder = builder.sasl_config(match config.mechanism {
            SaslMechanism::Plain => SaslConfig::Plain(credentials),
            SaslMechanism::ScramSha256 => SaslConfig::ScramSha256(credentials),
            SaslMechanism::ScramSha512 => SaslConfig::ScramSha512(credentials),
        });
    }
    #[cfg(feature = "tls")]
    if let Some(tls) = &config.tls {
        let tls = crate::connection::client_config(Some(tls))
            .map_err(|e| ExportError::permanent("brokers").caused_by(KafkaConfigError::from(e)))?;
        builder = builder.tls_config(std::sync::Arc::new(tls));
    }
    builder.build().await.map_err(|e| judge(config, "connecting", &e))
}

/// One attempt within its limit.
pub(super) async fn limited<T>(
    config: &KafkaConfig,
    what: &str,
    attempt: impl Future<Output = Result<T, ExportError>>,
) -> Result<T, ExportError> {
    let Some(limit) = config.timeout.limit() else { return attempt.await };
    match tokio::time::timeout(limit, attempt).await {
        Ok(result) => result,
        Err(_) => Err(ExportError::retryable(format!("kafka {what}: no answer within {limit:?}"))),
    }
}

/// Whether to try again, with a message without the password.
pub(super) fn judge(config: &KafkaConfig, what: &str, error: &Error) -> ExportError {
    let mut text = shorten(&error.to_string());
    if let Some(password) = config.password.as_ref().map(Secret::expose).filter(|p| p.len() >= 4) {
        text = text.replace(password, "[redacted]");
    }
    let message = format!("kafka {what}, topic {:?}: {text}", config.topic);
    if is_final(error) { ExportError::permanent(message) } else { ExportError::retryable(message) }
}

fn is_final(error: &Error) -> bool {
    match error {
        Error::ServerError { protocol_error, .. } => matches!(
            protocol_error,
            ProtocolError::MessageTooLarge
                | ProtocolError::RecordListTooLarge
                | ProtocolError::InvalidTopicException
                | ProtocolError::TopicAuthorizationFailed
                | ProtocolError::GroupAuthorizationFailed
                | ProtocolError::ClusterAuthorizationFailed
                | ProtocolError::InvalidRequiredAcks
                | ProtocolError::InvalidTimestamp
                | ProtocolError::UnsupportedVersion
                | ProtocolError::UnsupportedForMessageFormat
                | ProtocolError::UnsupportedSaslMechanism
                | ProtocolError::IllegalSaslState
                | ProtocolError::SaslAuthenticationFailed
                | ProtocolError::UnsupportedCompressionType
                | ProtocolError::InvalidRequest
                | ProtocolError::InvalidRecord
                | ProtocolError::PolicyViolation
        ),
        Error::Connection(ConnectionError::SaslFailed(_)) => true,
        _ => false,
    }
}
