//! Where the log is, and how records are written.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::error::KafkaConfigError;
use crate::http_client::TlsConfig;

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

/// Certificates of TLS connections to brokers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KafkaTls {
    /// A PEM file with the only certificates to trust, instead of the system's.
    #[serde(alias = "caCertificate")]
    pub ca_certificate: Option<PathBuf>,
    /// A PEM file with the certificate that this client shows; needs `client_key`.
    #[serde(alias = "clientCertificate")]
    pub client_certificate: Option<PathBuf>,
    /// A PEM file with the key of `client_certificate`.
    #[serde(alias = "clientKey")]
    pub client_key: Option<PathBuf>,
}

impl KafkaTls {
    pub(super) fn to_config(&self) -> TlsConfig {
        TlsConfig {
            ca_certificate: self.ca_certificate.clone(),
            client_certificate: self.client_certificate.clone(),
            client_key: self.client_key.clone(),
        }
    }
}

/// Where the log is, and how records are written. Unknown keys are refused; `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KafkaConfig {
    /// Brokers to begin with, as `host:port`. Default `localhost:9092`.
    pub brokers: Vec<String>,
    /// The topic; it must exist. Default `otlp_spans`, as the OpenTelemetry Collector's.
    pub topic: String,
    /// How records are compressed. Default: not.
    pub compression: KafkaCompression,
    /// Whom to be.
    pub username: Option<String>,
    /// The password of `username`.
    pub password: Option<String>,
    /// How they are proved. Default `plain`.
    pub mechanism: SaslMechanism,
    /// Whether connections use TLS, and with which certificates. Default: they do not.
    pub tls: Option<KafkaTls>,
    /// Limit of one attempt in milliseconds; 0 means none. Default 10 000.
    #[serde(alias = "timeoutMs")]
    pub timeout_ms: u64,
    /// Limit of the records of one request to a partition in bytes, before compression; a trace that is larger becomes
    /// several records. Default 900 000: brokers refuse more than 1 MiB unless told otherwise.
    #[serde(alias = "maxRecordBytes")]
    pub max_record_bytes: usize,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: vec!["localhost:9092".to_owned()],
            topic: "otlp_spans".to_owned(),
            compression: KafkaCompression::None,
            username: None,
            password: None,
            mechanism: SaslMechanism::Plain,
            tls: None,
            timeout_ms: 10_000,
            max_record_bytes: 900_000,
        }
    }
}

impl KafkaConfig {
    /// The defaults with other brokers, as `host:port`.
    pub fn new(brokers: impl IntoIterator<Item = impl Into<String>>) -> Self {
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

    /// Sets the limit of one attempt, in whole milliseconds; zero means none.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.timeout_ms = if timeout.is_zero() { 0 } else { ms.max(1) };
        self
    }

    /// Sets who connects.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>, how: SaslMechanism) -> Self {
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
        let is_address = |b: &&String| {
            let (host, port) = b.rsplit_once(':').unwrap_or_default();
            !host.is_empty() && !host.contains(['/', '@']) && port.parse::<u16>().is_ok()
        };
        if let Some(bad) = self.brokers.iter().find(|b| !is_address(b)) {
            // What lies before an @ may be a password.
            let shown = bad.rsplit('@').next().unwrap_or_default();
            return Err(KafkaConfigError::Broker(shown.chars().take(100).collect()));
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
            tls.to_config().identity()?;
        }
        if self.max_record_bytes < 1024 {
            return Err(KafkaConfigError::RecordLimit(self.max_record_bytes));
        }
        Ok(())
    }

    pub(super) fn attempt_limit(&self) -> Option<Duration> {
        (self.timeout_ms > 0).then(|| Duration::from_millis(self.timeout_ms))
    }
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("brokers", &self.brokers)
            .field("topic", &self.topic)
            .field("compression", &self.compression)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "[redacted]"))
            .field("mechanism", &self.mechanism)
            .field("tls", &self.tls)
            .field("timeout_ms", &self.timeout_ms)
            .field("max_record_bytes", &self.max_record_bytes)
            .finish()
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
            assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
        }
        let config = KafkaConfig::default().user("me", "hunter2", SaslMechanism::ScramSha256);
        assert!(config.validate().is_ok() && !format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_configuration_reads_both_spellings_and_refuses_unknown_keys() {
        let json = r#"{"brokers":["k:1"],"timeoutMs":5,"max_record_bytes":2048,"mechanism":"scram-sha-512",
            "compression":"zstd"}"#;
        let config: KafkaConfig = serde_json::from_str(json).unwrap();
        assert_eq!((config.timeout_ms, config.max_record_bytes), (5, 2048));
        assert_eq!(
            (config.mechanism, config.compression),
            (SaslMechanism::ScramSha512, KafkaCompression::Zstd)
        );
        assert!(serde_json::from_str::<KafkaConfig>(r#"{"broker":"k:1"}"#).is_err());
    }
}
