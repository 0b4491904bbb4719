//! Connections in the clear and over TLS: rustls with the ring provider.

use std::path::Path;
use std::sync::Arc;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::{HttpConfigError, TlsConfig};

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
fn tls(config: &TlsConfig, uri: &Uri) -> Result<ClientConfig, HttpConfigError> {
    match uri.scheme_str() {
        Some("https") => client_config(config),
        _ => client_config_with(RootCertStore::empty(), None),
    }
}

/// What rustls needs: whom to trust, and what to show.
pub(crate) fn client_config(config: &TlsConfig) -> Result<ClientConfig, HttpConfigError> {
    let roots = match &config.ca_certificate {
        Some(path) => roots_of_file(path)?,
        None => roots_of_system()?,
    };
    client_config_with(roots, Some(config))
}

fn client_config_with(
    roots: RootCertStore,
    config: Option<&TlsConfig>,
) -> Result<ClientConfig, HttpConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| HttpConfigError::RootCertificates { reason: e.to_string() })?
        .with_root_certificates(roots);
    match config.map_or(Ok(None), TlsConfig::identity)? {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate, key)) => {
            let chain = certificates("client_certificate", certificate)?;
            let shown = |field, path: &Path, reason| HttpConfigError::Certificate {
                field,
                path: path.to_owned(),
                reason,
            };
            let read = std::fs::read(key).map_err(|e| shown("client_key", key, e.to_string()))?;
            // The parser's own words may quote the file.
            let parsed = PrivateKeyDer::from_pem_slice(&read)
                .map_err(|_| shown("client_key", key, "holds no private key in PEM".to_owned()))?;
            builder.with_client_auth_cert(chain, parsed).map_err(|e| shown("client_key", key, e.to_string()))
        }
    }
}

fn certificates(field: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, HttpConfigError> {
    let fail = |reason: String| HttpConfigError::Certificate { field, path: path.to_owned(), reason };
    let all: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|e| fail(e.to_string()))?.collect();
    match all {
        Ok(all) if all.is_empty() => Err(fail("holds no PEM certificate".to_owned())),
        Ok(all) => Ok(all),
        Err(e) => Err(fail(e.to_string())),
    }
}

fn roots_of_file(path: &Path) -> Result<RootCertStore, HttpConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca_certificate", path)? {
        roots.add(certificate).map_err(|e| HttpConfigError::Certificate {
            field: "ca_certificate",
            path: path.to_owned(),
            reason: e.to_string(),
        })?;
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, HttpConfigError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry a few certificates that rustls does not take; the others still serve.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reason = found.errors.first().map_or_else(|| "none installed".to_owned(), ToString::to_string);
        return Err(HttpConfigError::RootCertificates { reason });
    }
    Ok(roots)
}
