//! Listening, and ending in order.

use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use trace_core::http::MonitoringError;
use trace_exporters::prometheus::{ExpositionConfig, ListenError, ListenerConfig, PrometheusListener};

use super::app;
use super::live::LiveHub;
use crate::config::{PrometheusConfig, TranslationStrategy};
use crate::module::TraceModule;

/// Connections at a time; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 1024;
/// A client must send its request's head within this time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest head of a request.
const MAX_HEAD_BYTES: usize = 32 << 10;
/// How long answers under way may take when the server ends.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Another program, or another instance of this one, has the port.
    #[error(
        "address {address} is in use: stop what listens there, or choose another port with --port; --port 0 takes \
         a free one"
    )]
    InUse {
        /// What was asked for.
        address: String,
    },
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; choose another address with --host, another port with --port"
    )]
    Bind {
        /// What was asked for.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The listener for Prometheus cannot start.
    #[error("{0} (opentelemetry.metrics.exporters.prometheus.port)")]
    Prometheus(#[from] ListenError),
    /// Requests cannot be watched.
    #[error("cannot watch requests")]
    Monitoring(#[from] MonitoringError),
}

/// A server that listens, and does not yet answer.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    listener: TcpListener,
    app: Router,
    live: Arc<LiveHub>,
    prometheus: Option<PrometheusListener>,
}

impl Server {
    /// Listens where the module's configuration says: `server.host` and `server.port`, and for Prometheus if
    /// `opentelemetry.metrics.exporters.prometheus` is there, at the same host unless that has its own.
    ///
    /// # Errors
    /// If an address cannot be listened on.
    pub async fn bind(module: Arc<TraceModule>) -> Result<Self, ServeError> {
        let config = module.config();
        let address = host_and_port(&config.server.host, config.server.port);
        let failed = |source: std::io::Error| match source.kind() {
            ErrorKind::AddrInUse => ServeError::InUse { address: address.clone() },
            _ => ServeError::Bind { address: address.clone(), source },
        };
        let listener = TcpListener::bind(&address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let metrics = &config.opentelemetry.metrics;
        let prometheus = match metrics.exporters.prometheus.as_ref().filter(|_| metrics.enabled) {
            None => None,
            Some(page) => {
                let host = page.host.as_ref().unwrap_or(&config.server.host);
                let mut listener = ListenerConfig::new(host_and_port(host, page.port));
                listener.path.clone_from(&page.endpoint);
                listener.exposition = exposition(page);
                let registry = module.metrics().clone();
                Some(PrometheusListener::start(&listener, registry).await?)
            }
        };
        let (app, live) = app::build(module)?;
        Ok(Self { address: bound, listener, app, live, prometheus })
    }

    /// The address that was bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the page; for an address of all interfaces, that of this machine.
    pub fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("http://{address}")
    }

    /// The URL of the listener for Prometheus, if there is one.
    pub fn prometheus_url(&self) -> Option<String> {
        self.prometheus.as_ref().map(PrometheusListener::url)
    }

    /// Answers until `stop` completes, then finishes what is under way, for 5 s at most.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { listener, app, live, prometheus, .. } = self;
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut stop = std::pin::pin!(stop);
        loop {
            let place = places.clone().acquire_owned();
            let accepted = async {
                // The semaphore is never closed.
                let place = place.await.ok();
                (place, listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                () = &mut stop => break,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let connection = serve(stream, app.clone(), &graceful);
                    tokio::spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
        drop(listener);
        live.close();
        let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
        if let Some(prometheus) = prometheus {
            prometheus.shutdown().await;
        }
    }
}

/// Serves one connection. An error is the client's: it went away or does not speak HTTP.
fn serve(
    stream: TcpStream,
    app: Router,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + 'static {
    // Answers are small: they should not wait for more.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let watched = graceful.watch(connection);
    async move {
        let _ = watched.await;
    }
}

/// What a page shows.
pub(super) fn exposition(page: &PrometheusConfig) -> ExpositionConfig {
    use trace_exporters::prometheus::TranslationStrategy as Named;
    let strategy = match page.translation_strategy {
        TranslationStrategy::UnderscoreEscapingWithSuffixes => Named::UnderscoreEscapingWithSuffixes,
        TranslationStrategy::UnderscoreEscapingWithoutSuffixes => Named::UnderscoreEscapingWithoutSuffixes,
        TranslationStrategy::NoUtf8EscapingWithSuffixes => Named::NoUtf8EscapingWithSuffixes,
        TranslationStrategy::NoTranslation => Named::NoTranslation,
    };
    let mut exposition = ExpositionConfig::default().translated(strategy);
    exposition.scope_labels = page.scope_labels;
    exposition.target_info = page.target_info;
    exposition.created_lines = page.created_lines;
    exposition
}

fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
