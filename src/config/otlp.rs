//! Destinations that take OTLP.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};
use trace_exporters::otlp::Protocol;

use super::endpoint::{Endpoint, GrpcAddress};
use super::otlp_env::OtlpSignal;
use super::secret::Secret;
use super::section::Section;

/// Where and how OTLP is sent: `exporters.otlp` of traces and metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OtlpConfig {
    /// `http/protobuf`, `http/json` or `grpc`. Else `OTEL_EXPORTER_OTLP_PROTOCOL`, else `http/protobuf`.
    #[serde(serialize_with = "name")]
    pub protocol: Protocol,
    /// The URL. Over HTTP one without a path gets that of the signal, such as `/v1/traces`; for gRPC it has none, and may lack
    /// its scheme. Else that of the signal's variable as it is, else `OTEL_EXPORTER_OTLP_ENDPOINT` and the signal's path;
    /// else this machine, at port 4318, or 4317 for gRPC.
    pub endpoint: Endpoint,
    /// Headers of every request, by name as written; those of `OTEL_EXPORTER_OTLP_HEADERS` that the file does not have are
    /// added. If none is `Authorization` and `OTEL_AUTH_TOKEN` is set, that one is `Bearer` and the token.
    pub headers: BTreeMap<String, Secret>,
    /// How bodies are packed. Else `OTEL_EXPORTER_OTLP_COMPRESSION`, else gzip.
    pub compression: Compression,
    /// `timeoutMs`: how long one attempt may take. Else `OTEL_EXPORTER_OTLP_TIMEOUT`, where 0 is without
    /// limit ([`Duration::MAX`]); else 10 s.
    #[serde(rename = "timeoutMs", serialize_with = "limit")]
    pub timeout: Duration,
    /// `tls.caCertificate`, or `caCertificate`: a PEM file with the only certificates to trust, instead of the system's. Else
    /// `OTEL_EXPORTER_OTLP_CERTIFICATE`.
    pub ca_certificate: Option<String>,
    /// `tls.clientCertificate`, or `clientCertificate`: a PEM file with the certificate that is shown to the server. Else
    /// `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`.
    pub client_certificate: Option<String>,
    /// `tls.clientKey`, or `clientKey`: a PEM file with its private key. Else `OTEL_EXPORTER_OTLP_CLIENT_KEY`.
    pub client_key: Option<String>,
    /// `maxRequestBytes`: a batch that is larger before compression is split; 64 MiB by default.
    pub max_request_bytes: Option<usize>,
    /// `maxRequestRecords`: a batch with more spans or points is split; without limit by default.
    pub max_request_records: Option<usize>,
    /// `inFlight`: how many requests of a batch that was split are under way at once, 1 to 16; 4 by default.
    pub in_flight: Option<usize>,
}

fn name<S: Serializer>(protocol: &Protocol, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(protocol.name())
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
    /// zstd, at receivers that take it.
    #[cfg(feature = "zstd")]
    Zstd,
    /// Not at all.
    None,
}

impl Compression {
    pub(super) const NAMES: &[(&str, Self)] = &[
        ("gzip", Self::Gzip),
        #[cfg(feature = "zstd")]
        ("zstd", Self::Zstd),
        ("none", Self::None),
    ];
}

/// Where receivers listen (OTLP specification).
const HTTP_PORT: u16 = 4318;
const GRPC_PORT: u16 = 4317;

/// The OpenTelemetry default of `OTEL_EXPORTER_OTLP_TIMEOUT`.
const TIMEOUT: Duration = Duration::from_secs(10);

const AUTHORIZATION: &str = "Authorization";
const AUTH_TOKEN: &str = "OTEL_AUTH_TOKEN";

/// The words of the specification.
const PROTOCOLS: [(&str, Protocol); 3] =
    [("http/protobuf", Protocol::HttpProtobuf), ("http/json", Protocol::HttpJson), ("grpc", Protocol::Grpc)];

/// Whether this build speaks it.
fn is_built(protocol: Protocol) -> bool {
    protocol != Protocol::Grpc || cfg!(feature = "grpc")
}

impl OtlpConfig {
    /// A destination with the defaults: protobuf over HTTP.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            protocol: Protocol::HttpProtobuf,
            endpoint,
            headers: BTreeMap::new(),
            compression: Compression::default(),
            timeout: TIMEOUT,
            ca_certificate: None,
            client_certificate: None,
            client_key: None,
            max_request_bytes: None,
            max_request_records: None,
            in_flight: None,
        }
    }

    /// Reads the keys that traces and metrics share; what the file leaves out comes from the environment.
    pub(super) fn read(s: &Section<'_>, signal: OtlpSignal) -> Self {
        Self::read_with(s, signal, true)
    }

    /// The same of a destination with a name of its own: the variables are for the other.
    pub(super) fn read_named(s: &Section<'_>, signal: OtlpSignal) -> Self {
        Self::read_with(s, signal, false)
    }

    fn read_with(s: &Section<'_>, signal: OtlpSignal, variables: bool) -> Self {
        let env = |read: &dyn Fn() -> Option<String>| if variables { read() } else { None };
        let given = s.field("protocol");
        let protocol = given.one_of(&PROTOCOLS);
        if protocol.is_some_and(|p| !is_built(p)) {
            given.error(
                "is grpc, and this program was built without feature grpc; allowed: http/protobuf, http/json",
            );
        }
        let other = || if variables { signal.protocol(s, &PROTOCOLS, is_built) } else { None };
        let protocol = protocol.or_else(other).unwrap_or_default();
        let insecure = s.field("insecure").flag();
        let insecure =
            insecure.or_else(|| if variables { signal.insecure(s) } else { None }).unwrap_or(false);
        let endpoint = endpoint(s, signal, variables, protocol, insecure);
        let headers = headers(s, variables.then_some(signal));
        let compression = s.field("compression").one_of(Compression::NAMES);
        let timeout = s.field("timeoutMs").integer(1..=600_000).map(Duration::from_millis);
        let files = [
            ("caCertificate", "CERTIFICATE"),
            ("clientCertificate", "CLIENT_CERTIFICATE"),
            ("clientKey", "CLIENT_KEY"),
        ];
        // As the other destinations have them, or beside the rest.
        let tls = s.section("tls", |s| files.map(|(key, _)| s.field(key).text()));
        let beside = files.map(|(key, suffix)| (s.field(key).text(), suffix));
        let [a, b, c] = tls;
        let [x, y, z] = beside;
        let files = [(a.or(x.0), x.1), (b.or(y.0), y.1), (c.or(z.0), z.1)];
        let files = files.map(|(file, suffix)| file.or_else(|| env(&|| signal.text(s, suffix))));
        let [ca_certificate, client_certificate, client_key] = files;
        if client_certificate.is_some() != client_key.is_some() {
            s.error("needs clientCertificate and clientKey together");
        }
        let compression = compression.or_else(|| if variables { signal.compression(s) } else { None });
        let timeout = timeout.or_else(|| if variables { signal.timeout(s) } else { None });
        let size = |key, least, most| {
            s.field(key).integer(least..=most).map(|n| usize::try_from(n).unwrap_or(usize::MAX))
        };
        Self {
            protocol,
            endpoint,
            headers,
            compression: compression.unwrap_or_default(),
            timeout: timeout.unwrap_or(TIMEOUT),
            ca_certificate,
            client_certificate,
            client_key,
            max_request_bytes: size("maxRequestBytes", 1024, 1 << 30),
            max_request_records: size("maxRequestRecords", 1, 10_000_000),
            in_flight: size("inFlight", 1, 16),
        }
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

/// The URL of requests; for gRPC that of the receiver.
fn endpoint(
    s: &Section<'_>,
    signal: OtlpSignal,
    variables: bool,
    protocol: Protocol,
    insecure: bool,
) -> Endpoint {
    let file = s.field("endpoint");
    let from_file = file.given();
    let given = if variables { signal.or_variable(file, protocol) } else { file };
    if protocol == Protocol::Grpc {
        let address = given.parse::<GrpcAddress>().map(|address| address.endpoint(insecure));
        return address.unwrap_or_else(|| Endpoint::local(GRPC_PORT, ""));
    }
    let path = signal.path();
    match given.parse::<Endpoint>() {
        Some(url) if from_file && url.is_bare() => url.sibling(url.port(), path),
        Some(url) => url,
        None => Endpoint::local(HTTP_PORT, path),
    }
}

/// Those of the file, and of the environment of a signal.
fn headers(s: &Section<'_>, signal: Option<OtlpSignal>) -> BTreeMap<String, Secret> {
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
    let Some(signal) = signal else { return headers };
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
