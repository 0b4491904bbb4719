//! Where Zipkin is.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use serde::Deserialize;

use crate::http_client::{Compression, Headers, HttpConfigError, TlsConfig, header_map, parse, show};

/// Where and how spans are sent as Zipkin v2 JSON.
///
/// Unknown keys are refused. `Debug` shows neither header values nor credentials in URLs.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ZipkinConfig {
    /// The full URL. Default `http://localhost:9411/api/v2/spans`, which a URL without a path gets too.
    pub endpoint: String,
    /// Extra request headers, such as `authorization`.
    pub headers: Headers,
    /// How bodies are compressed. Default: not.
    pub compression: Compression,
    /// Limit of one attempt in milliseconds; 0 means none. Default 10 000.
    #[serde(alias = "timeoutMs")]
    pub timeout_ms: u64,
    /// Limit of one body in bytes, before compression; a larger batch is split. Default 5 MiB.
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

/// A configuration that cannot work. Messages hold no header values, no credentials and no query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZipkinConfigError {
    /// The address, headers or certificates.
    #[error(transparent)]
    Http(#[from] HttpConfigError),
    /// A limit is too small for any span.
    #[error("max_request_bytes is {found}: at least 1024")]
    RequestLimit {
        /// What was configured.
        found: usize,
    },
}

impl Default for ZipkinConfig {
    fn default() -> Self {
        Self {
            endpoint: "http://localhost:9411/api/v2/spans".to_owned(),
            headers: Headers::default(),
            compression: Compression::None,
            timeout_ms: 10_000,
            max_request_bytes: 5 << 20,
            ca_certificate: None,
            client_certificate: None,
            client_key: None,
        }
    }
}

impl ZipkinConfig {
    /// The defaults with another URL.
    pub fn new(endpoint: impl Into<String>) -> Self {
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
    pub fn validate(&self) -> Result<(), ZipkinConfigError> {
        self.uri()?;
        header_map(&self.headers)?;
        self.tls().identity()?;
        if self.max_request_bytes < 1024 {
            return Err(ZipkinConfigError::RequestLimit { found: self.max_request_bytes });
        }
        Ok(())
    }

    pub(super) fn uri(&self) -> Result<Uri, HttpConfigError> {
        let uri = parse("endpoint", &self.endpoint)?;
        if uri.path().len() > 1 {
            return Ok(uri);
        }
        Ok(crate::http_client::append(&uri, "api/v2/spans"))
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

impl fmt::Debug for ZipkinConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZipkinConfig")
            .field("endpoint", &show(&self.endpoint))
            .field("headers", &self.headers)
            .field("compression", &self.compression)
            .field("timeout_ms", &self.timeout_ms)
            .field("max_request_bytes", &self.max_request_bytes)
            .field("ca_certificate", &self.ca_certificate)
            .field("client_certificate", &self.client_certificate)
            .field("client_key", &self.client_key)
            .finish()
    }
}
