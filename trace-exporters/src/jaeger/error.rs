//! What can be wrong with where Jaeger is.

use crate::http_client::HttpConfigError;
use crate::otlp::OtlpConfigError;

/// A configuration that cannot work. Messages hold no header values, no credentials and no query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JaegerConfigError {
    /// The address, headers, certificates or the limit of a request.
    #[error(transparent)]
    Http(#[from] HttpConfigError),
    /// What OTLP needs besides.
    #[error(transparent)]
    Otlp(#[from] OtlpConfigError),
    /// The address of an agent cannot be used.
    #[error("endpoint {shown:?} {reason}")]
    Agent {
        /// The endpoint as far as it can be shown.
        shown: String,
        /// What is wrong and what to write instead.
        reason: &'static str,
    },
    /// A limit is too small for any span, or too large for a datagram.
    #[error("max_packet_bytes is {found}: from 1024 to 65507, the most that fits into a datagram")]
    PacketLimit {
        /// What was configured.
        found: usize,
    },
    /// The endpoint means OTLP over gRPC, which needs a feature.
    #[error(
        "endpoint {shown:?} means OTLP over gRPC, which this build lacks (feature `otlp-grpc`): use port 4318 for OTLP \
         over HTTP"
    )]
    Grpc {
        /// The endpoint as far as it can be shown.
        shown: String,
    },
}
