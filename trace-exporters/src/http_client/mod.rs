//! What exporters over HTTP share: the address, whom to trust, one request within bounds, and what an answer means.
//!
//! Every destination has a connection pool of its own. Redirects are not followed. Credentials are sent, and never
//! shown: neither in `Debug`, nor in an error, nor if the other side repeats them.

mod answer;
mod check;
mod client;
mod compression;
#[cfg(not(feature = "tls"))]
mod connect;
#[cfg(feature = "tls")]
#[path = "connect_tls.rs"]
mod connect;
mod endpoint;
mod error;
mod headers;
#[cfg(any(feature = "jaeger", feature = "zipkin"))]
mod post;
mod provider;

#[cfg(any(feature = "clickhouse", feature = "jaeger", feature = "remote-write", feature = "zipkin"))]
pub(crate) use answer::permanent;
pub(crate) use answer::{Answer, is_misconfigured, media_type, retry_after};
pub(crate) use check::{check_request, check_request_limit};
#[cfg(feature = "grpc-client")]
pub(crate) use client::no_answer;
pub(crate) use client::{HttpClient, Outgoing};
pub use compression::Compression;
#[cfg(feature = "grpc-client")]
pub(crate) use connect::http2_connector;
pub(crate) use connect::{Connector, connector};
pub(crate) use endpoint::{append, parse};
pub use error::HttpConfigError;
pub use headers::Headers;
#[cfg(any(feature = "jaeger", feature = "zipkin"))]
pub(crate) use post::Post;
pub(crate) use provider::Carried;
pub use provider::{Ask, HeaderProvider};

pub(crate) use crate::connection::show;
pub use crate::connection::{Endpoint, Secret, Timeout, TlsConfig, TlsError};
