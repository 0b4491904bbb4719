//! One OTLP request over HTTP, and what its answer means.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Method, Uri};
use trace_core::signal::ExportError;

use super::config::{OtlpConfig, Signal};
use super::error::OtlpConfigError;
use super::reply::{self, Accepted};
use crate::http_client::{HttpClient, Outgoing, show};

const AGENT: &str =
    concat!("mplp-trace/", env!("CARGO_PKG_VERSION"), " OTel-OTLP-Exporter-Rust/", env!("CARGO_PKG_VERSION"));

/// A connection pool to one URL.
pub(super) struct Transport {
    client: HttpClient,
    uri: Uri,
}

impl Transport {
    pub(super) fn new(config: &OtlpConfig, signal: Signal) -> Result<Self, OtlpConfigError> {
        config.validate()?;
        let uri = config.request_uri(signal)?;
        let client = HttpClient::new(&uri, &config.headers, &config.tls(), config.attempt_limit())?
            .compressing(config.compression)
            .always(USER_AGENT, AGENT)
            .always(CONTENT_TYPE, "application/x-protobuf");
        Ok(Self { client, uri })
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
                accepted.message = self.client.scrub(&self.uri, accepted.message);
                Ok(accepted)
            }
            Err(refused) => {
                let message = format!("POST {}: {}", show(&self.uri.to_string()), refused.message);
                let message = self.client.scrub(&self.uri, message);
                let error = match refused.retryable {
                    true => ExportError::retryable(message),
                    false => ExportError::permanent(message),
                };
                Err(match refused.retry_after {
                    Some(wait) => error.after(wait),
                    None => error,
                })
            }
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("url", &show(&self.uri.to_string()))
            .field("client", &self.client)
            .finish()
    }
}
