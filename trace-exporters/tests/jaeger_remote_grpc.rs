//! Remote sampling over gRPC against a server of another library.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "jaeger-remote-grpc")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use trace_core::sample::remote::{Strategy, StrategySource as _};
use trace_exporters::jaeger_remote::{self, JaegerGrpcSampling};

#[derive(Clone, PartialEq, prost::Message)]
struct Parameters {
    #[prost(string, tag = "1")]
    service_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(message, optional, tag = "2")]
    probabilistic: Option<Probabilistic>,
    /// Something that a later version might add.
    #[prost(bytes = "vec", tag = "99")]
    more: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Probabilistic {
    #[prost(double, tag = "1")]
    sampling_rate: f64,
}

/// Answers as it was told, and notes for whom it was asked.
#[derive(Clone)]
struct Manager {
    answer: Arc<Mutex<Result<Answer, Status>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl NamedService for Manager {
    const NAME: &'static str = "jaeger.api_v2.SamplingManager";
}

impl UnaryService<Parameters> for Manager {
    type Response = Answer;
    type Future = std::future::Ready<Result<Response<Answer>, Status>>;

    fn call(&mut self, request: Request<Parameters>) -> Self::Future {
        self.asked.lock().unwrap().push(request.into_inner().service_name);
        std::future::ready(self.answer.lock().unwrap().clone().map(Response::new))
    }
}

impl Service<http::Request<Body>> for Manager {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let manager = self.clone();
        assert_eq!(request.uri().path(), "/jaeger.api_v2.SamplingManager/GetSamplingStrategy");
        let codec = tonic_prost::ProstCodec::<Answer, Parameters>::default();
        Box::pin(async move { Ok(Grpc::new(codec).unary(manager, request).await) })
    }
}

async fn start(manager: Manager) -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = tonic::service::Routes::new(manager).into_axum_router();
    let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (address.to_string(), server)
}

#[tokio::test]
async fn a_strategy_is_fetched_and_failures_say_what_happened() {
    let manager = Manager { answer: Arc::new(Mutex::new(Ok(Answer::default()))), asked: Arc::default() };
    let says = |answer| *manager.answer.lock().unwrap() = answer;
    let (address, server) = start(manager.clone()).await;
    let source = JaegerGrpcSampling::new(&format!("http://{address}")).unwrap();

    says(Ok(Answer { probabilistic: Some(Probabilistic { sampling_rate: 0.25 }), more: vec![1; 100] }));
    assert_eq!(source.fetch("my shöp").await, Ok(Strategy::Probabilistic(0.25)));
    let by_scheme = jaeger_remote::source(&format!("grpc://{address}")).unwrap();
    assert_eq!(by_scheme.fetch("other").await, Ok(Strategy::Probabilistic(0.25)));
    assert_eq!(*manager.asked.lock().unwrap(), ["my shöp", "other"]);

    let error = async || source.fetch("s").await.unwrap_err().to_string();
    says(Ok(Answer::default()));
    assert!(error().await.contains("neither operationSampling"));
    says(Ok(Answer { probabilistic: Some(Probabilistic { sampling_rate: 2.0 }), more: Vec::new() }));
    assert!(error().await.contains("got 2"));
    says(Ok(Answer { probabilistic: None, more: vec![0; 3 << 20] }));
    assert!(error().await.contains("neither"));
    says(Err(Status::unimplemented("not here")));
    let said = error().await;
    assert!(
        said.contains("grpc-status 12") && said.contains("not here") && said.contains(&address),
        "{said}"
    );

    server.abort();
    let _ = server.await;
    assert!(error().await.contains("refused"));
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let endless = Answer { probabilistic: None, more: vec![0; 5 << 20] };
    let manager = Manager { answer: Arc::new(Mutex::new(Ok(endless))), asked: Arc::default() };
    let (address, _server) = start(manager).await;
    let source = JaegerGrpcSampling::new(&format!("http://{address}")).unwrap();
    assert!(source.fetch("s").await.unwrap_err().to_string().contains("more than 4 MiB"));
}
