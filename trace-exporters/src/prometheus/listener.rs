//! A small HTTP listener for scrapes, for programs without a server of their own.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::config::ExpositionConfig;
use super::scrape::{Collect, Scrape, plain};

/// Connections served at a time; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 32;
/// A client must send its request's head within this time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection older than this is closed, so that a client that never reads cannot hold it for good.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(300);
/// How long a shutdown waits for answers under way.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The largest head of a request.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// Where scrapes are answered. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ListenerConfig {
    /// `host:port`; port 0 takes a free one. Default `localhost:9090`, as MPLP prescribes; a Prometheus server on the
    /// same machine has that port by default, too.
    pub address: String,
    /// The path, beginning with `/`. Default `/metrics`.
    pub path: String,
    /// How metrics are named and what is shown of them.
    pub exposition: ExpositionConfig,
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self {
            address: "localhost:9090".to_owned(),
            path: "/metrics".to_owned(),
            exposition: ExpositionConfig::default(),
        }
    }
}

impl ListenerConfig {
    /// The defaults at another address.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), ..Self::default() }
    }
}

/// Why scrapes cannot be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The path is not one.
    #[error("prometheus path {path:?} must begin with / and hold no ?, # or blank")]
    Path {
        /// What was given.
        path: String,
    },
    /// Another program, or another part of this one, has the port.
    #[error("prometheus address {address} is in use: stop what listens there, or choose another port")]
    InUse {
        /// What was given.
        address: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on prometheus address {address}")]
    Bind {
        /// What was given.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A running listener. It ends when this is dropped; [`shutdown`](Self::shutdown) also waits.
#[derive(Debug)]
pub struct PrometheusListener {
    address: SocketAddr,
    path: String,
    scrape: Scrape,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl PrometheusListener {
    /// Listens, and answers scrapes on the current Tokio runtime.
    ///
    /// # Errors
    /// If the path is not one or the address cannot be listened on.
    pub async fn start(config: &ListenerConfig, source: impl Collect) -> Result<Self, ListenError> {
        let path = config.path.clone();
        if !path.starts_with('/')
            || path.contains(|c: char| "?#".contains(c) || c.is_whitespace() || c.is_control())
        {
            return Err(ListenError::Path { path });
        }
        let fail = |source: std::io::Error| {
            let address = config.address.clone();
            match source.kind() {
                ErrorKind::AddrInUse => ListenError::InUse { address },
                _ => ListenError::Bind { address, source },
            }
        };
        let listener = TcpListener::bind(&config.address).await.map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let scrape = Scrape::with_config(source, config.exposition.clone());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, path.clone(), scrape.clone(), stopped));
        Ok(Self { address, path, scrape, stop, task })
    }

    /// The address that was bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The URL to scrape.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// The service that answers, for its report of what could not be shown.
    pub fn scrape(&self) -> &Scrape {
        &self.scrape
    }

    /// Stops listening and waits until answers under way are sent, 5 s at most.
    pub async fn shutdown(self) {
        let Self { stop, task, .. } = self;
        drop(stop);
        // An error here is a panic or an abort of the task, which is as stopped as it can be.
        let _ = task.await;
    }
}

async fn accept(listener: TcpListener, path: String, scrape: Scrape, mut stopped: oneshot::Receiver<()>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = GracefulShutdown::new();
    let path: Arc<str> = path.into();
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
        let connection = connections.watch(connection(stream, Arc::clone(&path), scrape.clone()));
        tokio::spawn(async move {
            // A broken connection or an over-age one concerns the client alone.
            let _ = tokio::time::timeout(MAX_CONNECTION_AGE, connection).await;
            drop(slot);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN, connections.shutdown()).await;
}

fn connection(
    stream: TcpStream,
    path: Arc<str>,
    scrape: Scrape,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
        let response = if request.uri().path() == &*path {
            scrape.respond(&request)
        } else {
            plain(StatusCode::NOT_FOUND, "metrics are at another path\n", &[])
        };
        std::future::ready(Ok::<_, std::convert::Infallible>(response))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), answer)
}
