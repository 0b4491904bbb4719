//! A proxy between an exporter and a receiver that breaks connections as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It reaches the receiver.
    None,
    /// Nobody listens.
    Refuse,
    /// It is reset in the middle of the request's body.
    ResetMidBody,
    /// The request is read and never answered.
    Hang,
    /// The answer comes a byte at a time, too slowly.
    SlowDrip,
    /// This status and reason, and nothing else.
    Status(&'static str),
    /// 429 with `Retry-After` in seconds.
    RetryAfterSeconds,
    /// 429 with `Retry-After` as a date.
    RetryAfterDate,
    /// The answer breaks off.
    Truncated,
    /// An answer without end.
    Oversized,
    /// Bytes that are no HTTP.
    Nonsense,
    /// A success whose body is not what its type says.
    Garbled,
}

/// The proxy; ends when it is dropped.
pub struct FaultProxy {
    address: SocketAddr,
    upstream: u16,
    fault: Arc<Mutex<Fault>>,
    accepting: Option<JoinHandle<()>>,
    connections: Arc<Mutex<tokio::task::JoinSet<()>>>,
}

impl FaultProxy {
    /// Listens on a free port, in front of a receiver on this port of this machine.
    pub async fn start(upstream: u16, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut proxy = Self {
            address: listener.local_addr().unwrap(),
            upstream,
            fault: Arc::new(Mutex::new(fault)),
            accepting: None,
            connections: Arc::default(),
        };
        if fault != Fault::Refuse {
            proxy.accept(listener);
        }
        proxy
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on connections reach the receiver; those that hang are closed.
    pub async fn heal(&mut self) {
        *self.fault.lock().unwrap() = Fault::None;
        self.connections.lock().unwrap().abort_all();
        if self.accepting.is_none() {
            self.accept(TcpListener::bind(self.address).await.unwrap());
        }
    }

    fn accept(&mut self, listener: TcpListener) {
        let (fault, connections, upstream) = (self.fault.clone(), self.connections.clone(), self.upstream);
        self.accepting = Some(tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let fault = *fault.lock().unwrap();
                let mut connections = connections.lock().unwrap();
                while connections.try_join_next().is_some() {}
                connections.spawn(serve(stream, fault, upstream));
            }
        }));
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
        }
        self.connections.lock().unwrap().abort_all();
    }
}

async fn serve(mut stream: TcpStream, fault: Fault, upstream: u16) {
    if fault == Fault::None {
        if let Ok(mut there) = TcpStream::connect(("127.0.0.1", upstream)).await {
            let _ = copy_bidirectional(&mut stream, &mut there).await;
        }
        return;
    }
    let mut buffer = vec![0; 64];
    if stream.read(&mut buffer).await.is_err() || fault == Fault::ResetMidBody {
        #[allow(deprecated, reason = "Zero does not block")]
        let _ = stream.set_linger(Some(Duration::ZERO));
        return;
    }
    // The rest of the request; nothing comes after it, so that the end is a silence.
    let mut rest = vec![0; 1 << 16];
    while tokio::time::timeout(Duration::from_millis(20), stream.read(&mut rest))
        .await
        .is_ok_and(|n| n.is_ok_and(|n| n > 0))
    {}
    let closing = "content-length: 0\r\nconnection: close\r\n\r\n";
    let head = |status: &str| format!("HTTP/1.1 {status}\r\n");
    let _ = match fault {
        Fault::Status(status) => stream.write_all((head(status) + closing).as_bytes()).await,
        Fault::RetryAfterSeconds => {
            let answer = format!("{}retry-after: 1\r\n{closing}", head("429 Too Many Requests"));
            stream.write_all(answer.as_bytes()).await
        }
        Fault::RetryAfterDate => {
            let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
            let answer = format!("{}retry-after: {date}\r\n{closing}", head("429 Too Many Requests"));
            stream.write_all(answer.as_bytes()).await
        }
        Fault::Truncated => {
            let answer = head("200 OK") + "content-length: 100\r\n\r\nnot all";
            stream.write_all(answer.as_bytes()).await
        }
        Fault::Oversized => {
            let _ =
                stream.write_all((head("200 OK") + "content-length: 9999999999\r\n\r\n").as_bytes()).await;
            while stream.write_all(&rest).await.is_ok() {}
            Ok(())
        }
        Fault::SlowDrip => {
            for byte in (head("200 OK") + closing).bytes() {
                let _ = stream.write_all(&[byte]).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        }
        Fault::Garbled => {
            let answer = head("200 OK")
                + "content-type: application/x-protobuf\r\ncontent-length: 3\r\n\r\n\u{7f}\u{7f}\u{7f}";
            stream.write_all(answer.as_bytes()).await
        }
        Fault::Nonsense => stream.write_all(b"\x15\x03\x01 this is no HTTP\r\n\r\n").await,
        Fault::Hang | Fault::None | Fault::Refuse | Fault::ResetMidBody => std::future::pending().await,
    };
    let _ = stream.shutdown().await;
}
