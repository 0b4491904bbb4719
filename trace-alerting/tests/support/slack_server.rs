//! A webhook on a free local port: enforces Slack's rules, or answers from a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::slack_rules::violation;

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// See the module. Ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct SlackServer {
    pub(crate) url: String,
    pub(crate) requests: Arc<Mutex<Vec<Request>>>,
    /// Raw answers for the next requests; an empty one closes the connection without an answer.
    pub(crate) script: Arc<Mutex<VecDeque<String>>>,
}

impl SlackServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = Self {
            url: format!("http://127.0.0.1:{port}/services/T0/B0/s3cret"),
            requests: Arc::default(),
            script: Arc::default(),
        };
        let accept = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(accept.clone().answer(stream));
            }
        });
        server
    }

    pub(crate) fn then(&self, status: &str, headers: &str, body: &str) {
        let answer = format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        self.script.lock().unwrap().push_back(answer);
    }

    async fn answer(self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut data = Vec::new();
        let end = loop {
            if let Some(end) = data.windows(4).position(|w| w == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut data).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&data[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
        let length: usize = length.and_then(|l| l.trim().parse().ok()).unwrap_or(0);
        while data.len() < end + length {
            if stream.read_buf(&mut data).await? == 0 {
                return Ok(());
            }
        }
        let body = data[end..].to_vec();
        let scripted = self.script.lock().unwrap().pop_front();
        let answer = scripted.unwrap_or_else(|| {
            let fault = if head.starts_with("post ") && head.contains("content-type: application/json") {
                violation(&body)
            } else {
                Some("invalid_payload")
            };
            let (status, text) = fault.map_or(("200 OK", "ok"), |code| ("400 Bad Request", code));
            format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}", text.len())
        });
        self.requests.lock().unwrap().push(Request { head, body });
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    }
}
