//! A listener of a receiver's own: HTTP/1.1 and HTTP/2 on one port.

use std::convert::Infallible;
use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::ReplyBody;

/// Connections served at a time; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 1024;
/// The head of a request, and the next one on the same connection, must come within this time. Clients that send once
/// a minute keep their connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(150);
/// How long a shutdown waits for answers under way.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What a connection buffers of what it reads: a request of usual size in a few reads.
const READ_BUFFER: usize = 256 << 10;
/// What a client may have under way before it is told of progress.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// Calls at a time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// A peer that is gone is noticed by its silence.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Why a receiver cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiverListenError {
    /// Another program, or another part of this one, has the port.
    #[error("{what} address {address} is in use: stop what listens there, or choose another port")]
    InUse {
        /// Which receiver.
        what: &'static str,
        /// What was given.
        address: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {what} address {address}")]
    Bind {
        /// Which receiver.
        what: &'static str,
        /// What was given.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A running listener. It ends when this is dropped; [`shutdown`](Self::shutdown) also waits.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Listens on `address` (`host:port`; port 0 takes a free one), and answers on the current Tokio runtime. `what`
    /// names the receiver in errors.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn start<A, F>(
        what: &'static str,
        address: &str,
        answer: A,
    ) -> Result<Self, ReceiverListenError>
    where
        A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<ReplyBody>> + Send + 'static,
    {
        let fail = |source: std::io::Error| {
            let address = address.to_owned();
            match source.kind() {
                ErrorKind::AddrInUse => ReceiverListenError::InUse { what, address },
                _ => ReceiverListenError::Bind { what, address, source },
            }
        };
        let listener = TcpListener::bind(address).await.map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, answer, stopped));
        Ok(Self { address, stop, task })
    }

    /// The address that was bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening and waits until requests under way are answered, 5 s at most.
    pub async fn shutdown(self) {
        let Self { stop, task, .. } = self;
        drop(stop);
        // An error here is a panic or an abort of the task, which is as stopped as it can be.
        let _ = task.await;
    }
}

async fn accept<A, F>(listener: TcpListener, answer: A, mut stopped: oneshot::Receiver<()>)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<ReplyBody>> + Send + 'static,
{
    let mut server = Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(READ_BUFFER);
    server
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(KEEP_ALIVE);
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = GracefulShutdown::new();
    loop {
        let next = async {
            // The semaphore is never closed.
            let slot = Arc::clone(&slots).acquire_owned().await.ok();
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            next = next => next,
            _ = &mut stopped => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Without it an answer may wait for the client's acknowledgement; if it fails, that is all.
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answered = answer(request);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            // A broken connection concerns the client alone.
            let _ = connection.await;
            drop(slot);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN, connections.shutdown()).await;
}
