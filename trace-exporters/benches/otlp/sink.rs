//! What reads and answers without decoding.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response};
use axum::routing::any;
use http_body_util::{BodyExt as _, Full};

/// Starts a sink on a thread of its own, and says where it listens.
pub(super) fn start(protocol: &str) -> String {
    let routes = match protocol {
        "grpc" => any(grpc),
        _ => any(http),
    };
    let (say, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be built").block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
            say.send(listener.local_addr().expect("it listens")).expect("somebody waits");
            axum::serve(listener, axum::Router::new().fallback_service(routes)).await.expect("it serves");
        });
    });
    format!("http://{}", said.recv().expect("the sink listens"))
}

async fn drain(mut body: Body) {
    while let Some(frame) = body.frame().await {
        drop(frame.expect("the request is whole"));
    }
}

async fn http(body: Body) -> Response<Body> {
    drain(body).await;
    let mut answer = Response::new(Body::empty());
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/x-protobuf"));
    answer
}

async fn grpc(body: Body) -> Response<Body> {
    drain(body).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let message = Full::from(&[0u8; 5][..]).with_trailers(async move { Some(Ok(trailers)) });
    let mut answer = Response::new(Body::new(message));
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    answer
}
