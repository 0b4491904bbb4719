//! Where and how OTLP is sent.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use serde::Deserialize;

use super::error::OtlpConfigError;
use crate::http_client::{Compression, Headers, TlsConfig, append, header_map, parse, show};

/// What is sent: decides the path below the base URL and the names of environment variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signal {
    /// Spans, to `v1/traces`.
    Traces,
    /// Metrics, to `v1/metrics`.
    Metrics,
}

impl Signal {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
            Self::Metrics => "v1/metrics",
        }
    }
}

/// Where and how OTLP is sent over HTTP. The defaults are OpenTelemetry's: a receiver on this machine.
///
/// Unknown keys are refused. `Debug` shows neither header values nor credentials in URLs.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OtlpConfig {
    /// The base URL; `v1/traces` or `v1/metrics` is appended. Default `http://localhost:4318`.
    pub endpoint: String,
    /// The full URL, used as it is instead of `endpoint`; without a path it means `/`.
    pub url: Option<String>,
    /// Extra request headers, such as `authorization`.
    pub headers: Headers,
    /// How bodies are compressed. Default: not.
    pub compression: Compression,
    /// Limit of one attempt in milliseconds, from connecting to the last byte of the answer; 0 means none.
    /// Default 10 000.
    #[serde(alias = "timeoutMs")]
    pub timeout_ms: u64,
    /// Limit of one request body in bytes, before compression; a larger batch is split. Default 64 MiB.
    #[serde(alias = "maxRequestBytes")]
    pub max_request_bytes: usize,
    /// A PEM file with the only certificates to trust, instead of the system's. For `https` alone.
    #[serde(alias = "caCertificate")]
    pub ca_certificate: Option<PathBuf>,
    /// A PEM file with the certificate that this client shows, and those up to its root. For `https` alone, together
    /// with `client_key`.
    #[serde(alias = "clientCertificate")]
    pub client_certificate: Option<PathBuf>,
    /// A PEM file with the private key of `client_certificate`.
    #[serde(alias = "clientKey")]
    pub client_key: Option<PathBuf>,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            endpoint: "http://localhost:4318".to_owned(),
            url: None,
            headers: Headers::default(),
            compression: Compression::None,
            timeout_ms: 10_000,
            max_request_bytes: 64 << 20,
            ca_certificate: None,
            client_certificate: None,
            client_key: None,
        }
    }
}

impl OtlpConfig {
    /// The defaults with another base URL.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), ..Self::default() }
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

    /// Sets the limit of one attempt, in whole milliseconds; zero means none.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        // A limit below a millisecond is a limit, not the absence of one.
        self.timeout_ms = if timeout.is_zero() { 0 } else { ms.max(1) };
        self
    }

    /// Checks everything that can be checked without the network.
    ///
    /// # Errors
    /// Names the field that cannot be used, and why.
    pub fn validate(&self) -> Result<(), OtlpConfigError> {
        self.request_uri(Signal::Traces)?;
        header_map(&self.headers)?;
        if self.max_request_bytes < 1024 {
            return Err(OtlpConfigError::RequestLimit { found: self.max_request_bytes });
        }
        self.tls().identity()?;
        Ok(())
    }

    /// The URL that requests of this signal go to.
    pub(super) fn request_uri(&self, signal: Signal) -> Result<Uri, OtlpConfigError> {
        match &self.url {
            Some(url) => Ok(parse("url", url)?),
            None => Ok(append(&parse("endpoint", &self.endpoint)?, signal.path())),
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

impl fmt::Debug for OtlpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpConfig")
            .field("endpoint", &show(&self.endpoint))
            .field("url", &self.url.as_deref().map(show))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uri(endpoint: &str) -> String {
        OtlpConfig::new(endpoint).request_uri(Signal::Traces).unwrap().to_string()
    }

    #[test]
    fn a_base_url_gets_the_path_of_the_signal() {
        assert_eq!(uri("http://h:4318"), "http://h:4318/v1/traces");
        assert_eq!(uri("http://h:4318/"), "http://h:4318/v1/traces");
        assert_eq!(uri("http://h/otlp/?tenant=a"), "http://h/otlp/v1/traces?tenant=a");
        let metrics = OtlpConfig::default().request_uri(Signal::Metrics).unwrap();
        assert_eq!(metrics, "http://localhost:4318/v1/metrics");
    }

    #[test]
    fn a_full_url_is_used_as_it_is() {
        let config = OtlpConfig { url: Some("http://h/x".into()), ..OtlpConfig::default() };
        assert_eq!(config.request_uri(Signal::Traces).unwrap(), "http://h/x");
        let config = OtlpConfig { url: Some("http://h".into()), ..OtlpConfig::default() };
        assert_eq!(config.request_uri(Signal::Traces).unwrap(), "http://h/");
    }

    #[test]
    fn a_url_that_cannot_be_used_is_named_with_a_remedy() {
        for (url, part) in [
            ("localhost:4318", "no scheme"),
            ("grpc://h", "other than http"),
            ("", "not a URL"),
            ("http://", "not a URL"),
            ("http://h h", "not a URL"),
        ] {
            let error = OtlpConfig::new(url).validate().unwrap_err().to_string();
            assert!(error.starts_with("endpoint") && error.contains(part), "{url}: {error}");
        }
    }

    #[test]
    fn credentials_in_a_url_are_refused_and_never_shown() {
        let config = OtlpConfig::new("http://user:hunter2@h/p?api_key=hunter2");
        let error = config.validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "endpoint \"http://h/p\" holds credentials; send them with headers.authorization"
        );
        assert!(!format!("{error:?} {config:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_form_of_credentials_or_query_is_shown(user in "[a-z:/%@\\\\]{0,8}", path in "[a-z/]{0,5}") {
            for url in [format!("http://{user}hunter2@h/{path}"), format!("http://{user}h/{path}?k=hunter2")] {
                let config = OtlpConfig::new(&url);
                let said = format!("{config:?} {:?}", config.validate());
                prop_assert!(!said.contains("hunter2"), "{}", said);
            }
        }
    }

    #[test]
    fn headers_are_redacted_and_checked() {
        let config = OtlpConfig::default().header("authorization", "Bearer hunter2");
        assert!(config.validate().is_ok());
        assert!(format!("{config:?}").contains("authorization"));
        assert!(!format!("{config:?}").contains("hunter2"));
        for (name, value, part) in [
            ("bad name", "x", "not a header name"),
            ("x", "hunter2\n", "value"),
            ("Content-Type", "text/html", "set by the exporter"),
        ] {
            let error = OtlpConfig::default().header(name, value).validate().unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_configuration_reads_both_spellings_and_refuses_unknown_keys() {
        let json = r#"{"endpoint":"http://h","compression":"gzip","timeoutMs":5,"headers":{"a":"b","c":null,"n":7}}"#;
        let config: OtlpConfig = serde_json::from_str(json).unwrap();
        assert_eq!((config.timeout_ms, config.compression), (5, Compression::Gzip));
        assert_eq!(config.headers.names().collect::<Vec<_>>(), ["a", "c", "n"]);
        let error = serde_json::from_str::<OtlpConfig>(r#"{"endpont":"x"}"#).unwrap_err().to_string();
        assert!(error.contains("endpont"), "{error}");
    }

    #[test]
    fn a_header_of_another_type_is_refused_without_its_value() {
        let json = r#"{"headers":{"authorization":["hunter2"]}}"#;
        let error = serde_json::from_str::<OtlpConfig>(json).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn https_without_the_feature_says_which_feature() {
        let error = OtlpConfig::new("https://h").validate().unwrap_err().to_string();
        assert!(error.contains("feature `tls`"), "{error}");
    }

    #[test]
    fn a_timeout_below_a_millisecond_is_still_a_limit() {
        let limit = |d| OtlpConfig::default().timeout(d).attempt_limit();
        assert_eq!(limit(Duration::from_micros(1)), Some(Duration::from_millis(1)));
        assert_eq!(limit(Duration::ZERO), None);
    }
}
