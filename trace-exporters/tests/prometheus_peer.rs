//! Our listener's answer, checked by Prometheus' own promtool.
//!
//! `MPLP_PEER_PROMTOOL` is the path of promtool.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "prometheus-listener")]

mod support;

use std::io::Write as _;
use std::process::{Command, Stdio};

use support::{peer::peer, shop};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use trace_exporters::prometheus::{ListenerConfig, PrometheusListener};

#[tokio::test]
async fn promtool_accepts_the_listeners_answer() {
    let test = "promtool_accepts_the_listeners_answer";
    let Some(promtool) = peer(test, "MPLP_PEER_PROMTOOL", "path of promtool") else { return };
    let listener =
        PrometheusListener::start(&ListenerConfig::new("127.0.0.1:0"), shop::metrics).await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(listener.local_addr()).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();

    let (code, said) = check(&promtool, body);
    assert!(code == Some(0) && said.is_empty(), "promtool check metrics: {code:?}\n{said}\n{body}");
    // The judge must be able to say no.
    let (code, _) = check(&promtool, &body.replacen("_total{", "_total{0x=\"1\",", 1));
    assert_ne!(code, Some(0));
}

fn check(promtool: &str, text: &str) -> (Option<i32>, String) {
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}
