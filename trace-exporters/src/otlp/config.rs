//! Where and how OTLP is sent.

use http::Uri;
use serde::Deserialize;

use super::error::OtlpConfigError;
use crate::http_client::{
    Compression, Endpoint, Headers, Timeout, TlsConfig, append, check_request, check_request_limit, parse,
    show,
};

/// The connections that a pool keeps.
const MAX_IN_FLIGHT: usize = 16;

/// What is sent: decides the path below the base URL and the names of environment variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// Spans, to `v1/traces`.
    Traces,
    /// Metrics, to `v1/metrics`.
    Metrics,
    /// Log records, to `v1/logs`.
    Logs,
}

impl Signal {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
            Self::Metrics => "v1/metrics",
            Self::Logs => "v1/logs",
        }
    }

    fn grpc_method(self) -> &'static str {
        match self {
            Self::Traces => "opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Logs => "opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }
}

/// How requests travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub enum Protocol {
    /// Protobuf over HTTP; receivers listen at port 4318.
    #[default]
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
    /// JSON over HTTP, at the same port: larger and slower, readable on the way.
    #[serde(rename = "http/json")]
    HttpJson,
    /// gRPC; receivers listen at port 4317. Needs the feature `otlp-grpc`.
    #[serde(rename = "grpc")]
    Grpc,
}

impl Protocol {
    /// The name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpProtobuf => "http/protobuf",
            Self::HttpJson => "http/json",
            Self::Grpc => "grpc",
        }
    }

    /// The receiver on this machine.
    fn default_endpoint(self) -> &'static str {
        match self {
            Self::HttpProtobuf | Self::HttpJson => "http://localhost:4318",
            Self::Grpc => "http://localhost:4317",
        }
    }
}

/// Where and how OTLP is sent. The defaults are OpenTelemetry's: a receiver on this machine.
///
/// Unknown keys are refused. `Debug` shows neither header values nor credentials in URLs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OtlpConfig {
    /// How requests travel. Default protobuf over HTTP.
    pub protocol: Protocol,
    /// The base URL; over HTTP `v1/traces`, `v1/metrics` or `v1/logs` is appended, for gRPC it has no path and may lack its scheme.
    /// Default: this machine, at port 4318 for HTTP and 4317 for gRPC.
    pub endpoint: Option<Endpoint>,
    /// The full URL, used as it is instead of `endpoint`; over HTTP, without a path, it means `/`.
    pub url: Option<Endpoint>,
    /// Whether an address without a scheme means `http` instead of `https`; for gRPC alone.
    pub insecure: bool,
    /// Extra request headers, such as `authorization`.
    pub headers: Headers,
    /// How bodies are compressed. Default: not.
    pub compression: Compression,
    /// Limit of one attempt in milliseconds, from connecting to the last byte of the answer; 0 means none.
    /// Default 10 000.
    #[serde(rename = "timeout_ms", alias = "timeoutMs")]
    pub timeout: Timeout,
    /// Limit of one request body in bytes, before compression; a larger batch is split. Default 64 MiB.
    #[serde(alias = "maxRequestBytes")]
    pub max_request_bytes: usize,
    /// Limit of the spans, data points or log records of one request; a larger batch is split. 0, the default, means none.
    #[serde(alias = "maxRequestRecords")]
    pub max_request_records: usize,
    /// How many requests of a batch that was split are under way at once, 1 to 16. Default 4.
    #[serde(alias = "inFlight")]
    pub in_flight: usize,
    /// Certificates for `https`.
    pub tls: TlsConfig,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            protocol: Protocol::HttpProtobuf,
            endpoint: None,
            url: None,
            insecure: false,
            headers: Headers::default(),
            compression: Compression::None,
            timeout: Timeout::from_millis(10_000),
            max_request_bytes: 64 << 20,
            max_request_records: 0,
            in_flight: 4,
            tls: TlsConfig::default(),
        }
    }
}

impl OtlpConfig {
    /// The defaults with another base URL.
    pub fn new(endpoint: impl Into<Endpoint>) -> Self {
        Self { endpoint: Some(endpoint.into()), ..Self::default() }
    }

    /// Sets the protocol.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Adds a header, replacing one of the same name.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.set(name, value);
        self
    }

    /// Sets the compression.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets the limit of one attempt; zero means none.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Checks everything that can be checked without the network.
    ///
    /// # Errors
    /// Names the field that cannot be used, and why.
    pub fn validate(&self) -> Result<(), OtlpConfigError> {
        self.request_uri(Signal::Traces)?;
        check_request(&self.headers, &self.tls)?;
        check_request_limit(self.max_request_bytes)?;
        if !(1..=MAX_IN_FLIGHT).contains(&self.in_flight) {
            return Err(OtlpConfigError::InFlight { found: self.in_flight });
        }
        Ok(())
    }

    /// The URL that requests of this signal go to.
    pub(super) fn request_uri(&self, signal: Signal) -> Result<Uri, OtlpConfigError> {
        if self.protocol == Protocol::Grpc {
            return self.grpc_uri(signal);
        }
        match &self.url {
            Some(url) => Ok(url.uri("url")?),
            None => Ok(append(&parse("endpoint", self.base())?, signal.path())),
        }
    }

    fn base(&self) -> &str {
        self.endpoint.as_ref().map_or(self.protocol.default_endpoint(), Endpoint::expose)
    }

    /// The URL of the method for this signal.
    fn grpc_uri(&self, signal: Signal) -> Result<Uri, OtlpConfigError> {
        if !cfg!(feature = "otlp-grpc") {
            return Err(OtlpConfigError::GrpcUnavailable);
        }
        let (field, text) = self.url.as_ref().map_or(("endpoint", self.base()), |url| ("url", url.expose()));
        let base = if text.contains("://") {
            parse(field, text)?
        } else {
            let scheme = if self.insecure { "http" } else { "https" };
            parse(field, &format!("{scheme}://{}", text.trim()))?
        };
        if !matches!(base.path(), "" | "/") || base.query().is_some() {
            return Err(OtlpConfigError::GrpcPath { field, shown: show(&base) });
        }
        Ok(append(&base, signal.grpc_method()))
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
