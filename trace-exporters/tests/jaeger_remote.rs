//! Remote sampling against a server that listens.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "jaeger-remote")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use trace_core::async_trait;
use trace_core::model::{SpanKind, TraceId};
use trace_core::sample::remote::{FetchError, RemoteConfig, RemoteSampler, Strategy, StrategySource};
use trace_core::signal::{Sampler, SamplingInput};
use trace_exporters::jaeger_remote::JaegerSampling;

#[derive(Clone, Default)]
struct Backend {
    answer: Arc<Mutex<(u16, String)>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Backend {
    fn says(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    /// Listens at a free port.
    async fn start(&self) -> (String, tokio::task::JoinHandle<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/sampling", listener.local_addr().unwrap());
        let app = Router::new().route("/sampling", get(sampling)).with_state(self.clone());
        (address, tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }))
    }
}

async fn sampling(State(b): State<Backend>, Query(q): Query<Vec<(String, String)>>) -> (StatusCode, String) {
    // As Jaeger does: exactly one service.
    let [(key, service)] = q.as_slice() else { return (StatusCode::BAD_REQUEST, "one service".into()) };
    assert_eq!(key, "service");
    b.asked.lock().unwrap().push(service.clone());
    let (status, body) = b.answer.lock().unwrap().clone();
    (StatusCode::from_u16(status).unwrap(), body)
}

/// Lets the server and the polling thread go on until it is so.
async fn until(so: impl Fn() -> bool) {
    let limit = std::time::Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(std::time::Instant::now() < limit, "it never came");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A source of which one can tell when it is dropped.
struct Marked(JaegerSampling, #[allow(dead_code, reason = "it is counted")] Arc<()>);

#[async_trait]
impl StrategySource for Marked {
    async fn fetch(&self, service: &str) -> Result<Strategy, FetchError> {
        self.0.fetch(service).await
    }
}

#[tokio::test]
async fn a_sampler_follows_what_a_server_says_and_keeps_it_when_the_server_fails() {
    let backend = Backend::default();
    backend.says(200, r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":1}}"#);
    let (address, _server) = backend.start().await;
    let interval = Duration::from_millis(100);
    let config = RemoteConfig { interval, initial_probability: 0.0, ..RemoteConfig::new("my shop") };
    let (sampler, poller) = RemoteSampler::new(config).unwrap();
    let ask = || sampler.sample(&SamplingInput::new(TraceId::MIN, "op", SpanKind::Server)).is_sampled();
    assert!(!ask());
    let mark = Arc::new(());
    let polling = {
        let source = Marked(JaegerSampling::new(&address).unwrap(), mark.clone());
        poller.spawn(source).unwrap()
    };
    until(|| sampler.status().strategy == Some(Strategy::Probabilistic(1.0))).await;
    assert!(ask());
    assert_eq!(backend.asked.lock().unwrap()[0], "my shop");

    backend.says(500, "no");
    until(|| sampler.status().failures >= 2).await;
    assert!(ask());
    let error = sampler.status().last_error.unwrap();
    assert!(error.contains("500 Internal Server Error") && error.contains(&address), "{error}");

    backend.says(200, r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":0}}"#);
    until(|| sampler.status().strategy == Some(Strategy::RateLimiting(0.0))).await;
    assert!(!ask());
    drop(polling);
    // Nobody is left who could ask.
    until(|| Arc::strong_count(&mark) == 1).await;
}

#[tokio::test]
async fn answers_are_bounded_and_failures_say_what_happened() {
    let backend = Backend::default();
    backend.says(200, &"x".repeat(5 << 20));
    let (address, server) = backend.start().await;
    let source = JaegerSampling::new(&address).unwrap();
    assert!(source.fetch("s").await.unwrap_err().to_string().contains("more than 4 MiB"));
    backend.says(200, "{}");
    assert!(source.fetch("s").await.unwrap_err().to_string().contains("neither operationSampling"));
    backend.says(307, "elsewhere");
    assert!(source.fetch("s").await.unwrap_err().to_string().contains("answered 307"));
    server.abort();
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}/", nobody.local_addr().unwrap());
    drop(nobody);
    let error = JaegerSampling::new(&gone).unwrap().fetch("s").await.unwrap_err().to_string();
    assert!(error.contains("refused"), "{error}");
}
