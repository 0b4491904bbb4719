//! A server of gRPC with scripted answers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Response};
use axum::serve::{Listener, ListenerExt as _};
use base64::Engine as _;
use http_body_util::{BodyExt as _, Full};

/// What the server does with a call.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A body and a good status.
    Body(Vec<u8>),
    /// A status.
    Status { trailers: HeaderMap, in_head: bool },
    /// A good message, and no status.
    NoStatus,
    /// An answer of HTTP alone.
    Http(u16),
    /// Breaks off in the middle of the answer.
    Reset,
    /// Never answers.
    Hang,
}

impl Reply {
    pub fn message(message: &[u8]) -> Self {
        Self::Body([&[0][..], &(message.len() as u32).to_be_bytes(), message].concat())
    }

    pub fn status(code: u32, message: &str, in_head: bool) -> Self {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", code.into());
        trailers.insert("grpc-message", HeaderValue::from_str(message).unwrap());
        Self::Status { trailers, in_head }
    }

    pub fn details(self, details: &[u8]) -> Self {
        let Self::Status { mut trailers, in_head } = self else { panic!("only a status has details") };
        let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(details);
        trailers.insert("grpc-status-details-bin", HeaderValue::try_from(text).unwrap());
        Self::Status { trailers, in_head }
    }
}

/// One received call.
#[derive(Clone, Debug)]
pub struct Call {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Call {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().unwrap())
    }
}

#[derive(Default)]
struct Shared {
    script: Mutex<VecDeque<Reply>>,
    calls: Mutex<Vec<Call>>,
    connections: AtomicUsize,
}

/// Gives one scripted answer a call, and an empty message when the script is over.
pub struct GrpcServer {
    pub url: String,
    shared: Arc<Shared>,
}

impl GrpcServer {
    /// Listens on a free port of this machine.
    pub async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self::start_on(listener, url, script)
    }

    /// Serves what this accepts.
    pub fn start_on<L>(listener: L, url: String, script: impl IntoIterator<Item = Reply>) -> Self
    where
        L: Listener<Addr: std::fmt::Debug>,
    {
        let script = Mutex::new(script.into_iter().collect());
        let shared = Arc::new(Shared { script, ..Shared::default() });
        let counted = shared.clone();
        let listener = listener.tap_io(move |_| {
            counted.connections.fetch_add(1, Ordering::Relaxed);
        });
        tokio::spawn(serve(listener, shared.clone()));
        Self { url, shared }
    }

    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

async fn serve<L: Listener<Addr: std::fmt::Debug>>(listener: L, shared: Arc<Shared>) {
    axum::serve(listener, axum::Router::new().fallback(answer).with_state(shared)).await.unwrap();
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    shared.calls.lock().unwrap().push(Call { path: head.uri.path().to_owned(), headers: head.headers, body });
    let reply = shared.script.lock().unwrap().pop_front().unwrap_or_else(|| Reply::message(&[]));
    let good = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    let with = |body: Vec<u8>, trailers: HeaderMap| {
        Body::new(Full::new(Bytes::from(body)).with_trailers(async move { Some(Ok(trailers)) }))
    };
    let (body, in_head) = match reply {
        Reply::Body(body) => (with(body, good), HeaderMap::new()),
        Reply::Status { trailers, in_head: false } => (with(Vec::new(), trailers), HeaderMap::new()),
        Reply::Status { trailers, in_head: true } => (Body::empty(), trailers),
        Reply::NoStatus => (Body::from(vec![0; 5]), HeaderMap::new()),
        Reply::Http(status) => {
            return Response::builder().status(status).body(Body::from("<html>")).unwrap();
        }
        Reply::Reset => {
            let pieces = [Ok(Bytes::from_static(&[0, 0])), Err(std::io::Error::other("broken"))];
            (Body::from_stream(futures_util::stream::iter(pieces)), HeaderMap::new())
        }
        Reply::Hang => std::future::pending().await,
    };
    let mut answer = Response::new(body);
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    answer.headers_mut().extend(in_head);
    answer
}
