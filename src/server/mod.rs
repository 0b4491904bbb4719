//! The HTTP API, the live page, and the server around them.
//!
//! [`router`] is an axum application over a [`TraceModule`](crate::TraceModule); [`Server`] listens and serves it.
//!
//! | route | answer |
//! |---|---|
//! | `GET /` | the live page |
//! | `GET /health`, `/health/live`, `/health/ready` | how the system itself is doing |
//! | `GET /metrics` | metrics for Prometheus |
//! | `GET /api/v1/monitoring/performance` | `traceId`, `timeRange` (`1h`) |
//! | `GET /api/v1/monitoring/anomalies` | `severity`, `timeRange` (`24h`), `includeResolved` |
//! | `POST /api/v1/workflows/execute` | runs a workflow of agents; see [`workflow::WorkflowRequest`] |
//! | `GET /api/v1/traces`, `/api/v1/traces/{id}` | stored traces |
//! | `GET /api/v1/alerts` | alerts and what became of telling people |
//! | `GET /api/v1/live` | everything as it happens, as server-sent events |
//!
//! Requests to the monitoring and workflow routes are traced and counted themselves; the routes that the page and
//! probes call again and again are not, for they would fill the very lists they show.

mod api;
mod app;
mod assets;
mod error;
mod limits;
mod listen;
mod live;
mod state;
mod trace_view;
pub mod workflow;

pub use app::router;
pub use listen::{ServeError, Server};
