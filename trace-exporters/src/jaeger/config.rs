//! Where Jaeger is.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::error::JaegerConfigError;
use super::wire::{Protocol, Wire};
use crate::http_client::{Headers, TlsConfig, header_map, show};
use crate::otlp::{self, OtlpConfig};

/// The most that a datagram can carry over IPv4: 65535 less the heads of IP and UDP.
const MOST_IN_DATAGRAM: usize = 65_507;

/// Where Jaeger is, and how spans travel to it. The default is OTLP to this machine.
///
/// Unknown keys are refused. `Debug` shows neither header values nor credentials in URLs.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct JaegerConfig {
    /// `http(s)://host:4318` for OTLP, `http(s)://host:4317` or `grpc://host` for OTLP over gRPC,
    /// `http(s)://host:14268/api/traces` for Thrift over HTTP, `udp://host:6831` or `agent` for datagrams. Default
    /// `http://localhost:4318`.
    pub endpoint: String,
    /// What the endpoint means if its port and path do not say. Default `auto`; see [`Protocol`].
    pub protocol: Protocol,
    /// Extra request headers, such as `authorization`; datagrams carry none.
    pub headers: Headers,
    /// Limit of one attempt in milliseconds; 0 means none. Default 10 000.
    #[serde(alias = "timeoutMs")]
    pub timeout_ms: u64,
    /// Limit of one datagram in bytes. Default 65 000, which is the agent's own; a system may allow less, such as macOS
    /// 9216.
    #[serde(alias = "maxPacketBytes")]
    pub max_packet_bytes: usize,
    /// Limit of one request body in bytes; a larger batch is split. Default 4 MiB, as the collector's for gRPC.
    #[serde(alias = "maxRequestBytes")]
    pub max_request_bytes: usize,
    /// A PEM file with the only certificates to trust, instead of the system's. For `https` alone.
    #[serde(alias = "caCertificate")]
    pub ca_certificate: Option<PathBuf>,
    /// A PEM file with the certificate that this client shows, together with `client_key`.
    #[serde(alias = "clientCertificate")]
    pub client_certificate: Option<PathBuf>,
    /// A PEM file with the private key of `client_certificate`.
    #[serde(alias = "clientKey")]
    pub client_key: Option<PathBuf>,
}

impl Default for JaegerConfig {
    fn default() -> Self {
        Self {
            endpoint: "http://localhost:4318".to_owned(),
            protocol: Protocol::Auto,
            headers: Headers::default(),
            timeout_ms: 10_000,
            max_packet_bytes: 65_000,
            max_request_bytes: 4 << 20,
            ca_certificate: None,
            client_certificate: None,
            client_key: None,
        }
    }
}

impl JaegerConfig {
    /// The defaults with another endpoint.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), ..Self::default() }
    }

    /// Adds a header, replacing one of the same name.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.set(name, value);
        self
    }

    /// Sets what the endpoint means.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Checks everything that can be checked without the network.
    ///
    /// # Errors
    /// Names the field that cannot be used, and why.
    pub fn validate(&self) -> Result<(), JaegerConfigError> {
        if let Wire::OtlpGrpc(endpoint) = self.wire()? {
            if !cfg!(feature = "otlp-grpc") {
                return Err(JaegerConfigError::Grpc { shown: show(&endpoint) });
            }
            self.otlp(endpoint, otlp::Protocol::Grpc).validate()?;
        }
        header_map(&self.headers)?;
        self.tls().identity()?;
        if !(1024..=MOST_IN_DATAGRAM).contains(&self.max_packet_bytes) {
            return Err(JaegerConfigError::PacketLimit { found: self.max_packet_bytes });
        }
        if self.max_request_bytes < 1024 {
            return Err(JaegerConfigError::RequestLimit { found: self.max_request_bytes });
        }
        Ok(())
    }

    /// What the endpoint means.
    pub(super) fn wire(&self) -> Result<Wire, JaegerConfigError> {
        Wire::of(&self.endpoint, self.protocol)
    }

    /// How the wires of OTLP are sent by.
    pub(super) fn otlp(&self, url: impl Into<String>, protocol: otlp::Protocol) -> OtlpConfig {
        OtlpConfig {
            url: Some(url.into()),
            protocol,
            // Jaeger listens without TLS unless told otherwise; a scheme wins.
            insecure: true,
            headers: self.headers.clone(),
            timeout_ms: self.timeout_ms,
            max_request_bytes: self.max_request_bytes,
            ca_certificate: self.ca_certificate.clone(),
            client_certificate: self.client_certificate.clone(),
            client_key: self.client_key.clone(),
            ..OtlpConfig::default()
        }
    }

    /// The certificates that are used for `https`.
    pub(super) fn tls(&self) -> TlsConfig {
        TlsConfig {
            ca_certificate: self.ca_certificate.clone(),
            client_certificate: self.client_certificate.clone(),
            client_key: self.client_key.clone(),
        }
    }

    /// The limit of one attempt.
    pub(super) fn attempt_limit(&self) -> Option<Duration> {
        (self.timeout_ms > 0).then(|| Duration::from_millis(self.timeout_ms))
    }
}

impl fmt::Debug for JaegerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JaegerConfig")
            .field("endpoint", &show(&self.endpoint))
            .field("protocol", &self.protocol)
            .field("headers", &self.headers)
            .field("timeout_ms", &self.timeout_ms)
            .field("max_packet_bytes", &self.max_packet_bytes)
            .field("max_request_bytes", &self.max_request_bytes)
            .field("ca_certificate", &self.ca_certificate)
            .field("client_certificate", &self.client_certificate)
            .field("client_key", &self.client_key)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_and_unknown_keys_refused() {
        let read = |text: &str| serde_json::from_str::<JaegerConfig>(text);
        let config = read(
            r#"{"endpoint":"udp://h","protocol":"udp","timeoutMs":5,"maxPacketBytes":9000,"max_request_bytes":2048,
            "headers":{"authorization":"Bearer hunter2"},"caCertificate":"/ca.pem"}"#,
        )
        .unwrap();
        assert_eq!((config.timeout_ms, config.max_packet_bytes, config.max_request_bytes), (5, 9000, 2048));
        assert_eq!(config.protocol, Protocol::Udp);
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(read(r#"{"endpiont":"x"}"#).is_err());
        assert_eq!(read("{}").unwrap(), JaegerConfig::default());
    }

    #[test]
    fn limits_that_cannot_work_are_named() {
        let packet = JaegerConfig { max_packet_bytes: 70_000, ..JaegerConfig::default() };
        assert!(packet.validate().unwrap_err().to_string().contains("max_packet_bytes is 70000"));
        let request = JaegerConfig { max_request_bytes: 3, ..JaegerConfig::default() };
        assert!(request.validate().unwrap_err().to_string().contains("max_request_bytes is 3"));
        JaegerConfig::default().validate().unwrap();
    }
}
