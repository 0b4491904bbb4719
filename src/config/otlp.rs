//! Destinations that take OTLP over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::endpoint::Endpoint;
use super::secret::Secret;
use super::section::Section;

/// Where and how OTLP over HTTP is sent: `exporters.otlp` of traces and metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OtlpConfig {
    /// The URL, used as it is.
    pub endpoint: Endpoint,
    /// Headers of every request, by name as written. If none is `Authorization` and `OTEL_AUTH_TOKEN` is set, that
    /// one is `Bearer` and the token.
    pub headers: BTreeMap<String, Secret>,
    /// How the body is packed; gzip by default.
    pub compression: Compression,
    /// `timeoutMs`: how long one export may take, retries included; 10 s by default.
    #[serde(rename = "timeoutMs", serialize_with = "super::duration::as_ms")]
    pub timeout: Duration,
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
        Self { endpoint, headers: BTreeMap::new(), compression: Compression::default(), timeout: TIMEOUT }
    }

    /// Reads the keys that traces and metrics share. `None` if the destination is off: if the file does not decide, and
    /// neither `asked` does, it is on if its variable has an endpoint.
    pub(super) fn read(
        s: &Section<'_>,
        asked: Option<bool>,
        endpoint_env: &'static str,
        default: fn() -> Endpoint,
    ) -> Option<Self> {
        let endpoint = s.field("endpoint").env(endpoint_env);
        let on = s.enabled_or(asked.unwrap_or(endpoint.present()));
        let headers = headers(s, on);
        let config = Self {
            headers,
            compression: s
                .field("compression")
                .one_of(&[("gzip", Compression::Gzip), ("none", Compression::None)])
                .unwrap_or_default(),
            timeout: s.field("timeoutMs").integer(1..=600_000).map_or(TIMEOUT, Duration::from_millis),
            // What is off is not looked at: the variable may be meant for others.
            endpoint: if on { endpoint.parse() } else { None }.unwrap_or_else(default),
        };
        on.then_some(config)
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

fn headers(s: &Section<'_>, on: bool) -> BTreeMap<String, Secret> {
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
    if on
        && !headers.keys().any(|name| name.eq_ignore_ascii_case(AUTHORIZATION))
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
