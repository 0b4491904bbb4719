//! Certificates become a client of TLS: rustls with the ring provider.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::{TlsConfig, TlsError};

/// What rustls needs: whom to trust, and what to show. Without a configuration nobody is trusted and no file is read: for
/// connections in the clear.
pub(crate) fn client_config(config: Option<&TlsConfig>) -> Result<ClientConfig, TlsError> {
    let roots = match config.map(|config| &config.ca_certificate) {
        Some(Some(path)) => roots_of_file(path)?,
        Some(None) => roots_of_system()?,
        None => RootCertStore::empty(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| TlsError::RootCertificates { reason: e.to_string() })?
        .with_root_certificates(roots);
    match config.map_or(Ok(None), TlsConfig::identity)? {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate, key)) => {
            let chain = certificates("client_certificate", certificate)?;
            let shown =
                |field, path: &Path, reason| TlsError::Certificate { field, path: path.to_owned(), reason };
            let read = std::fs::read(key).map_err(|e| shown("client_key", key, e.to_string()))?;
            // The parser's own words may quote the file.
            let parsed = PrivateKeyDer::from_pem_slice(&read)
                .map_err(|_| shown("client_key", key, "holds no private key in PEM".to_owned()))?;
            builder.with_client_auth_cert(chain, parsed).map_err(|e| shown("client_key", key, e.to_string()))
        }
    }
}

fn certificates(field: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fail = |reason: String| TlsError::Certificate { field, path: path.to_owned(), reason };
    let all: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|e| fail(e.to_string()))?.collect();
    match all {
        Ok(all) if all.is_empty() => Err(fail("holds no PEM certificate".to_owned())),
        Ok(all) => Ok(all),
        Err(e) => Err(fail(e.to_string())),
    }
}

fn roots_of_file(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca_certificate", path)? {
        roots.add(certificate).map_err(|e| TlsError::Certificate {
            field: "ca_certificate",
            path: path.to_owned(),
            reason: e.to_string(),
        })?;
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry a few certificates that rustls does not take; the others still serve.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reason = found.errors.first().map_or_else(|| "none installed".to_owned(), ToString::to_string);
        return Err(TlsError::RootCertificates { reason });
    }
    Ok(roots)
}
