//! The layers behind real servers: HTTP/2, gRPC, trailers, upgrades, uploads, clients that go away.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod http_support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::response::Response;
use axum::routing::{any, get, post};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use http_support::{Rig, attribute};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::Layer;
use trace_core::http::{ForwardedHeader, MeasureRequestBodies, MonitoringLayer, TraceRequests};
use trace_core::model::{SpanData, Status, Value};

fn layer(rig: &Rig, change: impl FnOnce(TraceRequests) -> TraceRequests) -> MonitoringLayer {
    MonitoringLayer::builder(rig.recorder())
        .route_with(|parts| parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str))
        .trace_with(change)
        .build()
        .unwrap()
}

/// Serves HTTP/1 and HTTP/2 with upgrades, on a free port.
async fn start(app: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let service = axum::Extension(ConnectInfo(peer)).layer(app.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let service = TowerToHyperService::new(service);
                // An error is the client's, which goes away.
                let _ = server.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

async fn first_span(rig: &Rig) -> SpanData {
    let found = async {
        loop {
            if let Some(span) = rig.spans().pop() {
                return span;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found).await.unwrap()
}

type Frames = Vec<Result<Frame<Bytes>, Infallible>>;

/// Sends one request over HTTP/2 and reads the answer to its end.
async fn over_http2(
    address: SocketAddr,
    request: http::Request<StreamBody<futures_stream::Iter>>,
) -> (StatusCode, Option<HeaderMap>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let response = client.send_request(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap();
    (status, body.trailers().cloned())
}

/// A stream over frames that are all there.
mod futures_stream {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use super::Frames;

    pub(crate) struct Iter(pub(crate) std::vec::IntoIter<<Frames as IntoIterator>::Item>);

    impl futures_core::Stream for Iter {
        type Item = <Frames as IntoIterator>::Item;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Poll::Ready(self.0.next())
        }
    }
}

fn frames(
    data: &[&'static str],
    trailers: Option<(&'static str, &'static str)>,
) -> StreamBody<futures_stream::Iter> {
    let mut frames: Frames = data.iter().map(|d| Ok(Frame::data(Bytes::from_static(d.as_bytes())))).collect();
    if let Some((name, value)) = trailers {
        let trailers = [(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect();
        frames.push(Ok(Frame::trailers(trailers)));
    }
    StreamBody::new(futures_stream::Iter(frames.into_iter()))
}

#[tokio::test]
async fn a_streamed_answer_over_http2_is_measured_to_its_end_with_its_trailers() {
    let rig = Rig::new();
    let app = Router::new()
        .route("/stream", get(|| async { Body::new(frames(&["abc", "defg"], Some(("x-checksum", "7")))) }));
    let address = start(app.layer(layer(&rig, |t| t))).await;
    let request = http::Request::get(format!("http://{address}/stream")).version(Version::HTTP_2);
    let (status, trailers) = over_http2(address, request.body(frames(&[], None)).unwrap()).await;
    assert_eq!((status, &trailers.unwrap()["x-checksum"]), (StatusCode::OK, &"7".parse().unwrap()));
    let span = first_span(&rig).await;
    assert_eq!(span.name, "GET /stream");
    assert_eq!(attribute(&span, "network.protocol.version"), Some(&"2".into()));
    assert_eq!(attribute(&span, "server.port"), Some(&address.port().into()));
    assert_eq!(attribute(&span, "http.response.body.size"), Some(&7.into()));
    assert_eq!(attribute(&span, "mplp.status"), None);
}

#[tokio::test]
async fn a_grpc_call_has_its_method_and_the_status_of_its_trailers() {
    let answer = |code: &'static str| async move {
        Response::builder()
            .header("content-type", "application/grpc")
            .body(Body::new(frames(&["\0\0\0\0\0"], Some(("grpc-status", code)))))
            .unwrap()
    };
    for (path, code, name, status) in [
        ("/shop.Cart/Add", "0", "shop.Cart/Add", Status::Unset),
        ("/shop.Cart/Add", "5", "shop.Cart/Add", Status::Unset),
        ("/shop.Cart/Add", "14", "shop.Cart/Add", Status::Error("UNAVAILABLE".into())),
        // The client made it up: it is no name of ours.
        ("/made.Up/Path", "12", "POST /{service}/{method}", Status::Error("UNIMPLEMENTED".into())),
    ] {
        let rig = Rig::new();
        let app = Router::new().route("/{service}/{method}", post(move || answer(code)));
        let address = start(app.layer(layer(&rig, |t| t))).await;
        let request = http::Request::post(format!("http://{address}{path}"))
            .version(Version::HTTP_2)
            .header("content-type", "application/grpc+proto")
            .header("te", "trailers");
        over_http2(address, request.body(frames(&["\0\0\0\0\0"], None)).unwrap()).await;
        let span = first_span(&rig).await;
        assert_eq!((span.name.as_ref(), &span.status), (name, &status), "{path} {code}");
        assert_eq!(attribute(&span, "rpc.system"), Some(&"grpc".into()));
        assert_eq!(attribute(&span, "rpc.grpc.status_code"), Some(&code.parse::<i64>().unwrap().into()));
        let (service, method) = path[1..].split_once('/').unwrap();
        assert_eq!(attribute(&span, "rpc.service"), Some(&Value::from(service.to_owned())));
        assert_eq!(attribute(&span, "rpc.method"), Some(&Value::from(method.to_owned())));
    }
}

#[tokio::test]
async fn a_grpc_call_that_fails_at_once_has_its_status_in_the_headers() {
    let rig = Rig::new();
    let app = Router::new().route(
        "/shop.Cart/Add",
        post(|| async { ([("content-type", "application/grpc"), ("grpc-status", "13")], "") }),
    );
    let address = start(app.layer(layer(&rig, |t| t))).await;
    let request = http::Request::post(format!("http://{address}/shop.Cart/Add"))
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc");
    over_http2(address, request.body(frames(&[], None)).unwrap()).await;
    let span = first_span(&rig).await;
    assert_eq!(attribute(&span, "rpc.grpc.status_code"), Some(&13.into()));
    assert_eq!(attribute(&span, "error.type"), Some(&"INTERNAL".into()));
}

#[tokio::test]
async fn an_upload_without_a_length_is_measured_where_it_is_read() {
    let rig = Rig::new();
    let app = Router::new()
        .route("/upload", post(|body: Bytes| async move { body.len().to_string() }))
        .layer(MeasureRequestBodies)
        .layer(layer(&rig, |t| t));
    let address = start(app).await;
    let request = http::Request::post(format!("http://{address}/upload")).version(Version::HTTP_2);
    over_http2(address, request.body(frames(&["abc", "de"], None)).unwrap()).await;
    let span = first_span(&rig).await;
    assert_eq!(attribute(&span, "http.request.body.size"), Some(&5.into()));
    assert_eq!(attribute(&span, "http.response.body.size"), Some(&1.into()));
}

/// Answers 101 or 200 and then echoes what comes over the connection.
async fn upgrade(mut request: Request) -> Response {
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut io = TokioIo::new(upgraded.await.unwrap());
        let mut buffer = [0; 4];
        io.read_exact(&mut buffer).await.unwrap();
        io.write_all(&buffer).await.unwrap();
        io.shutdown().await.unwrap();
    });
    let response = match request.method().as_str() {
        "CONNECT" => Response::builder().status(200),
        _ => Response::builder().status(101).header("connection", "upgrade").header("upgrade", "echo"),
    };
    response.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn an_upgrade_ends_the_span_and_the_connection_goes_on() {
    for (head, code) in [
        ("GET /up HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n", 101),
        ("CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n\r\n", 200),
    ] {
        let rig = Rig::new();
        let app = Router::new().route("/up", any(upgrade)).fallback(upgrade);
        let mut client = TcpStream::connect(start(app.layer(layer(&rig, |t| t))).await).await.unwrap();
        client.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(client.read_u8().await.unwrap());
        }
        // The span has ended, though the connection lives.
        let span = first_span(&rig).await;
        assert_eq!(attribute(&span, "http.response.status_code"), Some(&Value::from(code)));
        assert_eq!((attribute(&span, "mplp.status"), &span.status), (None, &Status::Unset));
        client.write_all(b"ping").await.unwrap();
        let mut echo = String::new();
        client.read_to_string(&mut echo).await.unwrap();
        assert_eq!(echo, "ping");
        assert_eq!(rig.spans().len(), 1);
    }
}

/// Gives one frame and then waits for ever.
struct OneFrame(bool);

impl futures_core::Stream for OneFrame {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        match std::mem::replace(&mut self.0, true) {
            false => std::task::Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"half"))))),
            true => std::task::Poll::Pending,
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_away_half_way_through_the_answer_is_recorded_as_such() {
    let rig = Rig::new();
    let app = Router::new().route("/big", get(|| async { Body::new(StreamBody::new(OneFrame(false))) }));
    let mut client = TcpStream::connect(start(app.layer(layer(&rig, |t| t))).await).await.unwrap();
    client.write_all(b"GET /big HTTP/1.1\r\nhost: a.test\r\n\r\n").await.unwrap();
    let mut seen = Vec::new();
    while !seen.windows(4).any(|w| w == b"half") {
        seen.push(client.read_u8().await.unwrap());
    }
    drop(client);
    let span = first_span(&rig).await;
    assert_eq!(attribute(&span, "mplp.status"), Some(&"cancelled".into()));
    assert_eq!(attribute(&span, "http.response.status_code"), Some(&200.into()));
    assert_eq!(attribute(&span, "http.response.body.size"), Some(&4.into()));
    assert_eq!(span.status, Status::Unset);
}

#[tokio::test]
async fn a_handler_that_panics_over_the_wire_is_an_error_and_the_server_lives() {
    let rig = Rig::new();
    async fn handle() -> &'static str {
        panic!("the handler panics")
    }
    let address = start(Router::new().route("/boom", get(handle)).layer(layer(&rig, |t| t))).await;
    for _ in 0..2 {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET /boom HTTP/1.1\r\nhost: a.test\r\n\r\n").await.unwrap();
        let _ = client.read_to_end(&mut Vec::new()).await;
    }
    let span = first_span(&rig).await;
    assert_eq!(span.status, Status::Error("panicked".into()));
    assert_eq!(attribute(&span, "error.type"), Some(&"panic".into()));
}

#[tokio::test]
async fn the_address_of_the_client_is_recorded_only_if_asked_for_and_believed_only_as_told() {
    fn peer(parts: &http::request::Parts) -> Option<SocketAddr> {
        parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|c| c.0)
    }
    type Change = fn(TraceRequests) -> TraceRequests;
    let cases: [(Change, Option<&str>, bool); 4] = [
        (|t| t, None, false),
        (|t| t.peer_with(peer), Some("127.0.0.1"), true),
        (|t| t.trust_forwarded(ForwardedHeader::XForwardedFor, 1), Some("203.0.113.7"), false),
        (|t| t.peer_with(peer).trust_forwarded(ForwardedHeader::Forwarded, 1), Some("127.0.0.1"), true),
    ];
    for (change, client, has_peer) in cases {
        let rig = Rig::new();
        let app = Router::new().route("/", get(|| async { "" })).layer(layer(&rig, change));
        let mut stream = TcpStream::connect(start(app).await).await.unwrap();
        let head = "GET / HTTP/1.1\r\nhost: a.test\r\nx-forwarded-for: 6.6.6.6, 203.0.113.7\r\n\
                    connection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        let span = first_span(&rig).await;
        let expected = client.map(|c| Value::from(c.to_owned()));
        assert_eq!(attribute(&span, "client.address"), expected.as_ref());
        assert_eq!(attribute(&span, "network.peer.port").is_some(), has_peer);
    }
}
