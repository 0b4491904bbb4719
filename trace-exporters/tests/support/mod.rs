//! An HTTP receiver with scripted answers, and batches to send to it.
#![allow(dead_code, reason = "Each test program uses its own part")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    unreachable_pub,
    reason = "A module of tests, not of a library"
)]

pub mod collector;
#[cfg(feature = "prometheus")]
pub mod exposition;
#[cfg(feature = "otlp-grpc")]
pub mod grpc;
pub mod jaeger_query;
pub mod order;
pub mod peer;
#[cfg(feature = "prometheus")]
pub mod prom_proto;
#[cfg(feature = "prometheus")]
pub mod promql;
#[cfg(feature = "receiver")]
pub mod receiving;
pub mod shop;

use std::collections::VecDeque;
use std::io::Read as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use trace_core::batch::SpanBatch;
use trace_core::model::{
    Metric, MetricBatch, MetricData, Number, NumberPoint, Resource, Scope, ScopeMetrics, SpanContext,
    SpanData, SpanId, Timestamp, TraceFlags, TraceId,
};

/// What the receiver does with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Sends these bytes and keeps the connection.
    Bytes(Vec<u8>),
    /// Sends these bytes and closes.
    BytesThenClose(Vec<u8>),
    /// Closes without a byte.
    Close,
    /// Never answers.
    Hang,
}

/// An answer with these headers and body.
pub fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    Answer::Bytes([head.as_bytes(), b"\r\n", body].concat())
}

pub fn ok() -> Answer {
    answer("200 OK", &[("content-type", "application/x-protobuf")], b"")
}

/// One received request.
#[derive(Clone, Debug)]
pub struct Received {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body without its compression.
    pub fn plain_body(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        match self.header("content-encoding") {
            Some("gzip") => drop(flate2::read::GzDecoder::new(&*self.body).read_to_end(&mut plain).unwrap()),
            None => plain.clone_from(&self.body),
            other => panic!("unknown content-encoding {other:?}"),
        }
        plain
    }
}

/// A receiver that gives one scripted answer a request, and 200 when the script is over.
#[derive(Clone, Default)]
pub struct Receiver {
    pub port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    script: Arc<Mutex<VecDeque<Answer>>>,
    connections: Arc<Mutex<usize>>,
}

impl Receiver {
    /// Listens on a free port of this machine.
    pub async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            ..Self::default()
        };
        let accepting = receiver.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *accepting.connections.lock().unwrap() += 1;
                tokio::spawn(accepting.clone().serve(stream));
            }
        });
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    /// Serves one connection to its end.
    pub async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut buffer = Vec::new();
        while let Some(request) = read_request(&mut stream, &mut buffer).await {
            self.received.lock().unwrap().push(request);
            let answer = self.script.lock().unwrap().pop_front().unwrap_or_else(ok);
            match answer {
                Answer::Bytes(bytes) => stream.write_all(&bytes).await.unwrap(),
                Answer::BytesThenClose(bytes) => {
                    stream.write_all(&bytes).await.unwrap();
                    return;
                }
                Answer::Close => return,
                Answer::Hang => std::future::pending().await,
            }
        }
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Received> {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..head_end].to_vec()).unwrap();
    let (line, rest) = head.split_once("\r\n").unwrap();
    let headers: Vec<(String, String)> = rest
        .lines()
        .map(|l| l.split_once(':').map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned())).unwrap())
        .collect();
    let length = headers.iter().find(|(n, _)| n == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
    while buffer.len() < head_end + 4 + length {
        assert!(stream.read_buf(buffer).await.unwrap() > 0, "the request broke off");
    }
    let body = buffer[head_end + 4..head_end + 4 + length].to_vec();
    buffer.drain(..head_end + 4 + length);
    Some(Received { line: line.to_owned(), headers, body })
}

/// Spans with ids from 1.
pub fn spans(count: u64) -> SpanBatch {
    let span = |id| {
        let context =
            SpanContext::new(TraceId::from_random(7), SpanId::new(id).unwrap(), TraceFlags::SAMPLED);
        SpanData::new(context, "work", Timestamp::from_unix_nanos(1), Timestamp::from_unix_nanos(2))
    };
    SpanBatch::from_spans(Arc::new(Resource::service("shop")), (1..=count).map(span))
}

/// One gauge with this many points.
pub fn gauge(points: i64) -> MetricBatch {
    let point = |value| NumberPoint {
        attributes: Arc::default(),
        start: Timestamp::from_unix_nanos(1),
        time: Timestamp::from_unix_nanos(2),
        value: Number::I64(value),
        exemplars: vec![],
    };
    let data = MetricData::Gauge { points: (1..=points).map(point).collect() };
    let metric = Metric { name: "level".into(), description: "".into(), unit: "".into(), data };
    let scope = ScopeMetrics { scope: Arc::new(Scope::named("test")), metrics: vec![metric] };
    MetricBatch { resource: Arc::new(Resource::service("shop")), scopes: vec![scope] }
}
