//! The other side of a call: Zipkin's `remoteEndpoint`, and the attributes that it stands for.

use std::net::IpAddr;

use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, Serializer};
use trace_core::batch::SpanRef;
use trace_core::model::{SpanKind, ValueRef};

use super::names;

/// Attributes that name the other side, best first (specification), each with the one that has its port.
const RANKS: [(&str, Option<&str>); 11] = [
    (names::PEER_SERVICE, None),
    ("server.address", None),
    ("net.peer.name", None),
    ("network.peer.address", Some("network.peer.port")),
    ("server.socket.domain", None),
    ("server.socket.address", Some("server.socket.port")),
    ("net.sock.peer.name", None),
    ("net.sock.peer.addr", Some("net.sock.peer.port")),
    ("peer.hostname", None),
    ("peer.address", None),
    ("db.name", None),
];

/// An `Endpoint` to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written<'a> {
    pub(super) service: Option<&'a str>,
    ip: Option<IpAddr>,
    port: Option<u16>,
}

impl<'a> Written<'a> {
    /// The process that recorded.
    pub(super) fn local(service: &'a str) -> Self {
        Self { service: Some(service), ip: None, port: None }
    }

    /// Whom a client or producer called, if its attributes say.
    pub(super) fn remote(span: SpanRef<'a>) -> Option<Self> {
        if !matches!(span.kind(), SpanKind::Client | SpanKind::Producer) {
            return None;
        }
        let text = |key| span.attribute(key).and_then(ValueRef::as_str).filter(|v| !v.is_empty());
        let (found, port) = RANKS.into_iter().find_map(|(key, port)| Some((text(key)?, port)))?;
        let Some(port) = port else { return Some(Self::local(found)) };
        let Ok(ip) = found.parse::<IpAddr>() else { return Some(Self::local(found)) };
        let port = match span.attribute(port) {
            Some(ValueRef::I64(port)) => u16::try_from(port).ok(),
            Some(ValueRef::String(port)) => port.parse().ok(),
            _ => None,
        };
        Some(Self { service: None, ip: Some(ip), port: port.filter(|p| *p > 0) })
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        if let Some(service) = self.service {
            map.serialize_entry("serviceName", service)?;
        }
        match self.ip {
            Some(IpAddr::V4(ip)) => map.serialize_entry("ipv4", &ip)?,
            Some(IpAddr::V6(ip)) => map.serialize_entry("ipv6", &ip)?,
            None => {}
        }
        if let Some(port) = self.port {
            map.serialize_entry("port", &port)?;
        }
        map.end()
    }
}

/// An `Endpoint` as it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Endpoint {
    pub(super) service_name: Option<String>,
    ipv4: Option<String>,
    ipv6: Option<String>,
    port: Option<u16>,
}

impl Endpoint {
    /// The address, the fourth version before the sixth; a text that is none is passed over.
    pub(super) fn ip(&self) -> Option<String> {
        let ip = |text: &Option<String>| text.as_deref()?.parse::<IpAddr>().ok();
        ip(&self.ipv4).or_else(|| ip(&self.ipv6)).map(|ip| ip.to_string())
    }

    pub(super) fn port(&self) -> Option<u16> {
        self.port.filter(|port| *port > 0)
    }
}
