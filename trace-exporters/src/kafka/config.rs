//! Where the log is, and how records are written.

use serde::Deserialize;

use super::error::KafkaConfigError;
use crate::connection::{Endpoint, Secret, Timeout, TlsConfig};

/// How the records of one request are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum KafkaCompression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// LZ4.
    Lz4,
    /// Snappy.
    Snappy,
    /// Zstandard.
    Zstd,
}

/// How `username` and `password` are proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SaslMechanism {
    /// As they are: for TLS connections.
    #[default]
    Plain,
    /// SCRAM-SHA-256.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// SCRAM-SHA-512.
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

/// Where the log is, and how records are written. Unknown keys are refused; `Debug` does not show the password.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KafkaConfig {
    /// Brokers to begin with, as `host:port`. Default `localhost:9092`.
    pub brokers: Vec<Endpoint>,
    /// The topic; it must exist. Default `otlp_spans`, as the OpenTelemetry Collector's.
    pub topic: String,
    /// How records are compressed. Default: not.
    pub compression: KafkaCompression,
    /// Whom to be.
    pub username: Option<String>,
    /// The password of `username`.
    pub password: Option<Secret>,
    /// How they are proved. Default `plain`.
    pub mechanism: SaslMechanism,
    /// Whether connections use TLS, and with which certificates. Default: they do not.
    pub tls: Option<TlsConfig>,
    /// Limit of one attempt in milliseconds; 0 means none. Default 10 000.
    #[serde(rename = "timeout_ms", alias = "timeoutMs")]
    pub timeout: Timeout,
    /// Limit of the records of one request to a partition in bytes, before compression; a trace that is larger becomes
    /// several records. Default 900 000: brokers refuse more than 1 MiB unless told otherwise.
    #[serde(alias = "maxRecordBytes")]
    pub max_record_bytes: usize,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: vec!["localhost:9092".into()],
            topic: "otlp_spans".to_owned(),
            compression: KafkaCompression::None,
            username: None,
            password: None,
            mechanism: SaslMechanism::Plain,
            tls: None,
            timeout: Timeout::from_millis(10_000),
            max_record_bytes: 900_000,
        }
    }
}

impl KafkaConfig {
    /// The defaults with other brokers, as `host:port`.
    pub fn new(brokers: impl IntoIterator<Item = impl Into<Endpoint>>) -> Self {
        Self { brokers: brokers.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Sets the topic.
    #[must_use]
    pub fn topic(mut self, name: impl Into<String>) -> Self {
        self.topic = name.into();
        self
    }

    /// Sets the compression.
    #[must_use]
    pub fn compression(mut self, compression: KafkaCompression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets the limit of one attempt; zero means none.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets who connects.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<Secret>, how: SaslMechanism) -> Self {
        (self.username, self.password) = (Some(name.into()), Some(password.into()));
        self.mechanism = how;
        self
    }

    /// Checks everything that can be checked without the network.
    ///
    /// # Errors
    /// Names the field that cannot be used, and why.
    pub fn validate(&self) -> Result<(), KafkaConfigError> {
        if self.brokers.is_empty() {
            return Err(KafkaConfigError::NoBroker);
        }
        let is_address = |broker: &str| {
            let (host, port) = broker.rsplit_once(':').unwrap_or_default();
            !host.is_empty() && !host.contains(['/', '@']) && port.parse::<u16>().is_ok()
        };
        if let Some(bad) = self.brokers.iter().find(|broker| !is_address(broker.expose())) {
            return Err(KafkaConfigError::Broker(bad.to_string().chars().take(100).collect()));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if self.topic.is_empty() || self.topic.len() > 249 || !self.topic.bytes().all(plain) {
            return Err(KafkaConfigError::Topic(self.topic.chars().take(64).collect()));
        }
        let half = |given, missing| Err(KafkaConfigError::HalfCredentials { given, missing });
        match (&self.username, &self.password) {
            (Some(_), None) => return half("username", "password"),
            (None, Some(_)) => return half("password", "username"),
            _ => {}
        }
        if let Some(tls) = &self.tls {
            if !cfg!(feature = "tls") {
                return Err(KafkaConfigError::TlsUnavailable);
            }
            tls.validate()?;
        }
        if self.max_record_bytes < 1024 {
            return Err(KafkaConfigError::RecordLimit(self.max_record_bytes));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_named_and_passwords_are_not_shown() {
        let wrong = [
            (KafkaConfig::new([] as [&str; 0]), "brokers is empty"),
            (KafkaConfig::new(["kafka"]), "\"kafka\" must be host:port"),
            (KafkaConfig::new(["u:hunter2@kafka:1"]), "\"kafka:1\" must be host:port"),
            (KafkaConfig::new(["tcp://kafka:1"]), "must be host:port"),
            (KafkaConfig::default().topic("a b"), "topic \"a b\""),
            (KafkaConfig { password: Some("hunter2".into()), ..KafkaConfig::default() }, "username"),
            (KafkaConfig { max_record_bytes: 1, ..KafkaConfig::default() }, "max_record_bytes"),
        ];
        for (config, part) in wrong {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(part) && !format!("{error} {config:?}").contains("hunter2"), "{error}");
        }
        let config = KafkaConfig::default().user("me", "hunter2", SaslMechanism::ScramSha256);
        assert!(config.validate().is_ok() && !format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_configuration_reads_both_spellings_and_refuses_unknown_keys() {
        let json = r#"{"brokers":["k:1"],"timeoutMs":5,"max_record_bytes":2048,"mechanism":"scram-sha-512",
            "compression":"zstd"}"#;
        let config: KafkaConfig = serde_json::from_str(json).unwrap();
        assert_eq!((config.timeout, config.max_record_bytes), (5.into(), 2048));
        assert_eq!(
            (config.mechanism, config.compression),
            (SaslMechanism::ScramSha512, KafkaCompression::Zstd)
        );
        assert!(serde_json::from_str::<KafkaConfig>(r#"{"broker":"k:1"}"#).is_err());
    }
}
