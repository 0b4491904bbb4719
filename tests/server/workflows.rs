//! `POST /api/v1/workflows/execute`.

use std::time::Duration;

use axum::body::Body;
use http::{Request, header};
use mplp_trace::alerting::RecordFilter;
use mplp_trace::core::model::Severity;
use serde_json::Value;

use crate::support::App;

async fn trace_of(app: &App, answer: &Value) -> Vec<Value> {
    app.settle();
    let id = answer["tracing"]["traceId"].as_str().unwrap();
    let trace = app.get(&format!("/api/v1/traces/{id}")).await.json();
    trace["trace"]["spans"].as_array().unwrap().clone()
}

fn named<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    spans.iter().find(|s| s["name"] == name).unwrap_or_else(|| panic!("no span {name}"))
}

#[tokio::test]
async fn a_workflow_is_run_in_phases_with_agents_side_by_side() {
    let app = App::new();
    let body = r#"{"workflowId":"w-7","workflowType":"report","priority":"high","parallelTasks":2,
        "agents":[{"name":"a","documents":5,"waitMs":1},{"name":"b","documents":7,"waitMs":1}]}"#;
    let answer = app.execute(body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!((&answer["success"], &answer["workflowId"]), (&true.into(), &"w-7".into()));
    assert_eq!(answer["executionId"], answer["tracing"]["traceId"]);
    assert_eq!(answer["result"]["processedItems"], 12);
    assert_eq!(answer["result"]["agents"][1]["name"], "b");

    let spans = trace_of(&app, &answer).await;
    assert_eq!(spans.len(), 8);
    let root = named(&spans, "workflow_execution");
    assert_eq!((&root["kind"], &root["scope"]), (&"internal".into(), &"workflow-service".into()));
    assert_eq!(root["spanId"], answer["tracing"]["spanId"]);
    let attributes = &root["attributes"];
    for (key, value) in [
        ("workflow.id", Value::from("w-7")),
        ("workflow.type", "report".into()),
        ("priority", "high".into()),
        ("workflow.status", "completed".into()),
        ("workflow.success", true.into()),
    ] {
        assert_eq!(attributes[key], value, "{key}");
    }
    for phase in [
        "workflow_validation",
        "resource_allocation",
        "workflow_execution_core",
        "result_processing_and_cleanup",
    ] {
        let span = named(&spans, phase);
        assert_eq!((&span["parentSpanId"], &span["status"]), (&root["spanId"], &"ok".into()), "{phase}");
    }
    let core = named(&spans, "workflow_execution_core");
    assert_eq!(core["attributes"]["execution.parallel_tasks"], 2);
    assert_eq!(core["attributes"]["execution.processed_items"], 12);
    for agent in ["agent.a", "agent.b"] {
        assert_eq!(named(&spans, agent)["parentSpanId"], core["spanId"]);
    }
}

#[tokio::test]
async fn metric_samples_of_a_workflow_are_kept_with_its_trace() {
    let app = App::new();
    let answer = app.execute(r#"{"workflowId":"w","workflowType":"t"}"#).await.json();
    app.settle();
    let id = answer["executionId"].as_str().unwrap();
    let data = app.get(&format!("/api/v1/monitoring/performance?traceId={id}")).await.json();
    let phases: Vec<&str> = data["data"]["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["sample"]["metricType"].as_str().unwrap())
        .collect();
    assert_eq!(phases, ["execution_start", "execution_complete"]);
    assert!(data["data"]["analysis"]["criticalPath"].is_array(), "{data}");
}

#[tokio::test]
async fn a_failure_answers_500_and_raises_a_critical_alert() {
    let app = App::new();
    let body = r#"{"workflowId":"big","workflowType":"t","resourceRequirements":{"cpuCores":100000}}"#;
    let answer = app.execute(body).await;
    answer.assert_error(500, "WORKFLOW_EXECUTION_FAILED");
    let answer = answer.json();
    assert_eq!(answer["error"], "not enough cpu cores: 100000 wanted, 64 free of 64");

    let spans = trace_of(&app, &answer).await;
    let root = named(&spans, "workflow_execution");
    assert_eq!(
        (&root["status"], &root["attributes"]["workflow.status"]),
        (&"error".into(), &"failed".into())
    );
    assert_eq!(named(&spans, "resource_allocation")["events"][0]["name"], "exception");
    assert_eq!(named(&spans, "POST /api/v1/workflows/execute")["status"], "error");

    let alerts = app.module.alerts().unwrap();
    assert!(alerts.flush(Duration::from_secs(10)));
    let [record] = alerts.records(&RecordFilter::default()).try_into().unwrap();
    assert_eq!(
        (record.alert.kind.as_str(), record.alert.severity),
        ("workflow_execution_failed", Severity::Critical)
    );
    assert_eq!(record.alert.workflow_id.as_deref(), Some("big"));
    let listed = app.get("/api/v1/alerts?severity=critical&type=workflow_execution_failed").await.json();
    assert_eq!(listed["alerts"][0]["alert"]["trace"]["traceId"], answer["tracing"]["traceId"]);
}

#[tokio::test]
async fn bad_bodies_answer_400_and_raise_no_alert() {
    let app = App::new();
    for (body, code) in [
        ("", "INVALID_BODY"),
        ("{", "INVALID_BODY"),
        (r#"{"workflowId":"w"}"#, "INVALID_BODY"),
        (r#"{"workflowId":"w","workflowType":"t","priority":"loud"}"#, "INVALID_BODY"),
        (r#"{"workflowId":"w","workflowType":"t","unknown":1}"#, "INVALID_BODY"),
        (r#"{"workflowId":"w","workflowType":"t","parallelTasks":0}"#, "INVALID_WORKFLOW"),
        (r#"{"workflowId":"w","workflowType":"t","agents":[{"name":"../x"}]}"#, "INVALID_WORKFLOW"),
    ] {
        app.execute(body).await.assert_error(400, code);
    }
    let plain = Request::post("/api/v1/workflows/execute").header(header::CONTENT_TYPE, "text/plain");
    app.send(plain.body(Body::from("{}")).unwrap()).await.assert_error(415, "UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(app.module.service().stats().alerts, 0);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_workflow_as_cancelled_and_frees_what_it_held() {
    let app = App::new();
    let slow = r#"{"workflowId":"w","workflowType":"t","resourceRequirements":{"cpuCores":64},
        "agents":[{"name":"slow","documents":0,"waitMs":10000}]}"#;
    let quick = r#"{"workflowId":"w2","workflowType":"t","resourceRequirements":{"cpuCores":64},
        "agents":[{"name":"quick","documents":0,"waitMs":0}]}"#;
    let going = app.execute(slow);
    tokio::select! {
        biased;
        _ = going => panic!("it waits ten seconds"),
        // All 64 cores are taken by the time that others can run.
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(app.execute(quick).await.status, 200);
    app.settle();
    let traces = app.get("/api/v1/traces?operation=agent.slow").await.json();
    let Some(id) = traces["traces"][0]["traceId"].as_str() else {
        // The agent had not begun: the workflow itself must be there.
        return assert_eq!(app.module.ledger().open, 0);
    };
    let trace = app.get(&format!("/api/v1/traces/{id}")).await.json();
    let spans = trace["trace"]["spans"].as_array().unwrap();
    assert_eq!(named(spans, "workflow_execution")["attributes"]["mplp.status"], "cancelled");
}
