//! OTLP over https, with a certificate made for the test.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "tls")]

mod support;

use std::io::Write as _;
use std::sync::Arc;

use support::{Receiver, spans};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use trace_core::signal::SpanExporter;
use trace_exporters::otlp::{OtlpConfig, OtlpSpanExporter};

/// An https receiver on a free port: its URL, what it received, and its certificate as PEM.
async fn https() -> (String, Receiver, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
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
    (url, receiver, made.cert.pem())
}

#[tokio::test]
async fn a_trusted_certificate_is_taken_and_another_is_not() {
    let (url, receiver, pem) = https().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    let mut config = OtlpConfig::new(&url);
    config.ca_certificate = Some(file.path().to_owned());
    OtlpSpanExporter::new(&config).unwrap().export(&spans(2)).await.unwrap();
    assert_eq!(receiver.received().len(), 1);

    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(file.path(), other.cert.pem()).unwrap();
    let error = OtlpSpanExporter::new(&config).unwrap().export(&spans(2)).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn a_certificate_file_that_cannot_be_used_is_named() {
    let mut config = OtlpConfig::new("https://localhost:1");
    config.ca_certificate = Some("/nonexistent/ca.pem".into());
    let error = OtlpSpanExporter::new(&config).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/ca.pem"), "{error}");
    let empty = tempfile::NamedTempFile::new().unwrap();
    config.ca_certificate = Some(empty.path().to_owned());
    let error = OtlpSpanExporter::new(&config).unwrap_err().to_string();
    assert!(error.contains("no PEM certificate"), "{error}");
}
