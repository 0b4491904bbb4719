//! Destinations that take OTLP over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::endpoint::Endpoint;
use super::otlp_env::OtlpSignal;
use super::secret::Secret;
use super::section::Section;

/// Where and how OTLP over HTTP is sent: `exporters.otlp` of traces and metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OtlpConfig {
    /// The URL, used as it is. Else that of the signal's variable, else `OTEL_EXPORTER_OTLP_ENDPOINT` and the signal's
    /// path.
    pub endpoint: Endpoint,
    /// Headers of every request, by name as written; those of `OTEL_EXPORTER_OTLP_HEADERS` that the file does not have are
    /// added. If none is `Authorization` and `OTEL_AUTH_TOKEN` is set, that one is `Bearer` and the token.
    pub headers: BTreeMap<String, Secret>,
    /// How the body is packed. Else `OTEL_EXPORTER_OTLP_COMPRESSION`, else gzip.
    pub compression: Compression,
    /// `timeoutMs`: how long one export may take, retries included. Else `OTEL_EXPORTER_OTLP_TIMEOUT`, where 0 is without
    /// limit ([`Duration::MAX`]); else 10 s.
    #[serde(rename = "timeoutMs", serialize_with = "limit")]
    pub timeout: Duration,
    /// `caCertificate`: a PEM file with the only certificates to trust, instead of the system's. Else
    /// `OTEL_EXPORTER_OTLP_CERTIFICATE`.
    pub ca_certificate: Option<String>,
    /// `clientCertificate`: a PEM file with the certificate that is shown to the server. Else
    /// `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`.
    pub client_certificate: Option<String>,
    /// `clientKey`: a PEM file with its private key. Else `OTEL_EXPORTER_OTLP_CLIENT_KEY`.
    pub client_key: Option<String>,
}

fn limit<S: Serializer>(length: &Duration, s: S) -> Result<S::Ok, S::Error> {
    let length = if *length == Duration::MAX { &Duration::ZERO } else { length };
    super::duration::as_ms(length, s)
}

/// How a request body is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// gzip.
    #[default]
    Gzip,
    /// Not at all.
    None,
}

/// The OpenTelemetry default of `OTEL_EXPORTER_OTLP_TIMEOUT`.
const TIMEOUT: Duration = Duration::from_secs(10);

const AUTHORIZATION: &str = "Authorization";
const AUTH_TOKEN: &str = "OTEL_AUTH_TOKEN";

impl OtlpConfig {
    /// A destination with the defaults.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            headers: BTreeMap::new(),
            compression: Compression::default(),
            timeout: TIMEOUT,
            ca_certificate: None,
            client_certificate: None,
            client_key: None,
        }
    }

    /// Reads the keys that traces and metrics share. `None` if the destination is off: if the file does not decide, and
    /// neither `asked` does, it is on if its variable has an endpoint.
    pub(super) fn read(s: &Section<'_>, asked: Option<bool>, signal: OtlpSignal) -> Option<Self> {
        let endpoint = signal.endpoint(s);
        let on = s.enabled_or(asked.unwrap_or(endpoint.present()));
        let headers = headers(s, on.then_some(signal));
        let words = [("gzip", Compression::Gzip), ("none", Compression::None)];
        let compression = s.field("compression").one_of(&words);
        let timeout = s.field("timeoutMs").integer(1..=600_000).map(Duration::from_millis);
        let files = [
            ("caCertificate", "CERTIFICATE"),
            ("clientCertificate", "CLIENT_CERTIFICATE"),
            ("clientKey", "CLIENT_KEY"),
        ];
        let files = files.map(|(key, suffix)| (s.field(key).text(), suffix));
        // What is off is not looked at: the variables may be meant for others.
        if !on {
            return None;
        }
        signal.warn_of_the_protocol(s);
        let files = files.map(|(file, suffix)| file.or_else(|| signal.text(s, suffix)));
        let [ca_certificate, client_certificate, client_key] = files;
        if client_certificate.is_some() != client_key.is_some() {
            s.error("needs clientCertificate and clientKey together");
        }
        Some(Self {
            headers,
            compression: compression.or_else(|| signal.compression(s)).unwrap_or_default(),
            timeout: timeout.or_else(|| signal.timeout(s)).unwrap_or(TIMEOUT),
            ca_certificate,
            client_certificate,
            client_key,
            endpoint: endpoint.parse().unwrap_or_else(match signal {
                OtlpSignal::Traces => Endpoint::local_traces,
                OtlpSignal::Metrics => Endpoint::local_metrics,
                OtlpSignal::Logs => Endpoint::local_logs,
            }),
        })
    }

    /// Sends what the other sends as `Authorization`, if it has none of its own and the host is the same: a token
    /// written for one host is not for another.
    pub(super) fn share_authorization(&mut self, other: &Self) {
        if self.authorization().is_none()
            && self.endpoint.host() == other.endpoint.host()
            && let Some((name, value)) = other.authorization()
        {
            self.headers.insert(name.clone(), value.clone());
        }
    }

    fn authorization(&self) -> Option<(&String, &Secret)> {
        self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(AUTHORIZATION))
    }
}

/// Those of the file, and of the environment of a signal that is on.
fn headers(s: &Section<'_>, on: Option<OtlpSignal>) -> BTreeMap<String, Secret> {
    let mut headers = BTreeMap::<String, Secret>::new();
    for (name, field) in s.entries("headers") {
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            field.error("is not a header name");
            continue;
        }
        if headers.keys().any(|known| known.eq_ignore_ascii_case(name)) {
            field.error("is given twice: header names have no case");
            continue;
        }
        let Some(value) = field.secret() else { continue };
        if http::HeaderValue::from_str(value.expose()).is_err() {
            field.error("has characters that a header cannot have");
            continue;
        }
        headers.insert(name.to_owned(), value);
    }
    let Some(signal) = on else { return headers };
    for (name, value) in signal.headers(s) {
        if !headers.keys().any(|known| known.eq_ignore_ascii_case(&name)) {
            headers.insert(name, value);
        }
    }
    if !headers.keys().any(|name| name.eq_ignore_ascii_case(AUTHORIZATION))
        && let Some(token) = s.variable(AUTH_TOKEN)
    {
        if token.bytes().all(|b| b.is_ascii_graphic()) {
            headers.insert(AUTHORIZATION.to_owned(), Secret::new(format!("Bearer {token}")));
        } else {
            s.error(format!(
                "cannot send {AUTH_TOKEN}: it has characters that a token cannot have; give the token alone, \
                 without Bearer"
            ));
        }
    }
    headers
}
