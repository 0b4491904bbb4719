//! What Jaeger's old clients send: Thrift over HTTP, and datagrams for an agent.
//!
//! [`JaegerReceiver`] is a `tower` service for `POST /api/traces` (14268), which also listens by itself;
//! [`JaegerUdpReceiver`] is the agent: the compact protocol on 6831, the binary one on 6832. A request is answered with
//! success when a [`Holder`](crate::receiver::Holder) has taken all of it. Nobody waits for an answer to a datagram, so
//! what is lost there is counted with its reason: [`DatagramCounts`]. New clients of Jaeger send OTLP.

mod datagram_counts;
mod service;
mod system_drops;
mod udp;

pub use datagram_counts::DatagramCounts;
pub use service::JaegerReceiver;
pub use udp::{DatagramProtocol, JaegerUdpListener, JaegerUdpReceiver};
