//! Connections in the clear.

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;

use super::config::OtlpConfig;
use super::error::OtlpConfigError;

pub(super) type Connector = HttpConnector;

/// The URL is `http`: the configuration refuses `https` in builds without TLS.
pub(super) fn connector(_: &OtlpConfig, _: &Uri) -> Result<Connector, OtlpConfigError> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Ok(connector)
}
