//! Connections in the clear and over TLS: rustls with the ring provider.

use std::path::Path;
use std::sync::Arc;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::config::OtlpConfig;
use super::error::OtlpConfigError;

pub(crate) type Connector = HttpsConnector<HttpConnector>;

/// A connector that speaks HTTP/1.1.
pub(crate) fn connector(config: &OtlpConfig, uri: &Uri) -> Result<Connector, OtlpConfigError> {
    let tls = tls(config, uri)?;
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp()))
}

/// A connector that speaks HTTP/2.
#[cfg(feature = "jaeger-remote-grpc")]
pub(crate) fn http2_connector(uri: &Uri) -> Result<Connector, OtlpConfigError> {
    let tls = tls(&OtlpConfig::default(), uri)?;
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http2().wrap_connector(tcp()))
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp
}

/// Reads certificates only if the URL is `https`, so that `http` works where there are none.
fn tls(config: &OtlpConfig, uri: &Uri) -> Result<ClientConfig, OtlpConfigError> {
    let roots = match &config.ca_certificate {
        _ if uri.scheme_str() != Some("https") => RootCertStore::empty(),
        Some(path) => roots_of_file(path)?,
        None => roots_of_system()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| OtlpConfigError::RootCertificates { reason: e.to_string() })?
        .with_root_certificates(roots);
    match (&config.client_certificate, &config.client_key) {
        (Some(certificate), Some(key)) if uri.scheme_str() == Some("https") => {
            let (chain, secret) = (client_chain(certificate)?, client_key(key)?);
            builder.with_client_auth_cert(chain, secret).map_err(|e| client("client_key", key, e.to_string()))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn client(field: &'static str, path: &Path, reason: String) -> OtlpConfigError {
    OtlpConfigError::ClientCertificate { field, path: path.to_owned(), reason }
}

fn client_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, OtlpConfigError> {
    let fail = |reason| client("client_certificate", path, reason);
    let chain = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|e| fail(e.to_string()))?;
    if chain.is_empty() { Err(fail("holds no PEM certificate".to_owned())) } else { Ok(chain) }
}

fn client_key(path: &Path) -> Result<PrivateKeyDer<'static>, OtlpConfigError> {
    // The parser's own words may quote the file.
    let read = std::fs::read(path).map_err(|e| client("client_key", path, e.to_string()))?;
    PrivateKeyDer::from_pem_slice(&read)
        .map_err(|_| client("client_key", path, "holds no private key in PEM".to_owned()))
}

fn roots_of_file(path: &Path) -> Result<RootCertStore, OtlpConfigError> {
    let fail = |reason: String| OtlpConfigError::CaCertificate { path: path.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| fail(e.to_string()))? {
        let certificate = certificate.map_err(|e| fail(e.to_string()))?;
        roots.add(certificate).map_err(|e| fail(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(fail("holds no PEM certificate".to_owned()));
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, OtlpConfigError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry a few certificates that rustls does not take; the others still serve.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reason = found.errors.first().map_or_else(|| "none installed".to_owned(), ToString::to_string);
        return Err(OtlpConfigError::RootCertificates { reason });
    }
    Ok(roots)
}
