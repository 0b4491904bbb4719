//! Connections in the clear and over TLS.

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;

use super::{HttpConfigError, TlsConfig};
use crate::connection::{TlsError, client_config};

pub(crate) type Connector = HttpsConnector<HttpConnector>;

/// A connector that speaks HTTP/1.1.
pub(crate) fn connector(config: &TlsConfig, uri: &Uri) -> Result<Connector, HttpConfigError> {
    let tls = tls(config, uri)?;
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp()))
}

/// A connector that speaks HTTP/2.
#[cfg(feature = "grpc-client")]
pub(crate) fn http2_connector(config: &TlsConfig, uri: &Uri) -> Result<Connector, HttpConfigError> {
    let tls = tls(config, uri)?;
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http2().wrap_connector(tcp()))
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp
}

/// Reads certificates only if the URL is `https`, so that `http` works where there are none.
fn tls(config: &TlsConfig, uri: &Uri) -> Result<ClientConfig, TlsError> {
    client_config((uri.scheme_str() == Some("https")).then_some(config))
}
