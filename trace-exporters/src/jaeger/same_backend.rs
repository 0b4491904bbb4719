//! Two exporters that write into one backend: every span would be there twice.

use std::fmt;

use http::Uri;

/// The ports of one Jaeger: OTLP, Thrift over HTTP, its own gRPC, and the agent's datagrams. Collectors of OpenTelemetry
/// listen on the same ones.
const PORTS: [u16; 6] = [4317, 4318, 14250, 14268, 6831, 6832];

/// Two configured exporters that seem to write into one backend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// The name of the one.
    pub first: String,
    /// The name of the other.
    pub second: String,
    /// The host that both write to.
    pub host: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exporters {} and {} both write to {}: every span may be stored twice; leave one of them out",
            self.first, self.second, self.host
        )
    }
}

/// Says which exporters write into one backend, each pair once, by name and URL.
///
/// One backend is: one host, and the same port or two ports of Jaeger's. All names and addresses of this machine are one
/// host; names are not looked up. What is no URL is passed over.
///
/// ```
/// use trace_exporters::jaeger::same_backend;
/// let found = same_backend(&[("jaeger", "http://localhost:14268/api/traces"), ("otlp", "http://127.0.0.1:4318")]);
/// assert_eq!(found.len(), 1);
/// ```
pub fn same_backend(exporters: &[(&str, &str)]) -> Vec<Warning> {
    let places: Vec<(&str, Place)> =
        exporters.iter().filter_map(|(name, url)| Some((*name, Place::of(url)?))).collect();
    let mut warnings = Vec::new();
    for (i, (first, a)) in places.iter().enumerate() {
        for (second, b) in &places[i + 1..] {
            let ports = a.port == b.port || (PORTS.contains(&a.port) && PORTS.contains(&b.port));
            if a.host == b.host && ports {
                let (first, second) = ((*first).to_owned(), (*second).to_owned());
                warnings.push(Warning { first, second, host: a.host.clone() });
            }
        }
    }
    warnings
}

struct Place {
    host: String,
    port: u16,
}

impl Place {
    fn of(url: &str) -> Option<Self> {
        let url = if url.trim() == "agent" { "udp://localhost" } else { url.trim() };
        let uri: Uri = url.parse().ok()?;
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let port = match (uri.port_u16(), uri.scheme_str()) {
            (Some(port), _) => port,
            (None, Some("https" | "grpcs")) => 443,
            (None, Some("udp" | "agent")) => 6831,
            (None, _) => 80,
        };
        let here = host == "localhost"
            || host.ends_with(".localhost")
            || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback() || ip.is_unspecified());
        Some(Self { host: if here { "localhost".to_owned() } else { host }, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(exporters: &[(&str, &str)]) -> Vec<(String, String)> {
        same_backend(exporters).into_iter().map(|w| (w.first, w.second)).collect()
    }

    #[test]
    fn ports_of_one_jaeger_are_one_backend() {
        let all = [
            ("a", "http://h:4318"),
            ("b", "http://H:14268/api/traces"),
            ("c", "udp://h"),
            ("d", "http://other:4318"),
            ("e", "http://h:9411"),
        ];
        let expected = [("a", "b"), ("a", "c"), ("b", "c")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(pairs(&all), expected);
    }

    #[test]
    fn this_machine_has_many_names() {
        for other in ["http://127.0.0.1:4317", "http://[::1]:4318/v1/traces", "http://0.0.0.0:14268", "agent"]
        {
            assert_eq!(pairs(&[("a", "http://localhost:4318"), ("b", other)]).len(), 1, "{other}");
        }
    }

    #[test]
    fn different_places_and_what_is_no_url_give_no_warning() {
        let fine =
            [("a", "http://h:4318"), ("b", "http://h:9090"), ("c", ""), ("d", "https://h"), ("e", "x y")];
        assert_eq!(pairs(&fine), []);
        assert_eq!(pairs(&[("a", "https://h/a"), ("b", "https://h:443/b")]).len(), 1);
    }

    #[test]
    fn the_warning_names_both() {
        let warning = &same_backend(&[("jaeger", "http://h:4317"), ("otlp", "http://h:4318")])[0];
        let text = warning.to_string();
        assert!(text.contains("jaeger and otlp both write to h"), "{text}");
    }
}
