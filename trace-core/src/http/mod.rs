//! tower layers that watch the requests of an HTTP server and of an HTTP client.
//!
//! Layers for any body types. For a server three, to be used apart or as one [`MonitoringLayer`]; for a client one:
//!
//! | layer | gives |
//! |---|---|
//! | [`TraceRequests`] | a server span for each request, joined to the caller's trace |
//! | [`CollectMetrics`] | `http.server.request.duration`, `mplp_http_requests_total`, `mplp_http_request_duration_seconds` |
//! | [`DetectAnomalies`] | duration and outcome of each request, to a [`RequestObserver`] |
//! | [`ClientLayer`] | a client span for each request, its context in the headers, `http.client.request.duration` |
//!
//! What can be set on all of them are the methods of [`RequestLayer`]. A request lasts until its response body has
//! been sent, has failed or is dropped; one that upgrades its connection, until the response. No layer changes a
//! response, except that [`TraceRequests`] adds a `traceparent` header to it. A panic of the service is noted and goes
//! on.
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
//!
//! A client that is a tower service takes [`client_requests`] as a layer; others, such as `reqwest`, use
//! [`ClientLayer::call`](RequestLayer::call), or [`current_headers`](crate::propagate::current_headers) for the trace context alone.

mod address;
mod body;
mod client;
mod collect_metrics;
mod detect_anomalies;
mod error;
mod error_type;
mod family;
mod fields;
mod forwarded;
mod future;
mod grpc;
mod headers;
mod layer;
mod method;
mod monitor;
mod observer;
mod observer_thread;
mod operation;
mod redact;
mod request_body;
mod request_layer;
mod request_span;
mod selection;
mod series;
mod server_span;
mod service;
mod trace_requests;
mod traceparent;
mod tracker;
mod windows;

pub use body::MonitoredBody;
pub use client::{Calls, ClientCall, ClientLayer, ResendCount, client_requests};
pub use collect_metrics::{CollectMetrics, MetricNames, Metrics, UNMATCHED, collect_metrics};
pub use detect_anomalies::{DetectAnomalies, Detection, detect_anomalies};
pub use error::MonitoringError;
pub use forwarded::ForwardedHeader;
pub use future::MonitoredFuture;
pub use layer::{Monitoring, MonitoringLayer, MonitoringLayerBuilder};
pub use monitor::{Ended, Monitor, MonitoredRequest, Outcome};
pub use observer::{RequestObservation, RequestObserver};
pub use observer_thread::ObserverStats;
pub use request_body::{MeasureRequestBodies, MeasuredRequestBody, MeasuresRequestBodies};
pub use request_layer::{RequestLayer, Watched};
pub use request_span::RequestSpan;
pub use selection::DEFAULT_EXCLUDED_PATHS;
pub use service::Monitored;
pub use trace_requests::{TraceRequests, Tracing, trace_requests};
pub use windows::WindowsObserver;
