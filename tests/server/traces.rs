//! `/api/v1/traces`.

use crate::support::App;

#[tokio::test]
async fn a_trace_is_listed_and_shown_whole() {
    let app = App::new();
    let executed = app.execute(r#"{"workflowId":"w","workflowType":"report"}"#).await.json();
    app.settle();
    let listed = app.get("/api/v1/traces?limit=50&service=&errorOnly=false").await.json();
    let [summary] = listed["traces"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    assert_eq!(summary["traceId"], executed["executionId"]);
    assert_eq!(summary["rootName"], "POST /api/v1/workflows/execute");
    assert_eq!((&summary["spanCount"], &summary["errorCount"]), (&9.into(), &0.into()));
    assert!(summary["startMs"].as_f64().unwrap() > 1.6e12 && summary["durationMs"].as_f64().unwrap() > 0.0);

    let id = executed["executionId"].as_str().unwrap();
    let trace = app.get(&format!("/api/v1/traces/{id}")).await.json();
    let spans = trace["trace"]["spans"].as_array().unwrap();
    let critical = |name: &str| spans.iter().any(|s| s["name"] == name && s["onCriticalPath"] == true);
    assert!(critical("workflow_execution") && critical("workflow_execution_core"), "{trace}");
    for span in spans {
        let (own, whole) = (span["selfTimeMs"].as_f64().unwrap(), span["durationMs"].as_f64().unwrap());
        assert!(own <= whole, "{span}");
        assert!(
            span["attributes"].is_object() && span["events"].is_array() && span["startMs"].is_f64(),
            "{span}"
        );
    }
}

#[tokio::test]
async fn filters_select() {
    let app = App::new();
    app.execute(r#"{"workflowId":"w","workflowType":"report"}"#).await;
    app.settle();
    for (query, count) in [
        ("service=test", 1),
        ("service=other", 0),
        ("operation=agent.writer", 1),
        ("errorOnly=true", 0),
        ("minDurationMs=60000", 0),
        ("timeRange=1h", 1),
    ] {
        let found = app.get(&format!("/api/v1/traces?{query}")).await.json();
        assert_eq!(found["traces"].as_array().unwrap().len(), count, "{query}: {found}");
    }
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let app = App::new();
    for (path, status, code) in [
        ("/api/v1/traces?limit=0", 400, "INVALID_LIMIT"),
        ("/api/v1/traces?limit=100000", 400, "INVALID_LIMIT"),
        ("/api/v1/traces?limit=x", 400, "INVALID_QUERY"),
        ("/api/v1/traces?cursor=mine", 400, "INVALID_CURSOR"),
        ("/api/v1/traces?minDurationMs=-1", 400, "INVALID_DURATION"),
        ("/api/v1/traces?timeRange=5", 400, "INVALID_TIME_RANGE"),
        ("/api/v1/traces/trace-001", 400, "INVALID_TRACE_ID"),
        ("/api/v1/traces/4bf92f3577b34da6a3ce929d0e0e4736", 404, "TRACE_NOT_FOUND"),
        ("/api/v1/nothing", 404, "NOT_FOUND"),
    ] {
        app.get(path).await.assert_error(status, code);
    }
}
