//! What is received from others, and where.

use std::str::FromStr;

use serde::Serialize;

use super::kafka_receiver::KafkaReceiverConfig;
use super::listen::ListenAddress;
use super::receiver_limits::ReceiverLimitsConfig;
use super::section::Section;

/// `receivers`: what is `None` is off, which everything is by default. A receiver is on if its section is there without
/// `enabled: false`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiversConfig {
    /// Spans, metrics and logs in OTLP.
    pub otlp: Option<OtlpReceiverConfig>,
    /// Spans of Jaeger's old clients.
    pub jaeger: Option<JaegerReceiverConfig>,
    /// Spans of Zipkin's clients, at `127.0.0.1:9411` by default.
    pub zipkin: Option<HttpReceiverConfig>,
    /// `prometheusRemoteWrite`: metrics of Prometheus and others, at `127.0.0.1:19291` by default.
    pub prometheus_remote_write: Option<HttpReceiverConfig>,
    /// Spans of a topic.
    pub kafka: Option<KafkaReceiverConfig>,
}

/// `receivers.otlp`: both listeners if neither is named. Each answers gRPC, HTTP/protobuf and HTTP/JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OtlpReceiverConfig {
    /// By default at `127.0.0.1:4317`.
    pub grpc: Option<ListenConfig>,
    /// By default at `127.0.0.1:4318`.
    pub http: Option<ListenConfig>,
    /// `tenantHeader`: the request header that names the tenant. Whoever reaches the port can send it.
    pub tenant_header: Option<String>,
    /// How much is taken.
    pub limits: ReceiverLimitsConfig,
}

/// `receivers.jaeger`: all three listeners if none is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JaegerReceiverConfig {
    /// `thriftHttp`: by default at `127.0.0.1:14268`.
    pub thrift_http: Option<ListenConfig>,
    /// `compactUdp`: by default at `127.0.0.1:6831`.
    pub compact_udp: Option<ListenConfig>,
    /// `binaryUdp`: by default at `127.0.0.1:6832`.
    pub binary_udp: Option<ListenConfig>,
    /// `tenantHeader`: likewise, over HTTP.
    pub tenant_header: Option<String>,
    /// How much is taken; of datagrams the limits by the second.
    pub limits: ReceiverLimitsConfig,
}

/// A receiver with one listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpReceiverConfig {
    /// Where.
    pub listen: ListenAddress,
    /// `tenantHeader`: the request header that names the tenant. Whoever reaches the port can send it.
    pub tenant_header: Option<String>,
    /// How much is taken.
    pub limits: ReceiverLimitsConfig,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListenConfig {
    /// Where.
    pub listen: ListenAddress,
}

impl ReceiversConfig {
    pub(super) fn read(s: &Section<'_>) -> Self {
        Self {
            otlp: s.section("otlp", OtlpReceiverConfig::read),
            jaeger: s.section("jaeger", JaegerReceiverConfig::read),
            zipkin: s.section("zipkin", |s| HttpReceiverConfig::read(s, 9411)),
            prometheus_remote_write: s
                .section("prometheusRemoteWrite", |s| HttpReceiverConfig::read(s, 19291)),
            kafka: s.section("kafka", |s| {
                let kafka = KafkaReceiverConfig::read(s);
                if kafka.is_some() && !cfg!(feature = "kafka") {
                    s.error("cannot be: this program was built without feature kafka");
                }
                kafka
            }),
        }
    }

    /// Every listener that is on: its key and its address.
    pub fn listeners(&self) -> Vec<(&'static str, &ListenAddress)> {
        let otlp = self.otlp.iter().flat_map(|o| [("otlp.grpc", &o.grpc), ("otlp.http", &o.http)]);
        let jaeger = self.jaeger.iter().flat_map(|j| {
            [
                ("jaeger.thriftHttp", &j.thrift_http),
                ("jaeger.compactUdp", &j.compact_udp),
                ("jaeger.binaryUdp", &j.binary_udp),
            ]
        });
        let many = otlp.chain(jaeger).filter_map(|(key, l)| Some((key, &l.as_ref()?.listen)));
        let zipkin = self.zipkin.iter().map(|z| ("zipkin", &z.listen));
        let write = self.prometheus_remote_write.iter().map(|w| ("prometheusRemoteWrite", &w.listen));
        many.chain(zipkin).chain(write).collect()
    }
}

impl OtlpReceiverConfig {
    fn read(s: &Section<'_>) -> Option<Self> {
        let all = !s.has("grpc") && !s.has("http");
        let config = Self {
            grpc: ListenConfig::read(s, "grpc", 4317, all),
            http: ListenConfig::read(s, "http", 4318, all),
            tenant_header: tenant_header(s),
            limits: s.section("limits", ReceiverLimitsConfig::read),
        };
        s.enabled_or(false).then_some(config)
    }
}

impl JaegerReceiverConfig {
    fn read(s: &Section<'_>) -> Option<Self> {
        let all = !s.has("thriftHttp") && !s.has("compactUdp") && !s.has("binaryUdp");
        let config = Self {
            thrift_http: ListenConfig::read(s, "thriftHttp", 14268, all),
            compact_udp: ListenConfig::read(s, "compactUdp", 6831, all),
            binary_udp: ListenConfig::read(s, "binaryUdp", 6832, all),
            tenant_header: tenant_header(s),
            limits: s.section("limits", ReceiverLimitsConfig::read),
        };
        s.enabled_or(false).then_some(config)
    }
}

impl HttpReceiverConfig {
    fn read(s: &Section<'_>, port: u16) -> Option<Self> {
        let config = Self {
            listen: listen(s, port),
            tenant_header: tenant_header(s),
            limits: s.section("limits", ReceiverLimitsConfig::read),
        };
        s.enabled_or(false).then_some(config)
    }
}

impl ListenConfig {
    fn read(s: &Section<'_>, key: &'static str, port: u16, otherwise: bool) -> Option<Self> {
        s.section(key, |s| {
            let listen = listen(s, port);
            s.enabled_or(otherwise).then_some(Self { listen })
        })
    }
}

fn listen(s: &Section<'_>, port: u16) -> ListenAddress {
    s.field("listen").parse().unwrap_or_else(|| ListenAddress::local(port))
}

fn tenant_header(s: &Section<'_>) -> Option<String> {
    s.field("tenantHeader").parse::<HeaderName>().map(|name| name.0)
}

struct HeaderName(String);

impl FromStr for HeaderName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match http::HeaderName::from_bytes(text.as_bytes()) {
            Ok(name) => Ok(Self(name.as_str().to_owned())),
            Err(_) => Err("the name of a header, such as x-tenant"),
        }
    }
}
