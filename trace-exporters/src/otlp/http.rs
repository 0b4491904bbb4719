//! One OTLP request over HTTP, and what its answer means.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Method, StatusCode, Uri};
use trace_core::signal::ExportError;

use super::config::{OtlpConfig, Signal};
use super::error::OtlpConfigError;
use super::payload::Encoding;
use super::reply::{self, Accepted};
use crate::http_client::{Compression, HeaderProvider, HttpClient, Outgoing, show};

pub(super) const AGENT: &str =
    concat!("mplp-trace/", env!("CARGO_PKG_VERSION"), " OTel-OTLP-Exporter-Rust/", env!("CARGO_PKG_VERSION"));

/// A connection pool to one URL.
pub(super) struct HttpTransport {
    client: HttpClient,
    encoding: Encoding,
    compression: Compression,
    uri: Uri,
}

impl HttpTransport {
    pub(super) fn new(
        config: &OtlpConfig,
        signal: Signal,
        encoding: Encoding,
        provider: Option<Arc<dyn HeaderProvider>>,
    ) -> Result<Self, OtlpConfigError> {
        let media_type = match encoding {
            Encoding::Protobuf => "application/x-protobuf",
            Encoding::Json => "application/json",
        };
        let uri = config.request_uri(signal)?;
        let client = HttpClient::new(&uri, &config.headers, &config.tls, config.timeout)?
            .compressing(config.compression)
            .always(USER_AGENT, AGENT)
            .always(CONTENT_TYPE, media_type)
            .provided(provider);
        Ok(Self { client, encoding, compression: config.compression, uri })
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Sends one encoded request.
    ///
    /// Cancel safe: a dropped call closes its connection.
    pub(super) async fn send(&self, body: Bytes) -> Result<Accepted, ExportError> {
        let uri = self.uri.clone();
        let outgoing = Outgoing { method: Method::POST, uri, headers: HeaderMap::new(), body };
        let answer = self.client.send(outgoing).await?;
        match reply::read(answer.status, &answer.headers, &answer.body, SystemTime::now()) {
            Ok(mut accepted) => {
                if answer.oversized {
                    accepted.message = reply::unread(answer.status);
                }
                accepted.message = self.client.scrub(&self.uri, accepted.message);
                Ok(accepted)
            }
            Err(refused) => {
                let mut message = format!("POST {}: {}", show(&self.uri), refused.message);
                if matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE)
                    && let Some(advice) = self.compression.advice()
                {
                    message = format!("{message}; {advice}");
                }
                let message = self.client.scrub(&self.uri, message);
                let error = match (refused.retryable, refused.misconfigured) {
                    (true, _) => ExportError::retryable(message),
                    (false, true) => ExportError::permanent(message).misconfigured(),
                    (false, false) => ExportError::permanent(message),
                };
                Err(error.after(refused.retry_after))
            }
        }
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").field("url", &show(&self.uri)).field("client", &self.client).finish()
    }
}
