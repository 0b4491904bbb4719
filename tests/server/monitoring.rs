//! `/api/v1/monitoring/*`, and how requests are traced and counted.

use axum::body::Body;
use http::Request;
use mplp_trace::config::{PrometheusConfig, TranslationStrategy};

use crate::support::App;

const ANOMALIES: &str = "/api/v1/monitoring/anomalies";
const PERFORMANCE: &str = "/api/v1/monitoring/performance";

#[tokio::test]
async fn the_routes_answer_in_the_documented_shape() {
    let app = App::new();
    let anomalies = app.get(ANOMALIES).await.json();
    assert_eq!(anomalies, serde_json::json!({"success": true, "anomalies": []}));
    let performance = app.get(PERFORMANCE).await.json();
    assert_eq!(performance["success"], true);
    assert!(performance["data"]["recommendations"].is_array(), "{performance}");
    assert!(performance["data"]["anomalies"].is_array(), "{performance}");
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let app = App::new();
    for (path, status, code) in [
        (format!("{ANOMALIES}?severity=loud"), 400, "INVALID_SEVERITY"),
        (format!("{ANOMALIES}?timeRange=yesterday"), 400, "INVALID_TIME_RANGE"),
        (format!("{ANOMALIES}?timeRange=0s"), 400, "INVALID_TIME_RANGE"),
        (format!("{ANOMALIES}?includeResolved=maybe"), 400, "INVALID_QUERY"),
        (format!("{ANOMALIES}?sevrity=high"), 400, "INVALID_QUERY"),
        (format!("{ANOMALIES}?tenant=no%20name"), 400, "INVALID_TENANT"),
        (format!("{PERFORMANCE}?tenant=a/b"), 400, "INVALID_TENANT"),
        ("/api/v1/traces?tenant=%3F".to_owned(), 400, "INVALID_TENANT"),
        ("/api/v1/alerts?tenant=%3F".to_owned(), 400, "INVALID_TENANT"),
        (format!("{PERFORMANCE}?timeRange=1y"), 400, "INVALID_TIME_RANGE"),
        (format!("{PERFORMANCE}?traceId=trace-001"), 400, "INVALID_TRACE_ID"),
        (format!("{PERFORMANCE}?traceId=00000000000000000000000000000000"), 400, "INVALID_TRACE_ID"),
        (format!("{PERFORMANCE}?traceId=4bf92f3577b34da6a3ce929d0e0e4736"), 404, "TRACE_NOT_FOUND"),
        ("/api/v1/alerts?severity=loud".to_owned(), 400, "INVALID_SEVERITY"),
        ("/api/v1/alerts?limit=0".to_owned(), 400, "INVALID_LIMIT"),
        ("/api/v1/alerts?state=lost".to_owned(), 400, "INVALID_QUERY"),
    ] {
        app.get(&path).await.assert_error(status, code);
    }
}

#[tokio::test]
async fn another_tenant_sees_nothing_of_the_default_one() {
    let app = App::new();
    app.execute(r#"{"workflowId":"w","workflowType":"report"}"#).await;
    app.settle();
    let own = app.get("/api/v1/traces?tenant=default").await.json();
    let id = own["traces"][0]["traceId"].as_str().unwrap().to_owned();
    assert!(app.get(PERFORMANCE).await.json()["data"]["requests"]["count"].as_u64().unwrap() >= 1);
    let other = app.get("/api/v1/traces?tenant=acme").await.json();
    assert_eq!(other["traces"], serde_json::json!([]));
    app.get(&format!("/api/v1/traces/{id}?tenant=acme")).await.assert_error(404, "TRACE_NOT_FOUND");
    let data = app.get(&format!("{PERFORMANCE}?tenant=acme")).await.json();
    assert_eq!(
        (&data["data"]["requests"]["count"], &data["data"]["operations"]),
        (&0.into(), &serde_json::json!([]))
    );
}

#[tokio::test]
async fn empty_parameters_count_as_absent() {
    let app = App::new();
    for path in [format!("{ANOMALIES}?severity=&timeRange="), format!("{PERFORMANCE}?traceId=&timeRange=")] {
        assert_eq!(app.get(&path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_request_with_traceparent_joins_the_trace_of_the_caller() {
    let app = App::new();
    let request = Request::get(ANOMALIES)
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .body(Body::empty())
        .unwrap();
    assert_eq!(app.send(request).await.status, 200);
    app.settle();
    let trace = app.get("/api/v1/traces/4bf92f3577b34da6a3ce929d0e0e4736").await.json();
    let span = &trace["trace"]["spans"][0];
    assert_eq!(span["parentSpanId"], "00f067aa0ba902b7", "{trace}");
    assert_eq!(span["name"], format!("GET {ANOMALIES}"));
    assert_eq!((&span["kind"], &span["service"]), (&"server".into(), &"test".into()));
}

#[tokio::test]
async fn a_malformed_traceparent_begins_a_new_trace() {
    let app = App::new();
    for bad in
        ["", "00", "00-zz-00f067aa0ba902b7-01", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]
    {
        let request = Request::get(ANOMALIES).header("traceparent", bad).body(Body::empty()).unwrap();
        let answer = app.send(request).await;
        assert_eq!(answer.status, 200, "{bad}");
        assert!(answer.header("traceparent").starts_with("00-"), "{bad}");
    }
    app.settle();
    let traces = app.get("/api/v1/traces").await.json();
    assert_eq!(traces["traces"].as_array().unwrap().len(), 4, "{traces}");
}

#[tokio::test]
async fn requests_are_counted_by_route_and_probes_are_not() {
    let app = App::new();
    for path in
        [ANOMALIES, ANOMALIES, "/api/v1/monitoring/anomalies?severity=loud", "/health", "/", "/api/v1/traces"]
    {
        app.get(path).await;
    }
    let answer = app.get("/metrics").await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text();
    let counted: Vec<&str> = text.lines().filter(|l| l.starts_with("mplp_http_requests_total{")).collect();
    assert_eq!(counted.len(), 2, "{counted:#?}");
    for (status, count) in [("200", "2"), ("400", "1")] {
        let labels = format!("handler=\"{ANOMALIES}\",method=\"GET\"");
        let series =
            counted.iter().find(|l| l.contains(&labels) && l.contains(&format!("status=\"{status}\"")));
        assert!(series.is_some_and(|l| l.ends_with(&format!(" {count}"))), "{counted:#?}");
    }
}

#[tokio::test]
async fn there_is_no_metrics_page_without_metrics() {
    let app = App::with(|c| c.opentelemetry.metrics.enabled = false);
    app.get("/metrics").await.assert_error(404, "NOT_FOUND");
    assert_eq!(app.get(ANOMALIES).await.status, 200);
}

#[tokio::test]
async fn the_metrics_page_shows_names_and_labels_as_configured() {
    let app = App::with(|c| {
        let mut page = PrometheusConfig::default();
        (page.translation_strategy, page.scope_labels, page.target_info) =
            (TranslationStrategy::NoTranslation, false, false);
        c.opentelemetry.metrics.exporters.prometheus = Some(page);
    });
    app.get(ANOMALIES).await;
    let text = app.get("/metrics").await.text();
    assert!(text.lines().any(|l| l.starts_with("mplp_http_requests{handler=")), "{text}");
    assert!(!text.contains("target_info") && !text.contains("otel_scope_"), "{text}");
}
