//! Where Zipkin is.

use http::Uri;
use serde::Deserialize;

use crate::http_client::{
    Compression, Endpoint, Headers, HttpConfigError, Timeout, TlsConfig, append, check_request,
    check_request_limit,
};

/// Where and how spans are sent as Zipkin v2 JSON.
///
/// Unknown keys are refused. `Debug` shows neither header values nor credentials in URLs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ZipkinConfig {
    /// The full URL. Default `http://localhost:9411/api/v2/spans`, which a URL without a path gets too.
    pub endpoint: Endpoint,
    /// Extra request headers, such as `authorization`.
    pub headers: Headers,
    /// How bodies are compressed. Default: not.
    pub compression: Compression,
    /// Limit of one attempt in milliseconds; 0 means none. Default 10 000.
    #[serde(rename = "timeout_ms", alias = "timeoutMs")]
    pub timeout: Timeout,
    /// Limit of one body in bytes, before compression; a larger batch is split. Default 5 MiB.
    #[serde(alias = "maxRequestBytes")]
    pub max_request_bytes: usize,
    /// Certificates for `https`.
    pub tls: TlsConfig,
}

impl Default for ZipkinConfig {
    fn default() -> Self {
        Self {
            endpoint: "http://localhost:9411/api/v2/spans".into(),
            headers: Headers::default(),
            compression: Compression::None,
            timeout: Timeout::from_millis(10_000),
            max_request_bytes: 5 << 20,
            tls: TlsConfig::default(),
        }
    }
}

impl ZipkinConfig {
    /// The defaults with another URL.
    pub fn new(endpoint: impl Into<Endpoint>) -> Self {
        Self { endpoint: endpoint.into(), ..Self::default() }
    }

    /// Sets the compression.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Adds a header, replacing one of the same name.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.set(name, value);
        self
    }

    /// Checks everything that can be checked without the network.
    ///
    /// # Errors
    /// Names the field that cannot be used, and why.
    pub fn validate(&self) -> Result<(), HttpConfigError> {
        self.uri()?;
        check_request(&self.headers, &self.tls)?;
        check_request_limit(self.max_request_bytes)
    }

    pub(super) fn uri(&self) -> Result<Uri, HttpConfigError> {
        let uri = self.endpoint.uri("endpoint")?;
        if uri.path().len() > 1 {
            return Ok(uri);
        }
        Ok(append(&uri, "api/v2/spans"))
    }
}
