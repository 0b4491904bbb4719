//! The application: routes, layers and limits.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{get, post};
use trace_core::http::{MonitoringError, MonitoringLayer};
use trace_exporters::prometheus::Scrape;

use super::assets::Assets;
use super::error::ApiError;
use super::limits::{self, InFlight};
use super::listen::exposition;
use super::live::LiveHub;
use super::state::AppState;
use super::workflow::WorkflowEngine;
use super::{api, live};
use crate::module::TraceModule;

/// The HTTP API and the live page over a module. Call it within a Tokio runtime: a task collects what the page
/// shows, and ends when the last clone of the router is dropped.
///
/// # Errors
/// If the module's registry has other instruments of the names that requests are counted under, or the system
/// refuses a thread.
pub fn router(module: Arc<TraceModule>) -> Result<Router, MonitoringError> {
    Ok(build(module)?.0)
}

/// The application, and what feeds its live streams.
pub(super) fn build(module: Arc<TraceModule>) -> Result<(Router, Arc<LiveHub>), MonitoringError> {
    let state = AppState {
        live: LiveHub::start(&module),
        workflows: Arc::new(WorkflowEngine::new(module.clone())),
        module: module.clone(),
    };
    let hub = state.live.clone();
    let assets = Arc::new(Assets::load());
    let page = move |request: Request| {
        let assets = assets.clone();
        async move { assets.answer(&request) }
    };
    let monitoring = monitoring(&module)?;
    let mut app = Router::new()
        .route("/api/v1/monitoring/performance", get(api::monitoring::performance))
        .route("/api/v1/monitoring/anomalies", get(api::monitoring::anomalies))
        .route("/api/v1/workflows/execute", post(api::workflows::execute))
        .route_layer(monitoring)
        .route("/api/v1/traces", get(api::traces::list))
        .route("/api/v1/traces/{id}", get(api::traces::one))
        .route("/api/v1/alerts", get(api::alerts::list))
        .route("/api/v1/live", get(live::stream))
        .route("/health", get(api::health::health))
        .route("/health/live", get(api::health::alive))
        .route("/health/ready", get(api::health::ready));
    if module.config().opentelemetry.metrics.enabled {
        let metrics = module.metrics().clone();
        let page = module.config().opentelemetry.metrics.exporters.prometheus.as_ref();
        let exposition = page.map(exposition).unwrap_or_default();
        app = app.route_service("/metrics", Scrape::with_config(metrics, exposition));
    }
    let app = app
        .method_not_allowed_fallback(|| async {
            let message = "the route has no such method";
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
        })
        .fallback(page)
        .layer(DefaultBodyLimit::max(limits::MAX_BODY))
        .layer(middleware::from_fn_with_state(InFlight::default(), limits::guard))
        .layer(middleware::map_response(limits::secure))
        .with_state(state);
    Ok((app, hub))
}

/// Traces and counts requests by their route template.
fn monitoring(module: &TraceModule) -> Result<MonitoringLayer, MonitoringError> {
    let layer = MonitoringLayer::builder(module.recorder().clone())
        .route_with(|parts| parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str));
    if module.config().opentelemetry.metrics.enabled {
        layer.collect_metrics(module.metrics()).build()
    } else {
        layer.build()
    }
}
