//! A client and a server in one trace: `cargo run -p examples --bin http_server_and_client`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use axum::{Router, body::Body, extract::MatchedPath, extract::Request, routing::get};
use http_body_util::BodyExt as _;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use mplp_trace::core::http::{MonitoringLayer, client_requests};
use mplp_trace::core::model::TenantId;
use mplp_trace::core::store::{SpanQuery, SpanReader as _};
use mplp_trace::core::{pipeline::Pipeline, store::MemoryStore};
use tower::{ServiceBuilder, ServiceExt as _};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = MemoryStore::default();
    let pipeline = Pipeline::builder().export_spans("memory", store.clone()).start()?;

    // The server: one layer around the router; axum knows the route templates.
    let monitoring = MonitoringLayer::builder(pipeline.recorder().clone())
        .route_with(|parts| parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str))
        .build()?;
    let app = Router::new().route("/items/{id}", get(|| async { "an item" })).layer(monitoring);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/items/7", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });

    // The client: one layer around whatever sends; the trace goes along in the headers.
    let client = ServiceBuilder::new()
        .layer(client_requests(pipeline.recorder().clone()).route_with(|_| Some("/items/{id}")))
        .service(Client::builder(TokioExecutor::new()).build_http());
    let response = client.oneshot(Request::get(&url).body(Body::empty())?).await?;
    println!("{}: {:?}", response.status(), response.into_body().collect().await?.to_bytes());

    pipeline.shutdown(std::time::Duration::from_secs(5))?;
    let traces = store.search(&TenantId::default(), &SpanQuery::default()).await?.items;
    println!("{traces:#?}");
    assert_eq!((traces.len(), traces[0].span_count), (1, 2));
    Ok(())
}
