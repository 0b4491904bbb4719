//! Connections in the clear.

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;

use super::{HttpConfigError, TlsConfig};

pub(crate) type Connector = HttpConnector;

/// The URL is `http`: addresses with `https` are refused in builds without TLS.
pub(crate) fn connector(_: &TlsConfig, _: &Uri) -> Result<Connector, HttpConfigError> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Ok(connector)
}

/// The same for HTTP/2: who sends decides what is spoken.
#[cfg(feature = "grpc-client")]
pub(crate) fn http2_connector(config: &TlsConfig, uri: &Uri) -> Result<Connector, HttpConfigError> {
    connector(config, uri)
}
