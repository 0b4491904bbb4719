//! How requests travel: what is written, and where it goes.

use std::sync::Arc;

use bytes::Bytes;
use trace_core::signal::ExportError;

use super::config::{OtlpConfig, Protocol, Signal};
use super::error::OtlpConfigError;
#[cfg(feature = "otlp-grpc")]
use super::grpc::GrpcTransport;
use super::http::HttpTransport;
use super::payload::Encoding;
use super::reply::Accepted;
use crate::http_client::HeaderProvider;

/// A way to one destination.
#[derive(Debug)]
pub(super) enum Transport {
    Http(HttpTransport),
    #[cfg(feature = "otlp-grpc")]
    Grpc(GrpcTransport),
}

impl Transport {
    /// Connects with the first request.
    pub(super) fn new(
        config: &OtlpConfig,
        signal: Signal,
        provider: Option<Arc<dyn HeaderProvider>>,
    ) -> Result<Self, OtlpConfigError> {
        config.validate()?;
        match config.protocol {
            Protocol::HttpProtobuf => {
                HttpTransport::new(config, signal, Encoding::Protobuf, provider).map(Self::Http)
            }
            Protocol::HttpJson => {
                HttpTransport::new(config, signal, Encoding::Json, provider).map(Self::Http)
            }
            #[cfg(feature = "otlp-grpc")]
            Protocol::Grpc => GrpcTransport::new(config, signal, provider).map(Self::Grpc),
            #[cfg(not(feature = "otlp-grpc"))]
            Protocol::Grpc => Err(OtlpConfigError::GrpcUnavailable),
        }
    }

    pub(super) fn encoding(&self) -> Encoding {
        match self {
            Self::Http(http) => http.encoding(),
            #[cfg(feature = "otlp-grpc")]
            Self::Grpc(_) => Encoding::Protobuf,
        }
    }

    /// The room that is left before a message.
    pub(super) fn prefix(&self) -> &'static [u8] {
        match self {
            Self::Http(_) => &[],
            #[cfg(feature = "otlp-grpc")]
            Self::Grpc(_) => &[0; crate::grpc_client::frame::PREFIX],
        }
    }

    /// Fills the room, once the message is there; `false` if that is too long.
    pub(super) fn finish(&self, out: &mut [u8]) -> bool {
        match self {
            Self::Http(_) => !out.is_empty(),
            #[cfg(feature = "otlp-grpc")]
            Self::Grpc(_) => crate::grpc_client::frame::finish(out, false).is_some(),
        }
    }

    /// Sends one encoded request.
    ///
    /// Cancel safe.
    pub(super) async fn send(&self, body: Bytes) -> Result<Accepted, ExportError> {
        match self {
            Self::Http(http) => http.send(body).await,
            #[cfg(feature = "otlp-grpc")]
            Self::Grpc(grpc) => grpc.send(body).await,
        }
    }
}
