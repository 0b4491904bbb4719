//! A client for one request.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER: usize = 1 << 20;

/// Posts JSON over a connection of its own and gives the status.
pub(super) async fn post(address: SocketAddr, path: &str, body: String) -> Result<u16, BoxError> {
    tokio::time::timeout(TIMEOUT, send(address, path, body)).await?
}

async fn send(address: SocketAddr, path: &str, body: String) -> Result<u16, BoxError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = http::Request::post(path)
        .header(http::header::HOST, address.to_string())
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    Limited::new(answer.into_body(), MAX_ANSWER).collect().await?;
    drop(sender);
    connection.await??;
    Ok(status)
}
