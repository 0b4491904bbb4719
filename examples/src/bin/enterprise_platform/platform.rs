//! The platform: the module of the seed's configuration, and an axum application around the workflows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{MatchedPath, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use mplp_trace::config::Format;
use mplp_trace::core::http::MonitoringLayer;
use mplp_trace::module::ShutdownReport;
use mplp_trace::{TraceConfig, TraceModule, server};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::Result;
use crate::resources::{ResourcePool, Resources};
use crate::workflow::{WorkflowRequest, Workflows};

/// Outside of production every trace is kept (`samplingRate`, 0.1 there). Without `SLACK_WEBHOOK_URL` and
/// `SMTP_SERVER` these two channels are off, and the health says so. Spans go further with
/// `tracing: { exporters: { otlp: { enabled: true, headers: { Authorization: "Bearer ${OTEL_AUTH_TOKEN}" } } } }`.
const CONFIG: &str = "
opentelemetry:
  service:
    name: mplp-enterprise-api
    version: 1.0.0-alpha
    namespace: mplp
    environment: ${NODE_ENV:-development}
  tracing: { enabled: true }
  metrics: { enabled: true }
anomalyDetection:
  enabled: true
  aiModel: { modelType: isolation_forest, confidenceThreshold: 0.8 }
alerting:
  enabled: true
  notifications:
    slack: { enabled: true, webhookUrl: '${SLACK_WEBHOOK_URL}', channel: '#monitoring' }
    email: { enabled: true, smtpServer: '${SMTP_SERVER}', fromAddress: monitoring@mplp.dev }
    console: { enabled: true }
";

/// A running platform.
pub(crate) struct Platform {
    pub(crate) module: Arc<TraceModule>,
    pub(crate) pool: Arc<ResourcePool>,
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Platform {
    /// Starts on this port. `env` looks up environment variables.
    pub(crate) async fn start(port: u16, env: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let (config, warnings) = TraceConfig::from_str(CONFIG, Format::Yaml, env)?;
        for warning in &warnings {
            println!("warning: {warning}");
        }
        let pool =
            Arc::new(ResourcePool::new(Resources { cpu_cores: 8, memory_mb: 4096, storage_mb: 10_000 }));
        // `TraceModule::from_config` in one line; with the warnings and the pool as parts of its health.
        let module = TraceModule::builder().config(config).warnings(warnings).required_check(pool.clone());
        let module = Arc::new(module.build()?);
        module.set_global();

        let app = application(&module, &pool)?;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = axum::serve(listener, app).with_graceful_shutdown(async {
            let _ = stopped.await; // an error means that the platform was dropped
        });
        Ok(Self { module, pool, address, stop, server: tokio::spawn(serve.into_future()) })
    }

    /// Finishes what is under way, delivers everything, and tells what became of it.
    pub(crate) async fn stop(self) -> Result<ShutdownReport> {
        let _ = self.stop.send(()); // an error means that the server has ended
        self.server.await??;
        Ok(self.module.shutdown(Duration::from_secs(5))?)
    }
}

/// Our own route, watched; everything else is answered by the module's own application: `/health`, `/metrics`,
/// `/api/v1/monitoring/performance`, `/api/v1/monitoring/anomalies`, and the live page at `/`.
fn application(module: &Arc<TraceModule>, pool: &Arc<ResourcePool>) -> Result<Router> {
    let monitoring = MonitoringLayer::builder(module.recorder().clone())
        .route_with(|parts| parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str))
        .collect_metrics(module.metrics())
        .build()?;
    Ok(Router::new()
        .route("/api/v1/workflows/execute", post(execute))
        .route_layer(monitoring)
        .with_state(Workflows { module: module.clone(), pool: pool.clone() })
        .fallback_service(server::router(module.clone())?))
}

async fn execute(
    State(workflows): State<Workflows>,
    body: Result<Json<WorkflowRequest>, JsonRejection>,
) -> Response {
    let request = match body {
        Ok(Json(request)) => request,
        Err(rejection) => {
            let body = json!({ "success": false, "error": rejection.body_text(), "code": "INVALID_BODY" });
            return (rejection.status(), Json(body)).into_response();
        }
    };
    let (trace, result) = workflows.execute(&request).await;
    let tracing = trace.map(|t| json!({ "traceId": t.trace_id, "spanId": t.span_id }));
    let (status, body) = match result {
        Ok(result) => (
            StatusCode::OK,
            json!({
                "success": true,
                "workflowId": request.workflow_id,
                "executionId": trace.map(|t| t.trace_id),
                "result": result,
                "tracing": tracing,
            }),
        ),
        Err(error) => {
            let (status, code) = error.answer();
            let error = error.to_string();
            (status, json!({ "success": false, "error": error, "code": code, "tracing": tracing }))
        }
    };
    (status, Json(body)).into_response()
}
