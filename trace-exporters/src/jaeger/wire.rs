//! Which of Jaeger's ways an endpoint means.

use http::Uri;
use serde::Deserialize;

use super::error::JaegerConfigError;
use crate::http_client::{parse, show};

/// The port that an agent listens on for datagrams in the compact protocol.
const AGENT_PORT: u16 = 6831;
/// The port that a collector listens on for Thrift over HTTP.
const COLLECTOR_PORT: u16 = 14268;
/// The port that Jaeger listens on for OTLP over gRPC.
const GRPC_PORT: u16 = 4317;
/// The path of Thrift over HTTP.
const COLLECTOR_PATH: &str = "/api/traces";

/// How spans travel to Jaeger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Protocol {
    /// As the endpoint says: `udp://` and `agent` mean datagrams, port 14268 and the path `/api/traces` mean Thrift over
    /// HTTP, port 4317 and `grpc://` mean OTLP over gRPC, everything else means OTLP over HTTP.
    #[default]
    Auto,
    /// OTLP over HTTP with protobuf bodies.
    #[serde(alias = "otlp-http", alias = "http/protobuf")]
    Otlp,
    /// OTLP over gRPC.
    #[serde(alias = "grpc")]
    OtlpGrpc,
    /// Thrift's binary protocol over HTTP.
    #[serde(alias = "thrift_http")]
    ThriftHttp,
    /// Thrift's compact protocol in UDP datagrams.
    #[serde(alias = "thrift-udp", alias = "agent")]
    Udp,
}

/// An endpoint, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// The URL that requests go to.
    OtlpHttp(Uri),
    /// The URL of the receiver, without a path.
    OtlpGrpc(String),
    ThriftHttp(Uri),
    Udp {
        host: String,
        port: u16,
    },
}

impl Wire {
    /// # Errors
    /// If the endpoint is no address of the protocol that it means, or that was asked for.
    pub(super) fn of(endpoint: &str, protocol: Protocol) -> Result<Self, JaegerConfigError> {
        let endpoint = endpoint.trim();
        match protocol {
            Protocol::Auto => Self::by_endpoint(endpoint),
            Protocol::Otlp => Ok(Self::OtlpHttp(below(&parse("endpoint", endpoint)?, "/v1/traces"))),
            Protocol::OtlpGrpc => Ok(Self::OtlpGrpc(as_http(endpoint))),
            Protocol::ThriftHttp => Ok(Self::ThriftHttp(thrift(&parse("endpoint", endpoint)?))),
            Protocol::Udp => agent(endpoint),
        }
    }

    fn by_endpoint(endpoint: &str) -> Result<Self, JaegerConfigError> {
        if endpoint == "agent" || endpoint.starts_with("udp://") || endpoint.starts_with("agent://") {
            return agent(endpoint);
        }
        if endpoint.starts_with("grpc://") || endpoint.starts_with("grpcs://") {
            return Ok(Self::OtlpGrpc(as_http(endpoint)));
        }
        let uri = parse("endpoint", endpoint)?;
        let path = uri.path().trim_end_matches('/');
        if path.ends_with("/v1/traces") {
            return Ok(Self::OtlpHttp(uri));
        }
        if path.ends_with(COLLECTOR_PATH) || uri.port_u16() == Some(COLLECTOR_PORT) {
            return Ok(Self::ThriftHttp(thrift(&uri)));
        }
        if uri.port_u16() == Some(GRPC_PORT) && path.is_empty() {
            return Ok(Self::OtlpGrpc(endpoint.to_owned()));
        }
        Ok(Self::OtlpHttp(below(&uri, "/v1/traces")))
    }

    /// The name of the protocol, for people.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::OtlpHttp(_) => "OTLP over HTTP",
            Self::OtlpGrpc(_) => "OTLP over gRPC",
            Self::ThriftHttp(_) => "Thrift over HTTP",
            Self::Udp { .. } => "Thrift in UDP datagrams",
        }
    }
}

/// `host:port`, `udp://host:port`, `agent`; without a port it is the agent's.
fn agent(endpoint: &str) -> Result<Wire, JaegerConfigError> {
    let fail = |reason| JaegerConfigError::Agent { shown: show(endpoint), reason };
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest).trim_end_matches('/');
    if matches!(rest, "agent" | "") {
        return Ok(Wire::Udp { host: "localhost".to_owned(), port: AGENT_PORT });
    }
    let authority: http::uri::Authority =
        rest.parse().map_err(|_| fail("is not an agent's address; write udp://host:6831"))?;
    if rest.contains('@') {
        return Err(fail("holds credentials, which datagrams cannot carry"));
    }
    // A port that is none reads as absent.
    let has_port = authority.as_str().rsplit_once(':').is_some_and(|(_, p)| !p.ends_with(']'));
    let port = match authority.port_u16() {
        Some(port) if port > 0 => port,
        None if !has_port => AGENT_PORT,
        _ => return Err(fail("has a port that is none; write udp://host:6831")),
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(Wire::Udp { host, port })
}

fn as_http(endpoint: &str) -> String {
    match endpoint.split_once("://") {
        Some(("grpc", rest)) => format!("http://{rest}"),
        Some(("grpcs", rest)) => format!("https://{rest}"),
        _ => endpoint.to_owned(),
    }
}

/// The path of Thrift over HTTP, and the format that the first collectors want to be told.
fn thrift(uri: &Uri) -> Uri {
    let uri = below(uri, COLLECTOR_PATH);
    if uri.query().is_some_and(|q| q.split('&').any(|p| p.starts_with("format="))) {
        return uri;
    }
    let query = uri.query().map(|q| format!("{q}&")).unwrap_or_default();
    with_path(&uri, &format!("{}?{query}format=jaeger.thrift", uri.path()))
}

/// The URL with this path behind its own, unless that already ends so.
fn below(uri: &Uri, path: &str) -> Uri {
    let base = uri.path().trim_end_matches('/');
    if base.ends_with(path) {
        return uri.clone();
    }
    let query = uri.query().map(|q| format!("?{q}")).unwrap_or_default();
    with_path(uri, &format!("{base}{path}{query}"))
}

fn with_path(uri: &Uri, path_and_query: &str) -> Uri {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = path_and_query.parse().ok();
    // What is added is plain ASCII, so the URL stays one.
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(endpoint: &str) -> String {
        match Wire::of(endpoint, Protocol::Auto) {
            Ok(Wire::OtlpHttp(uri)) => format!("otlp {uri}"),
            Ok(Wire::OtlpGrpc(uri)) => format!("grpc {uri}"),
            Ok(Wire::ThriftHttp(uri)) => format!("thrift {uri}"),
            Ok(Wire::Udp { host, port }) => format!("udp {host} {port}"),
            Err(error) => format!("error {error}"),
        }
    }

    #[test]
    fn the_endpoint_chooses_the_protocol() {
        for (endpoint, wire) in [
            ("http://h:4318", "otlp http://h:4318/v1/traces"),
            ("http://h:4318/v1/traces", "otlp http://h:4318/v1/traces"),
            ("http://h/jaeger/?x=1", "otlp http://h/jaeger/v1/traces?x=1"),
            ("http://h:14268/v1/traces", "otlp http://h:14268/v1/traces"),
            ("http://h:4317", "grpc http://h:4317"),
            ("grpc://h:9", "grpc http://h:9"),
            ("http://h:4317/v1/traces", "otlp http://h:4317/v1/traces"),
            ("http://h:14268", "thrift http://h:14268/api/traces?format=jaeger.thrift"),
            ("http://h:14268/api/traces", "thrift http://h:14268/api/traces?format=jaeger.thrift"),
            ("http://h/x/api/traces/?a=b", "thrift http://h/x/api/traces/?a=b&format=jaeger.thrift"),
            ("http://h/api/traces?format=jaeger.thrift", "thrift http://h/api/traces?format=jaeger.thrift"),
            ("udp://h:6831", "udp h 6831"),
            ("udp://h", "udp h 6831"),
            ("agent", "udp localhost 6831"),
            ("agent://h:7", "udp h 7"),
            ("udp://[::1]:7", "udp ::1 7"),
            ("udp://[::1]", "udp ::1 6831"),
        ] {
            assert_eq!(told(endpoint), wire, "{endpoint}");
        }
    }

    #[test]
    fn what_was_asked_for_wins_over_the_endpoint() {
        let of = |endpoint, protocol| Wire::of(endpoint, protocol).unwrap();
        let thrift = of("http://h/collect", Protocol::ThriftHttp);
        assert!(matches!(thrift, Wire::ThriftHttp(u) if u.path() == "/collect/api/traces"));
        assert!(
            matches!(of("http://h:14268", Protocol::Otlp), Wire::OtlpHttp(u) if u.path() == "/v1/traces")
        );
        assert_eq!(of("h:1", Protocol::Udp), Wire::Udp { host: "h".into(), port: 1 });
    }

    #[test]
    fn an_address_that_is_none_is_named_without_its_secrets() {
        for bad in ["udp://h:0", "udp://h:99999", "udp://u:hunter2@h:1", "udp://a b", "ftp://h", "h:4318", ""]
        {
            let text = told(bad);
            assert!(text.starts_with("error endpoint") && !text.contains("hunter2"), "{bad}: {text}");
        }
    }
}
