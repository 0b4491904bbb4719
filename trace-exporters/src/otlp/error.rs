//! What can be wrong with an OTLP configuration.

use crate::http_client::HttpConfigError;

/// Why an OTLP exporter could not be built. Messages hold no header values, no credentials and no query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpConfigError {
    /// The address, a header, a certificate or the limit of a request cannot be used.
    #[error(transparent)]
    Http(#[from] HttpConfigError),
    /// There would be no request, or more than there are connections for.
    #[error("in_flight must be 1 to 16, got {found}")]
    InFlight {
        /// The value given.
        found: usize,
    },
    /// This build cannot speak gRPC.
    #[error("protocol grpc: build trace-exporters with the feature `otlp-grpc`, or use http/protobuf")]
    GrpcUnavailable,
    /// An address for gRPC names a path or a query, which gRPC has no place for: it is one for HTTP.
    #[error("{field} {shown:?} has a path or a query, and gRPC has its own path; write http://host:4317")]
    GrpcPath {
        /// `endpoint` or `url`.
        field: &'static str,
        /// The URL as far as it can be shown.
        shown: String,
    },
}
