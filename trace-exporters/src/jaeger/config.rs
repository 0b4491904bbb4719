//! Where Jaeger is.

use serde::Deserialize;

use super::error::JaegerConfigError;
use super::wire::{Protocol, Wire};
use crate::http_client::{Endpoint, Headers, Timeout, TlsConfig, check_request, check_request_limit, show};
use crate::otlp::{self, OtlpConfig};

/// The most that a datagram can carry over IPv4: 65535 less the heads of IP and UDP.
const MOST_IN_DATAGRAM: usize = 65_507;

/// Where Jaeger is, and how spans travel to it. The default is OTLP to this machine.
///
/// Unknown keys are refused. `Debug` shows neither header values nor credentials in URLs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct JaegerConfig {
    /// `http(s)://host:4318` for OTLP, `http(s)://host:4317` or `grpc://host` for OTLP over gRPC,
    /// `http(s)://host:14268/api/traces` for Thrift over HTTP, `udp://host:6831` or `agent` for datagrams. Default
    /// `http://localhost:4318`.
    pub endpoint: Endpoint,
    /// What the endpoint means if its port and path do not say. Default `auto`; see [`Protocol`].
    pub protocol: Protocol,
    /// Extra request headers, such as `authorization`; datagrams carry none.
    pub headers: Headers,
    /// Limit of one attempt in milliseconds; 0 means none. Default 10 000.
    #[serde(rename = "timeout_ms", alias = "timeoutMs")]
    pub timeout: Timeout,
    /// Limit of one datagram in bytes. Default 65 000, which is the agent's own; a system may allow less, such as macOS
    /// 9216.
    #[serde(alias = "maxPacketBytes")]
    pub max_packet_bytes: usize,
    /// Limit of one request body in bytes; a larger batch is split. Default 4 MiB, as the collector's for gRPC.
    #[serde(alias = "maxRequestBytes")]
    pub max_request_bytes: usize,
    /// Certificates for `https`.
    pub tls: TlsConfig,
}

impl Default for JaegerConfig {
    fn default() -> Self {
        Self {
            endpoint: "http://localhost:4318".into(),
            protocol: Protocol::Auto,
            headers: Headers::default(),
            timeout: Timeout::from_millis(10_000),
            max_packet_bytes: 65_000,
            max_request_bytes: 4 << 20,
            tls: TlsConfig::default(),
        }
    }
}

impl JaegerConfig {
    /// The defaults with another endpoint.
    pub fn new(endpoint: impl Into<Endpoint>) -> Self {
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
        check_request(&self.headers, &self.tls)?;
        if !(1024..=MOST_IN_DATAGRAM).contains(&self.max_packet_bytes) {
            return Err(JaegerConfigError::PacketLimit { found: self.max_packet_bytes });
        }
        check_request_limit(self.max_request_bytes)?;
        Ok(())
    }

    /// What the endpoint means.
    pub(super) fn wire(&self) -> Result<Wire, JaegerConfigError> {
        Wire::of(self.endpoint.expose(), self.protocol)
    }

    /// How the wires of OTLP are sent by.
    pub(super) fn otlp(&self, url: impl Into<Endpoint>, protocol: otlp::Protocol) -> OtlpConfig {
        OtlpConfig {
            url: Some(url.into()),
            protocol,
            // Jaeger listens without TLS unless told otherwise; a scheme wins.
            insecure: true,
            headers: self.headers.clone(),
            timeout: self.timeout,
            max_request_bytes: self.max_request_bytes,
            tls: self.tls.clone(),
            ..OtlpConfig::default()
        }
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
            "headers":{"authorization":"Bearer hunter2"},"tls":{"caCertificate":"/ca.pem"}}"#,
        )
        .unwrap();
        assert_eq!(
            (config.timeout, config.max_packet_bytes, config.max_request_bytes),
            (5.into(), 9000, 2048)
        );
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
        assert!(
            request
                .validate()
                .unwrap_err()
                .to_string()
                .contains("max_request_bytes must be at least 1024, got 3")
        );
        JaegerConfig::default().validate().unwrap();
    }
}
