//! The application over a module of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use mplp_trace::server::router;
use mplp_trace::{TraceConfig, TraceModule};
use serde_json::Value;
use tower::ServiceExt;

pub(crate) struct App {
    pub(crate) module: Arc<TraceModule>,
    pub(crate) router: Router,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl App {
    /// Every trace is kept, nobody is told of alerts.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut TraceConfig)) -> Self {
        let mut config = TraceConfig::default();
        config.opentelemetry.service.name = "test".to_owned();
        config.opentelemetry.tracing.sampling_rate = 1.0;
        change(&mut config);
        Self::over(TraceModule::from_config(config).unwrap())
    }

    pub(crate) fn over(module: TraceModule) -> Self {
        let module = Arc::new(module);
        let router = router(module.clone()).unwrap();
        Self { module, router }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn execute(&self, body: impl Into<Body>) -> Answer {
        let request =
            Request::post("/api/v1/workflows/execute").header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    /// Waits until everything that has ended can be queried.
    pub(crate) fn settle(&self) {
        self.module.flush(Duration::from_secs(10)).unwrap();
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e} in {:?}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// Checks that it is this error, in the form that all errors have.
    pub(crate) fn assert_error(&self, status: u16, code: &str) {
        let body = self.json();
        assert_eq!((self.status.as_u16(), &body["code"]), (status, &Value::from(code)), "{body}");
        assert_eq!(body["success"], false);
        assert!(body["error"].as_str().is_some_and(|e| !e.is_empty()), "{body}");
    }
}
