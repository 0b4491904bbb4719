//! An enterprise observability platform: workflows over HTTP, watched from the request to the alert.
//! `cargo run -p examples --bin enterprise_platform` starts it on a free port, sends it requests, checks the answers
//! and the traces, and ends it with the delivery report.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod client;
mod platform;
mod request;
mod resources;
mod tree;
mod workflow;

use std::time::{Duration, Instant};

use mplp_trace::alerting::RecordFilter;
use mplp_trace::core::model::{AlertKind, DeliveryOutcome, Severity};
use mplp_trace::core::store::{SpanQuery, SpanReader};
use platform::Platform;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

const LIMIT: Duration = Duration::from_secs(5);
const EXECUTE: &str = "/api/v1/workflows/execute";

const SUCCEEDS: &str = r#"{
    "workflowId": "wf-1", "workflowType": "sums", "priority": "high", "parallelTasks": 2,
    "resourceRequirements": { "cpuCores": 2, "memoryMb": 512 },
    "tasks": [{ "agent": "ann", "input": "1 2 3", "toolMs": 5 }, { "agent": "bob", "input": "36", "toolMs": 5 }]
}"#;
const FAILS: &str = r#"{
    "workflowId": "wf-2", "workflowType": "sums", "resourceRequirements": { "cpuCores": 8 },
    "tasks": [{ "agent": "ann", "input": "1 2 many" }]
}"#;
const TAKES_LONG: &str = r#"{
    "workflowId": "wf-3", "workflowType": "sums", "resourceRequirements": { "cpuCores": 8 },
    "tasks": [{ "agent": "ann", "input": "1", "toolMs": 3600000 }]
}"#;

#[tokio::main]
async fn main() -> Result<()> {
    // A platform of one's own takes port 3000 and `&|name| std::env::var(name).ok()`; this one stays by itself.
    let platform = Platform::start(0, &|_| None).await?;
    println!("the platform runs at http://{}", platform.address);
    let everything = platform.pool.free();

    succeeds(&platform).await?;
    fails(&platform).await?;
    assert_eq!(platform.pool.free(), everything, "a failure gives its resources back");
    is_refused(&platform).await?;
    goes_away(&platform).await?;
    assert_eq!(platform.pool.free(), everything, "so does a client that goes away");
    is_monitored(&platform).await?;

    println!("\n6. The end: no more work is taken, and load balancers are told.");
    platform.pool.close();
    let health = client::ask(platform.address, "GET", "/health", "").await?;
    println!("   /health: {} {}", health.status, health.body["status"]);
    assert_eq!((health.status, &health.body["status"]), (503, &"unhealthy".into()));
    let report = platform.stop().await?;
    println!("\n{report}");
    assert_eq!((report.spans.ledger.open, report.lost()), (0, 0));
    assert_eq!(report.alerts.map(|a| (a.accepted, a.delivered)), Some((1, 1)));
    Ok(())
}

async fn succeeds(platform: &Platform) -> Result<()> {
    println!("\n1. A workflow that succeeds.");
    let answer = client::ask(platform.address, "POST", EXECUTE, SUCCEEDS).await?;
    println!("   {} {}", answer.status, answer.body);
    assert_eq!((answer.status, &answer.body["success"]), (200, &true.into()));
    assert_eq!((&answer.body["result"]["sum"], &answer.body["workflowId"]), (&42.into(), &"wf-1".into()));
    assert_eq!(answer.body["executionId"], answer.body["tracing"]["traceId"]);
    let tree = tree::of(platform, &answer.body["tracing"]["traceId"]).await?;
    println!("{tree}");
    let expected = "\
POST /api/v1/workflows/execute
  workflow_execution ok
    workflow_validation ok
    resource_allocation ok
    workflow_execution_core ok
      agent_task ok
      agent_task ok
    result_processing_and_cleanup
";
    assert_eq!(tree, expected);
    Ok(())
}

async fn fails(platform: &Platform) -> Result<()> {
    println!("2. A workflow that fails: it is cleaned up, answered and alerted.");
    let answer = client::ask(platform.address, "POST", EXECUTE, FAILS).await?;
    println!("   {} {}", answer.status, answer.body);
    let message = r#"agent ann failed: "many" is not a number"#;
    assert_eq!((answer.status, &answer.body["code"]), (500, &"WORKFLOW_EXECUTION_FAILED".into()));
    assert_eq!(answer.body["error"], message);
    let tree = tree::of(platform, &answer.body["tracing"]["traceId"]).await?;
    println!("{tree}");
    assert!(tree.contains(&format!("      agent_task error: {message}\n")));
    assert!(tree.ends_with("    result_processing_and_cleanup\n"), "the last phase runs on every path");

    let alerts = platform.module.alerts().ok_or("alerting is off")?;
    assert!(alerts.flush(LIMIT), "the alert is delivered");
    let records = alerts.records(&RecordFilter::default());
    assert_eq!(records.len(), 1, "{records:?}");
    let alert = &records[0].alert;
    assert_eq!((&alert.kind, alert.severity), (&AlertKind::WorkflowExecutionFailed, Severity::Critical));
    assert_eq!((alert.workflow_id.as_deref(), alert.error.as_deref()), (Some("wf-2"), Some(message)));
    assert_eq!(
        alert.trace.map(|t| t.trace_id.to_string().into()),
        Some(answer.body["tracing"]["traceId"].clone())
    );
    let told = records[0].deliveries.iter().find(|d| d.channel == "console").ok_or("nobody was told")?;
    assert!(matches!(told.outcome, DeliveryOutcome::Delivered { .. }), "{told:?}");
    Ok(())
}

async fn is_refused(platform: &Platform) -> Result<()> {
    println!("\n3. Requests that nobody can carry out: the client is told, nobody else.");
    for (body, code) in [
        (r#"{ "workflowId": "wf-"#, "INVALID_BODY"),
        (r#"{ "workflowId": "wf-4", "workflowType": "sums", "tasks": [] }"#, "INVALID_WORKFLOW"),
    ] {
        let answer = client::ask(platform.address, "POST", EXECUTE, body).await?;
        println!("   {} {}", answer.status, answer.body);
        assert_eq!((answer.status, &answer.body["code"]), (400, &code.into()));
    }
    assert_eq!(platform.module.service().stats().alerts, 1, "no further alert");
    Ok(())
}

async fn goes_away(platform: &Platform) -> Result<()> {
    println!("\n4. A client that goes away: its workflow ends with it.");
    let connection = client::send(platform.address, "POST", EXECUTE, TAKES_LONG).await?;
    wait_until("the workflow holds its resources", || platform.pool.free().cpu_cores == 0).await?;
    drop(connection);
    wait_until("the resources are free again", || platform.pool.free().cpu_cores == 8).await?;
    println!("   its resources are free again");
    wait_until("every span has ended", || platform.module.ledger().open == 0).await?;
    platform.module.flush(LIMIT)?;
    let store = platform.module.store();
    let tenant = platform.module.service().tenant();
    let latest = store.search(tenant, &SpanQuery { limit: 1, ..SpanQuery::default() }).await?.items.remove(0);
    let trace = store.trace(tenant, &latest.trace_id).await?.ok_or("the trace is not stored")?;
    let request = &trace.root().ok_or("the trace is empty")?.span;
    let status = request.attributes.iter().find(|kv| kv.key == "mplp.status").map(|kv| kv.value.to_string());
    println!("   {}: mplp.status = {}", request.name, status.as_deref().unwrap_or("?"));
    assert_eq!(status.as_deref(), Some("cancelled"));
    Ok(())
}

async fn is_monitored(platform: &Platform) -> Result<()> {
    println!("\n5. What the platform knows about itself.");
    let get = async |path: &str| client::ask(platform.address, "GET", path, "").await;
    let performance = get("/api/v1/monitoring/performance?timeRange=1h").await?;
    println!("   performance: {} {}", performance.status, performance.body["success"]);
    assert_eq!((performance.status, &performance.body["success"]), (200, &true.into()));
    let anomalies = get("/api/v1/monitoring/anomalies?severity=high&timeRange=24h").await?;
    println!("   anomalies: {} {}", anomalies.status, anomalies.body["anomalies"]);
    assert_eq!((anomalies.status, &anomalies.body["anomalies"]), (200, &serde_json::json!([])));
    let wrong = get("/api/v1/monitoring/anomalies?timeRange=soon").await?;
    assert_eq!((wrong.status, &wrong.body["code"]), (400, &"INVALID_TIME_RANGE".into()));
    // Two channels are configured and off: worth a look, no reason to send the traffic elsewhere.
    let health = get("/health").await?;
    println!("   health: {} {}", health.status, health.body["status"]);
    assert_eq!((health.status, &health.body["status"]), (200, &"degraded".into()));
    Ok(())
}

async fn wait_until(what: &str, condition: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !condition() {
        if began.elapsed() > LIMIT {
            return Err(format!("waited in vain: {what}").into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
