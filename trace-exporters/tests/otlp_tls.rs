//! OTLP over https, with a certificate made for the test.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(all(feature = "tls", feature = "otlp"))]

mod support;

use std::io::Write as _;
use std::sync::Arc;

use support::{Receiver, spans};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use trace_core::signal::SpanExporter;
use trace_exporters::otlp::{OtlpConfig, OtlpSpanExporter};

/// An https receiver on a free port: its URL, what it received, and its certificate as PEM.
async fn https() -> (String, Receiver, String) {
    https_for(None).await
}

/// One that only takes clients with this certificate, if it is given.
async fn https_for(client: Option<CertificateDer<'static>>) -> (String, Receiver, String) {
    let (acceptor, pem) = acceptor(client, &[]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let receiver = Receiver::default();
    let serving = receiver.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = acceptor.accept(stream).await {
                serving.clone().serve(stream).await;
            }
        }
    });
    (url, receiver, pem)
}

/// A server's side of TLS with a certificate of its own, as PEM.
fn acceptor(client: Option<CertificateDer<'static>>, alpn: &[&str]) -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let tls =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let tls = match client {
        None => tls.with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            tls.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let mut tls = tls.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    tls.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    (TlsAcceptor::from(Arc::new(tls)), made.cert.pem())
}

#[tokio::test]
async fn a_trusted_certificate_is_taken_and_another_is_not() {
    let (url, receiver, pem) = https().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    let mut config = OtlpConfig::new(&url);
    config.tls.ca_certificate = Some(file.path().to_owned());
    OtlpSpanExporter::new(&config).unwrap().export(&spans(2)).await.unwrap();
    assert_eq!(receiver.received().len(), 1);

    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(file.path(), other.cert.pem()).unwrap();
    let error = OtlpSpanExporter::new(&config).unwrap().export(&spans(2)).await.unwrap_err();
    assert!(
        error.is_retryable() && error.to_string().contains("certificate"),
        "somebody may renew it: {error}"
    );
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn a_certificate_file_that_cannot_be_used_is_named() {
    let mut config = OtlpConfig::new("https://localhost:1");
    config.tls.ca_certificate = Some("/nonexistent/ca.pem".into());
    let error = OtlpSpanExporter::new(&config).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/ca.pem"), "{error}");
    let empty = tempfile::NamedTempFile::new().unwrap();
    config.tls.ca_certificate = Some(empty.path().to_owned());
    let error = OtlpSpanExporter::new(&config).unwrap_err().to_string();
    assert!(error.contains("no PEM certificate"), "{error}");
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_of_the_client_gets_it() {
    let client = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
    let (url, receiver, pem) = https_for(Some(client.cert.der().clone())).await;
    let (ca, own, key) = (file(&pem), file(&client.cert.pem()), file(&client.signing_key.serialize_pem()));
    let mut config = OtlpConfig::new(&url);
    config.tls.ca_certificate = Some(ca.path().to_owned());
    assert!(OtlpSpanExporter::new(&config).unwrap().export(&spans(2)).await.is_err());
    config.tls.client_certificate = Some(own.path().to_owned());
    config.tls.client_key = Some(key.path().to_owned());
    OtlpSpanExporter::new(&config).unwrap().export(&spans(2)).await.unwrap();
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn a_certificate_of_the_client_that_cannot_be_used_is_named_without_what_is_in_it() {
    let client = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
    let (own, odd) = (file(&client.cert.pem()), file("hunter2"));
    let error = |certificate: Option<&std::path::Path>, key: Option<&std::path::Path>| {
        let mut config = OtlpConfig::new("https://localhost:1");
        config.tls.ca_certificate = Some(own.path().to_owned());
        config.tls.client_certificate = certificate.map(ToOwned::to_owned);
        config.tls.client_key = key.map(ToOwned::to_owned);
        OtlpSpanExporter::new(&config).unwrap_err().to_string()
    };
    assert!(error(Some(own.path()), None).contains("with both"));
    assert!(error(None, Some(odd.path())).contains("with both"));
    let said = error(Some(own.path()), Some(odd.path()));
    assert!(said.starts_with("client_key ") && said.ends_with("no private key in PEM"), "{said}");
    let said = error(Some(odd.path()), Some(odd.path()));
    assert!(said.starts_with("client_certificate ") && !said.contains("hunter2"), "{said}");
}

/// Connections over TLS; those that fail are passed over.
#[cfg(feature = "otlp-grpc")]
struct TlsListener(tokio::net::TcpListener, TlsAcceptor);

#[cfg(feature = "otlp-grpc")]
impl axum::serve::Listener for TlsListener {
    type Io = tokio_rustls::server::TlsStream<tokio::net::TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.0.accept().await.unwrap();
            if let Ok(stream) = self.1.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

#[cfg(feature = "otlp-grpc")]
#[tokio::test]
async fn grpc_goes_over_tls_with_certificates_of_both_sides() {
    use support::grpc::GrpcServer;
    use trace_exporters::otlp::Protocol;

    let client = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
    let (acceptor, pem) = acceptor(Some(client.cert.der().clone()), &["h2"]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Without a scheme it is the secure one.
    let url = format!("localhost:{}", listener.local_addr().unwrap().port());
    let server = GrpcServer::start_on(TlsListener(listener, acceptor), url.clone(), []);
    let (ca, own, key) = (file(&pem), file(&client.cert.pem()), file(&client.signing_key.serialize_pem()));
    let mut config = OtlpConfig::new(&url).protocol(Protocol::Grpc);
    config.tls.ca_certificate = Some(ca.path().to_owned());
    assert!(OtlpSpanExporter::new(&config).unwrap().export(&spans(2)).await.is_err());
    config.tls.client_certificate = Some(own.path().to_owned());
    config.tls.client_key = Some(key.path().to_owned());
    OtlpSpanExporter::new(&config).unwrap().export(&spans(2)).await.unwrap();
    assert_eq!(server.calls().len(), 1);
}
