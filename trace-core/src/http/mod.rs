//! tower layers that watch the requests of an HTTP server.
//!
//! Three layers, for any body types, to be used apart or as one [`MonitoringLayer`]:
//!
//! | layer | gives |
//! |---|---|
//! | [`TraceRequests`] | a server span for each request, joined to the caller's trace |
//! | [`CollectMetrics`] | `mplp_http_requests_total` and `mplp_http_request_duration_seconds` |
//! | [`DetectAnomalies`] | duration and outcome of each request, to a [`RequestObserver`] |
//!
//! A request lasts until its response body has been sent, has failed or is dropped. No layer changes a response,
//! except that [`TraceRequests`] adds a `traceparent` header to it. A panic of the service is noted and goes on.
//!
//! With axum, tell the layers where the route template is, and give them to the outermost router:
//!
//! ```
//! use axum::{Router, extract::MatchedPath, routing::get};
//! use trace_core::{http::MonitoringLayer, metric::MeterRegistry, pipeline::Pipeline};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pipeline = Pipeline::builder().start()?;
//! let registry = MeterRegistry::new(pipeline.recorder().resource().clone());
//! let monitoring = MonitoringLayer::builder(pipeline.recorder().clone())
//!     .route_with(|parts| parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str))
//!     .collect_metrics(&registry)
//!     .build()?;
//! let app: Router = Router::new().route("/items/{id}", get(|| async { "an item" })).layer(monitoring);
//! # drop(app);
//! # Ok(())
//! # }
//! ```

mod body;
mod client;
mod collect_metrics;
mod detect_anomalies;
mod error;
mod future;
mod layer;
mod method;
mod monitor;
mod observer;
mod observer_thread;
mod request_span;
mod selection;
mod semantics;
mod service;
mod trace_requests;
mod tracker;
mod windows;

pub use body::MonitoredBody;
pub use client::{inject_current, inject_current_with};
pub use collect_metrics::{CollectMetrics, UNMATCHED, collect_metrics};
pub use detect_anomalies::{DetectAnomalies, detect_anomalies};
pub use error::MonitoringError;
pub use future::MonitoredFuture;
pub use layer::{MonitoringLayer, MonitoringLayerBuilder};
pub use monitor::{Ended, Monitor, MonitoredRequest, Outcome};
pub use observer::{RequestObservation, RequestObserver};
pub use observer_thread::ObserverStats;
pub use request_span::RequestSpan;
pub use selection::DEFAULT_EXCLUDED_PATHS;
pub use service::Monitored;
pub use trace_requests::{TraceRequests, trace_requests};
pub use windows::WindowsObserver;
