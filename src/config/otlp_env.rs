//! `OTEL_EXPORTER_OTLP_*` of one signal, as far as the file leaves things out.
//!
//! The form with the signal's name wins over the general one. What cannot be used is a warning, and the default stays.

use std::collections::BTreeMap;
use std::time::Duration;

use trace_core::env::parse_resource_attributes;
use trace_exporters::otlp::Protocol;

use super::field::Field;
use super::otlp::Compression;
use super::secret::Secret;
use super::section::Section;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OtlpSignal {
    Traces,
    Metrics,
    Logs,
}

/// The base URL of all signals.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// What is shown of a value.
const SHOWN: usize = 64;

impl OtlpSignal {
    /// Below the base URL, over HTTP.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
            Self::Logs => "/v1/logs",
        }
    }

    /// The endpoint of the file, else that of the signal as it is, else the general one, over HTTP with the signal's path.
    pub(super) fn or_variable(self, file: Field<'_>, protocol: Protocol) -> Field<'_> {
        let below = |base: String| match protocol {
            Protocol::Grpc => base,
            _ => with_path(&base, self.path()),
        };
        file.env(self.own_endpoint()).env_as(ENDPOINT, below)
    }

    fn own_endpoint(self) -> &'static str {
        match self {
            Self::Traces => "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            Self::Metrics => "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            Self::Logs => "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
        }
    }

    /// Whether the environment has an endpoint.
    pub(super) fn has_endpoint(self, s: &Section<'_>) -> bool {
        s.variable(self.own_endpoint()).is_some() || s.variable(ENDPOINT).is_some()
    }

    /// The variable that is set, and its value.
    fn find(self, s: &Section<'_>, suffix: &str) -> Option<(String, String)> {
        let signal = match self {
            Self::Traces => "TRACES_",
            Self::Metrics => "METRICS_",
            Self::Logs => "LOGS_",
        };
        [signal, ""].into_iter().find_map(|signal| {
            let name = format!("OTEL_EXPORTER_OTLP_{signal}{suffix}");
            s.variable(&name).map(|value| (name, value))
        })
    }

    pub(super) fn compression(self, s: &Section<'_>) -> Option<Compression> {
        self.word(s, "COMPRESSION", Compression::NAMES)
    }

    pub(super) fn protocol(
        self,
        s: &Section<'_>,
        words: &[(&str, Protocol)],
        is_built: impl Fn(Protocol) -> bool,
    ) -> Option<Protocol> {
        let built: Vec<_> = words.iter().copied().filter(|(_, p)| is_built(*p)).collect();
        self.word(s, "PROTOCOL", &built)
    }

    pub(super) fn insecure(self, s: &Section<'_>) -> Option<bool> {
        self.word(s, "INSECURE", &[("true", true), ("false", false)])
    }

    fn word<T: Copy>(self, s: &Section<'_>, suffix: &str, words: &[(&str, T)]) -> Option<T> {
        let (name, value) = self.find(s, suffix)?;
        let found = words.iter().find(|(word, _)| value.eq_ignore_ascii_case(word)).map(|(_, v)| *v);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            s.warn_at(&name, format!("{} is none of {}; ignored", shown(&value), known.join(", ")));
        }
        found
    }

    /// [`Duration::MAX`] for 0, which is no limit.
    pub(super) fn timeout(self, s: &Section<'_>) -> Option<Duration> {
        let (name, value) = self.find(s, "TIMEOUT")?;
        match value.parse() {
            Ok(0) => Some(Duration::MAX),
            Ok(ms) => Some(Duration::from_millis(ms)),
            Err(_) => {
                let message =
                    format!("{} is not a whole number of milliseconds; the default stays", shown(&value));
                s.warn_at(&name, message);
                None
            }
        }
    }

    pub(super) fn text(self, s: &Section<'_>, suffix: &str) -> Option<String> {
        self.find(s, suffix).map(|(_, value)| value)
    }

    pub(super) fn headers(self, s: &Section<'_>) -> BTreeMap<String, Secret> {
        let Some((name, value)) = self.find(s, "HEADERS") else { return BTreeMap::new() };
        // The same syntax: `key=value,key=value`, percent-encoded. Problems are told by number, without values.
        let pairs = parse_resource_attributes(&value).unwrap_or_else(|problem| {
            s.warn_at(&name, format!("{problem}; the whole value is ignored"));
            Vec::new()
        });
        let mut headers = BTreeMap::new();
        for pair in pairs {
            let value = pair.value.to_string();
            let valid = http::HeaderName::from_bytes(pair.key.as_bytes()).is_ok()
                && http::HeaderValue::from_str(&value).is_ok();
            if valid {
                headers.insert(pair.key.into_owned(), Secret::new(value));
            } else {
                s.warn_at(&name, "has a header that cannot be sent, which is left out");
            }
        }
        headers
    }
}

/// A path below a base URL.
fn with_path(base: &str, path: &str) -> String {
    match base.split_once('?') {
        Some((front, query)) => format!("{}{path}?{query}", front.trim_end_matches('/')),
        None => format!("{}{path}", base.trim_end_matches('/')),
    }
}

fn shown(value: &str) -> String {
    let cut: String = value.chars().take(SHOWN).collect();
    format!("{cut:?}")
}
