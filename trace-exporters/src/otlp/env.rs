//! The environment variables `OTEL_EXPORTER_OTLP_*`.
//!
//! Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter" and "Environment Variable
//! Specification": an empty variable is an unset one, the form with the signal's name wins, a value that cannot
//! be read is reported and ignored.

use std::borrow::Cow;

use super::config::{OtlpConfig, Protocol, Signal};
use crate::http_client::{Compression, Headers, Timeout};

/// A configuration read from the environment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FromEnv {
    /// What was read, over the defaults.
    pub config: OtlpConfig,
    /// What could not be read and was ignored: name of the variable and reason, never its value.
    pub warnings: Vec<String>,
}

impl OtlpConfig {
    /// Reads `OTEL_EXPORTER_OTLP_[TRACES_|METRICS_|LOGS_]{ENDPOINT,HEADERS,COMPRESSION,TIMEOUT,CERTIFICATE,CLIENT_CERTIFICATE,
    /// CLIENT_KEY,PROTOCOL,INSECURE}`.
    ///
    /// `lookup` returns the value of a variable; in a program it is `|name| std::env::var(name).ok()`.
    ///
    /// ```
    /// use trace_exporters::otlp::{OtlpConfig, Signal};
    /// let read = OtlpConfig::from_env(Signal::Traces, |name| std::env::var(name).ok());
    /// for warning in &read.warnings {
    ///     eprintln!("{warning}");
    /// }
    /// ```
    pub fn from_env(signal: Signal, lookup: impl Fn(&str) -> Option<String>) -> FromEnv {
        let mut env = Reader { signal, lookup, warnings: Vec::new() };
        let mut config = Self::default();

        if let Some((name, value)) = env.find("ENDPOINT") {
            if name.contains(signal_name(signal)) {
                config.url = Some(value.into());
            } else {
                config.endpoint = Some(value.into());
            }
        }
        if let Some((name, value)) = env.find("HEADERS") {
            config.headers = env.headers(&name, &value);
        }
        if let Some((name, value)) = env.find("COMPRESSION") {
            match value.to_ascii_lowercase().as_str() {
                "gzip" => config.compression = Compression::Gzip,
                "none" => config.compression = Compression::None,
                #[cfg(feature = "zstd")]
                "zstd" => config.compression = Compression::Zstd,
                _ => env.warn(&name, "is neither gzip nor none"),
            }
        }
        if let Some((name, value)) = env.find("TIMEOUT") {
            match value.parse() {
                Ok(ms) => config.timeout = Timeout::from_millis(ms),
                Err(_) => env.warn(&name, "is not a whole number of milliseconds"),
            }
        }
        if let Some((_, value)) = env.find("CERTIFICATE") {
            config.tls.ca_certificate = Some(value.into());
        }
        if let Some((_, value)) = env.find("CLIENT_CERTIFICATE") {
            config.tls.client_certificate = Some(value.into());
        }
        if let Some((_, value)) = env.find("CLIENT_KEY") {
            config.tls.client_key = Some(value.into());
        }
        if let Some((name, value)) = env.find("PROTOCOL") {
            let known = [Protocol::HttpProtobuf, Protocol::HttpJson, Protocol::Grpc];
            match known.into_iter().find(|p| value.eq_ignore_ascii_case(p.name())) {
                Some(Protocol::Grpc) if !cfg!(feature = "otlp-grpc") => {
                    env.warn(&name, "is grpc, which this build lacks (feature `otlp-grpc`)");
                }
                Some(protocol) => config.protocol = protocol,
                None => env.warn(&name, "is none of grpc, http/protobuf and http/json"),
            }
        }
        if let Some((name, value)) = env.find("INSECURE") {
            config.insecure = value.eq_ignore_ascii_case("true");
            if !config.insecure && !value.eq_ignore_ascii_case("false") {
                env.warn(&name, "is neither true nor false");
            }
        }
        FromEnv { config, warnings: env.warnings }
    }
}

fn signal_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "TRACES_",
        Signal::Metrics => "METRICS_",
        Signal::Logs => "LOGS_",
    }
}

struct Reader<F> {
    signal: Signal,
    lookup: F,
    warnings: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    /// The variable that is set, and its value without outer blanks.
    fn find(&self, suffix: &str) -> Option<(String, String)> {
        [signal_name(self.signal), ""].into_iter().find_map(|signal| {
            let name = format!("OTEL_EXPORTER_OTLP_{signal}{suffix}");
            let value = (self.lookup)(&name)?.trim().to_owned();
            (!value.is_empty()).then_some((name, value))
        })
    }

    fn warn(&mut self, name: &str, reason: &str) {
        self.warnings.push(format!("{name} {reason}; ignored"));
    }

    /// `k=v,k2=v2` with percent-encoded values (W3C Baggage without metadata).
    fn headers(&mut self, name: &str, list: &str) -> Headers {
        let mut headers = Headers::default();
        for (i, member) in list.split(',').enumerate().filter(|(_, m)| !m.trim().is_empty()) {
            let pair = member.split_once('=').map(|(k, v)| (k.trim(), percent_decode(v.trim())));
            match pair {
                Some((key, Some(value))) if !key.is_empty() => headers.set(key, value),
                _ => self.warn(name, &format!("has no key=value as entry {}", i + 1)),
            }
        }
        headers
    }
}

/// `None` if the result is not UTF-8. A percent sign without two hex digits stays as it is.
fn percent_decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(text.into());
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = bytes.get(i + 1..i + 3).filter(|h| h.iter().all(u8::is_ascii_hexdigit));
        let byte = hex.and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u8::from_str_radix(h, 16).ok());
        match (bytes[i], byte) {
            (b'%', Some(b)) => {
                out.push(b);
                i += 3;
            }
            (b, _) => {
                out.push(b);
                i += 1;
            }
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(signal: Signal, vars: &[(&str, &str)]) -> FromEnv {
        OtlpConfig::from_env(signal, |name| {
            let name = name.strip_prefix("OTEL_EXPORTER_OTLP_")?;
            vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        })
    }

    fn sent(config: &OtlpConfig) -> Vec<(&str, &str)> {
        config.headers.iter().map(|(n, v)| (n, v.expose())).collect()
    }

    #[test]
    fn without_variables_the_defaults_hold() {
        let read = read(Signal::Traces, &[("ENDPOINT", ""), ("TIMEOUT", " ")]);
        assert_eq!(read.config, OtlpConfig::default());
        assert!(read.warnings.is_empty());
    }

    #[test]
    fn a_base_endpoint_gets_a_path_and_that_of_a_signal_does_not() {
        let vars = [("ENDPOINT", "http://base/p"), ("TRACES_ENDPOINT", "http://traces")];
        let uri = |signal| read(signal, &vars).config.request_uri(signal).unwrap().to_string();
        assert_eq!(uri(Signal::Traces), "http://traces/");
        assert_eq!(uri(Signal::Metrics), "http://base/p/v1/metrics");
    }

    #[test]
    fn the_form_of_the_signal_wins_over_the_general_one() {
        let vars = [
            ("HEADERS", "a=1"),
            ("METRICS_HEADERS", "b=2"),
            ("COMPRESSION", "GZIP"),
            ("METRICS_COMPRESSION", "none"),
            ("TIMEOUT", "1"),
            ("METRICS_TIMEOUT", "0"),
        ];
        let metrics = read(Signal::Metrics, &vars).config;
        assert_eq!(sent(&metrics), [("b", "2")]);
        assert_eq!((metrics.compression, metrics.timeout), (Compression::None, Timeout::NONE));
        let traces = read(Signal::Traces, &vars).config;
        assert_eq!(sent(&traces), [("a", "1")]);
        assert_eq!((traces.compression, traces.timeout), (Compression::Gzip, 1.into()));
    }

    #[test]
    fn headers_are_percent_decoded_and_a_bad_entry_is_reported_without_its_value() {
        let read = read(
            Signal::Traces,
            &[("HEADERS", " authorization = Basic%20aGk%3D , hunter2,x=a=b,,=hunter2,bad=%FF, pct=100%")],
        );
        assert_eq!(sent(&read.config), [("authorization", "Basic aGk="), ("x", "a=b"), ("pct", "100%")]);
        assert_eq!(read.warnings.len(), 3, "{:?}", read.warnings);
        assert!(!read.warnings.concat().contains("hunter2"));
        assert!(
            read.warnings[0].contains("OTEL_EXPORTER_OTLP_HEADERS") && read.warnings[0].contains("entry 2")
        );
    }

    #[test]
    fn values_that_cannot_be_read_are_reported_and_ignored() {
        let read = read(
            Signal::Traces,
            &[
                ("COMPRESSION", "brotli"),
                ("TIMEOUT", "-1"),
                ("PROTOCOL", "smoke/signals"),
                ("CERTIFICATE", "/ca.pem"),
                ("CLIENT_CERTIFICATE", "/client.pem"),
                ("TRACES_CLIENT_KEY", "/key.pem"),
            ],
        );
        assert_eq!(read.config.timeout, Timeout::from_millis(10_000));
        assert_eq!(read.config.tls.ca_certificate.as_deref(), Some("/ca.pem".as_ref()));
        assert_eq!(read.config.tls.client_certificate.as_deref(), Some("/client.pem".as_ref()));
        assert_eq!(read.config.tls.client_key.as_deref(), Some("/key.pem".as_ref()));
        assert_eq!(read.warnings.len(), 3, "{:?}", read.warnings);
    }

    #[test]
    fn protocol_and_security_are_read_by_signal() {
        let vars = [("PROTOCOL", "HTTP/JSON"), ("METRICS_PROTOCOL", "http/protobuf"), ("INSECURE", "True")];
        let traces = read(Signal::Traces, &vars);
        assert_eq!((traces.config.protocol, traces.config.insecure), (Protocol::HttpJson, true));
        assert_eq!(read(Signal::Metrics, &vars).config.protocol, Protocol::HttpProtobuf);
        assert!(traces.warnings.is_empty());
        let odd = read(Signal::Traces, &[("INSECURE", "1")]);
        assert!(!odd.config.insecure && odd.warnings[0].contains("neither true nor false"));
        let grpc = read(Signal::Traces, &[("TRACES_PROTOCOL", "grpc"), ("TRACES_ENDPOINT", "http://h:4317")]);
        match cfg!(feature = "otlp-grpc") {
            true => assert!(grpc.config.validate().is_ok() && grpc.config.protocol == Protocol::Grpc),
            false => assert!(grpc.warnings[0].contains("otlp-grpc"), "{:?}", grpc.warnings),
        }
    }

    proptest! {
        #[test]
        fn any_header_list_is_read_without_panic_or_leak(list in "\\PC{0,60}|[%a-f0-9=,]{0,40}") {
            let read = read(Signal::Traces, &[("HEADERS", &list)]);
            prop_assert!(read.config.headers.names().all(|n| !n.is_empty()));
        }

        #[test]
        fn what_was_percent_encoded_comes_back(value in "\\PC{0,30}") {
            let encoded: String = value.bytes().map(|b| format!("%{b:02x}")).collect();
            let decoded = percent_decode(&encoded);
            prop_assert_eq!(decoded.as_deref(), Some(value.as_str()));
        }
    }
}
