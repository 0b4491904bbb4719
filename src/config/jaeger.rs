//! Where Jaeger is.

use serde::Serialize;

use super::endpoint::Endpoint;
use super::otlp::OtlpConfig;
use super::section::Section;

/// `tracing.exporters.jaeger`: Jaeger, spoken to in OTLP over HTTP, which it takes since 1.35.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JaegerConfig {
    /// The URL of its OTLP receiver. `/v1/traces` is added to a URL without a path.
    pub endpoint: Endpoint,
}

const OTLP_HTTP_PORT: u16 = 4318;
const OTLP_GRPC_PORT: u16 = 4317;
const TRACES_PATH: &str = "/v1/traces";
/// The collector's old ports: Thrift over HTTP, and its own gRPC.
const OLD_PORTS: [u16; 2] = [14268, 14250];
/// The path of Thrift over HTTP.
const THRIFT_PATH: &str = "/api/traces";

impl JaegerConfig {
    pub(super) fn read(s: &Section<'_>) -> Option<Self> {
        let field = s.field("endpoint").env("JAEGER_ENDPOINT");
        let on = s.enabled_or(field.present());
        if !on {
            return None;
        }
        let Some(given) = field.parse::<Endpoint>() else {
            return Some(Self { endpoint: Endpoint::local_traces() });
        };
        if OLD_PORTS.contains(&given.port()) || given.path().trim_end_matches('/') == THRIFT_PATH {
            let otlp = given.sibling(OTLP_HTTP_PORT, TRACES_PATH);
            field.error(format!(
                "is Jaeger's old protocol, which is not spoken here: use its OTLP port, {otlp}"
            ));
            return None;
        }
        if given.port() == OTLP_GRPC_PORT {
            let otlp = given.sibling(OTLP_HTTP_PORT, TRACES_PATH);
            s.warn(format!(
                "port {OTLP_GRPC_PORT} is usually OTLP over gRPC, but this is HTTP: consider {otlp}"
            ));
        }
        let endpoint = if given.is_bare() { given.sibling(given.port(), TRACES_PATH) } else { given };
        Some(Self { endpoint })
    }

    /// Leaves Jaeger out if OTLP goes to the same URL, and warns if it goes to the same host and port.
    pub(super) fn unless_twice(self, s: &Section<'_>, otlp: Option<&OtlpConfig>) -> Option<Self> {
        let Some(otlp) = otlp.filter(|otlp| otlp.endpoint.same_listener(&self.endpoint)) else {
            return Some(self);
        };
        if otlp.endpoint.same_target(&self.endpoint) {
            s.warn("jaeger is off: otlp has the same endpoint, and every span would arrive twice");
            return None;
        }
        s.warn("otlp and jaeger have the same host and port: if it is one backend, every span arrives there twice");
        Some(self)
    }
}
