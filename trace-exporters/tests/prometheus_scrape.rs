//! The scrape service and the listener, asked as Prometheus asks.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "prometheus-listener")]

mod support;

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use support::{gauge, shop};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::ServiceExt as _;
use trace_exporters::prometheus::{
    CONTENT_TYPE_TEXT, ListenError, ListenerConfig, PrometheusListener, Scrape, encode,
};

/// What Prometheus 3.5 sends.
const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                      text/plain;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";

async fn listener() -> PrometheusListener {
    PrometheusListener::start(&ListenerConfig::new("127.0.0.1:0"), shop::totals).await.unwrap()
}

/// Sends a request over a connection of its own: head and body of the answer.
async fn ask(listener: &PrometheusListener, line: &str, headers: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(listener.local_addr()).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    (String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase(), answer[end + 4..].to_vec())
}

#[tokio::test]
async fn a_scrape_gets_the_text_with_the_exact_content_type() {
    let listener = listener().await;
    let (head, body) = ask(&listener, "GET /metrics", "accept: text/html\r\n").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
    assert!(!head.contains("content-encoding"), "{head}");
    assert_eq!(String::from_utf8(body).unwrap(), encode(&shop::totals()).text);
    assert_eq!(listener.scrape().dropped().len(), 5);
    listener.shutdown().await;
}

#[tokio::test]
async fn a_scrape_gets_the_format_that_it_prefers() {
    let listener = listener().await;
    let (head, body) = ask(&listener, "GET /metrics", &format!("accept: {ACCEPT}\r\n")).await;
    let expected =
        "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8\r\n";
    assert!(head.contains(expected) && head.contains("vary: accept, accept-encoding"), "{head}");
    let text = String::from_utf8(body).unwrap();
    assert!(text.starts_with("# TYPE target info\n") && text.ends_with("# EOF\n"), "{text}");
    // Asked again in another format, and back.
    let (_, plain) = ask(&listener, "GET /metrics", "").await;
    assert_eq!(String::from_utf8(plain).unwrap(), encode(&shop::totals()).text);
    let (_, again) = ask(&listener, "GET /metrics", &format!("accept: {ACCEPT}\r\n")).await;
    assert_eq!(String::from_utf8(again).unwrap(), text);
}

#[tokio::test]
async fn gzip_is_used_when_it_is_accepted() {
    let listener = listener().await;
    let (head, body) = ask(&listener, "GET /metrics?x=1", "accept-encoding: gzip\r\n").await;
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*body).read_to_string(&mut text).unwrap();
    assert_eq!(text, encode(&shop::totals()).text);
}

#[tokio::test]
async fn head_has_the_headers_and_no_body() {
    let listener = listener().await;
    let (head, body) = ask(&listener, "HEAD /metrics", "").await;
    let length = encode(&shop::totals()).text.len();
    assert!(
        head.starts_with("http/1.1 200") && head.contains(&format!("content-length: {length}")),
        "{head}"
    );
    assert!(body.is_empty());
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let listener = listener().await;
    let (head, _) = ask(&listener, "POST /metrics", "content-length: 0\r\n").await;
    assert!(head.starts_with("http/1.1 405") && head.contains("allow: get, head"), "{head}");
    let (head, _) = ask(&listener, "GET /", "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    let (head, _) = ask(&listener, "nonsense", "").await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let first = listener().await;
    let address = first.local_addr().to_string();
    let error = PrometheusListener::start(&ListenerConfig::new(&address), shop::totals).await.unwrap_err();
    assert!(matches!(error, ListenError::InUse { .. }));
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn a_bad_address_or_path_is_named() {
    let mut config = ListenerConfig::new("127.0.0.1");
    let error = PrometheusListener::start(&config, shop::totals).await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
    for path in ["metrics", "", "/a b", "/a?b"] {
        config = ListenerConfig::new("127.0.0.1:0");
        config.path = path.to_owned();
        let error = PrometheusListener::start(&config, shop::totals).await.unwrap_err();
        assert!(matches!(error, ListenError::Path { .. }) && error.to_string().contains(path), "{error}");
    }
}

#[tokio::test]
async fn a_shutdown_ends_idle_connections_and_frees_the_port() {
    let listener = listener().await;
    let address = listener.local_addr();
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    listener.shutdown().await;
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    tokio::net::TcpListener::bind(address).await.unwrap();
}

#[tokio::test]
async fn every_scrape_asks_the_source_anew() {
    let calls = Arc::new(AtomicI64::new(0));
    let counting = Arc::clone(&calls);
    let scrape = Scrape::new(move || gauge(counting.fetch_add(1, Ordering::Relaxed) + 1));
    let app: axum::Router = axum::Router::new().route_service("/metrics", scrape);
    for _ in 0..2 {
        let request = axum::extract::Request::get("/metrics").body(axum::body::Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], CONTENT_TYPE_TEXT);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}
