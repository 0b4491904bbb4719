//! Tests of the service.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::analyze::{MeasureProcessor, RedConfig, RedWindows};
use crate::batch::SpanBatchMut;
use crate::model::*;
use crate::signal::{AlertSink, Rejected, SpanProcessor};
use crate::store::*;

const NOW: Timestamp = Timestamp::from_unix_secs(1_756_900_000);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn clock() -> TimeSource {
    Arc::new(|| NOW)
}

fn trace_id() -> TraceId {
    TRACE.parse().unwrap()
}

#[derive(Default)]
struct Sink(Mutex<Vec<Alert>>);

impl AlertSink for Sink {
    fn raise(&self, alert: Alert) -> Result<AlertId, Rejected> {
        let mut alerts = self.0.lock().unwrap();
        if alerts.len() == 1 {
            return Err(Rejected::QueueFull { capacity: 1 });
        }
        alerts.push(alert.clone());
        Ok(alert.id)
    }
}

/// A service over a store and windows that hold `traces` of `workflow` with one `agent` each, the last of them
/// slow and failed.
fn populated(traces: u64) -> TracingService {
    let store = MemoryStore::default();
    let windows = Arc::new(RedWindows::new(RedConfig { clock: clock(), ..Default::default() }));
    let measure = MeasureProcessor::new(windows.clone());
    for n in (0..traces).rev() {
        let end = NOW - Duration::from_secs(n + 1);
        let id = if n == 0 { trace_id() } else { TraceId::new(u128::from(n)).unwrap() };
        let ms = if n == 0 { 500 } else { 100 };
        let span = |id_: u64, parent: u64, name: &'static str, ms: u64| {
            let context = SpanContext::new(id, SpanId::new(id_).unwrap(), TraceFlags::SAMPLED);
            let mut s = SpanData::new(context, name, end - Duration::from_millis(ms), end);
            s.parent_span_id = SpanId::new(parent);
            s
        };
        let mut root = span(1, 0, "workflow", ms);
        if n == 0 {
            root.status = Status::Error("boom".into());
        }
        let mut batch = SpanBatchMut::new(Arc::new(Resource::service("s")));
        batch.extend([span(2, 1, "agent", ms - 20), root]);
        measure.process(&mut batch);
        store.insert(&batch.seal());
    }
    TracingService::builder().span_reader(Arc::new(store)).windows(windows).clock(clock()).build()
}

fn query(trace_id: Option<&str>, time_range: &str) -> PerformanceQuery {
    PerformanceQuery {
        trace_id: trace_id.map(str::to_owned),
        time_range: time_range.to_owned(),
        include_anomalies: true,
        include_recommendations: true,
    }
}

#[test]
fn a_metric_sample_is_kept_and_told_without_what_is_no_number() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let hook = told.clone();
    let service = TracingService::builder()
        .metric_hook(Arc::new(move |name, value, _| {
            assert!(name != "bomb", "hook bug");
            hook.lock().unwrap().push((name.to_owned(), value));
        }))
        .build();
    let mut sample =
        MetricSample::new("execution_start", NOW).value("workflow.complexity", 3.0).value("bad", f64::NAN);
    sample.cpu_usage_percent = Some(80.0);
    sample.memory_usage_mb = Some(f64::INFINITY);
    service.record_metric(TRACE, sample).unwrap();
    assert_eq!(
        *told.lock().unwrap(),
        [("cpu_usage_percent".to_owned(), 80.0), ("workflow.complexity".to_owned(), 3.0)]
    );
    service
        .record_metric("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", MetricSample::new("p", NOW).value("bomb", 1.0))
        .unwrap();
    let stats = service.stats();
    assert_eq!((stats.samples, stats.dropped_values, stats.hook_panics), (2, 2, 1));
    assert_eq!(service.health().components["metrics"].status, HealthLevel::Degraded);
}

#[test]
fn unusable_samples_are_refused_with_a_reason() {
    let service = TracingService::builder().build();
    let refused = |id: &str, s: MetricSample| service.record_metric(id, s).unwrap_err();
    let sample = || MetricSample::new("p", NOW);
    let error = refused("trace-001", sample());
    assert_eq!((error.code(), error.http_status()), ("INVALID_TRACE_ID", 400));
    let mut cpu = sample();
    cpu.cpu_usage_percent = Some(180.0);
    assert_eq!(
        refused(TRACE, cpu).to_string(),
        "cpu_usage_percent is 180: a percentage lies between 0 and 100"
    );
    assert_eq!(refused(TRACE, sample().value("disk_percent", -1.0)).code(), "INVALID_PERCENT");
    assert_eq!(refused(TRACE, sample().value("", 1.0)).code(), "INVALID_METRIC_NAME");
    let many = (0..129).fold(sample(), |s, i| s.value(format!("m{i}"), 1.0));
    assert_eq!(refused(TRACE, many).code(), "TOO_MANY_METRICS");
    assert_eq!((service.stats().samples, service.stats().refused_samples), (0, 5));
}

#[test]
fn an_alert_of_the_seeds_form_reaches_the_sink() {
    let sink = Arc::new(Sink::default());
    let service = TracingService::builder().alert_sink(sink.clone()).clock(clock()).build();
    let json = format!(
        r#"{{"type":"workflow_execution_failed","severity":"error","workflowId":"w1","traceId":"{TRACE}",
        "error":"boom","timestamp":"2025-09-03T11:46:40Z"}}"#
    );
    let request: AlertRequest = serde_json::from_str(&json).unwrap();
    let id = service.send_alert(request.clone()).unwrap();
    {
        let alerts = sink.0.lock().unwrap();
        let a = &alerts[0];
        assert_eq!((a.id, &a.kind, a.severity), (id, &AlertKind::WorkflowExecutionFailed, Severity::High));
        assert_eq!(a.message, "workflow_execution_failed: boom");
        assert_eq!((a.workflow_id.as_deref(), a.trace.unwrap().trace_id), (Some("w1"), trace_id()));
    }
    let full = service.send_alert(request.clone()).unwrap_err();
    assert_eq!((full.code(), full.http_status()), ("ALERT_QUEUE_FULL", 429));
    let bad = |change: fn(&mut AlertRequest)| {
        let mut r = request.clone();
        change(&mut r);
        service.send_alert(r).unwrap_err().code()
    };
    assert_eq!(bad(|r| r.severity = "catastrophic".into()), "INVALID_SEVERITY");
    assert_eq!(bad(|r| r.trace_id = Some("trace-001".into())), "INVALID_TRACE_ID");
    assert_eq!(bad(|r| r.kind.clear()), "INVALID_ALERT_TYPE");
    assert_eq!(bad(|r| drop(r.labels.insert("k".into(), "v".repeat(200)))), "INVALID_LABELS");
    assert_eq!((service.stats().alerts, service.stats().refused_alerts), (1, 5));
    let silent = TracingService::builder().build().send_alert(request).unwrap_err();
    assert_eq!((silent.code(), silent.http_status()), ("ALERTING_UNAVAILABLE", 503));
}

#[tokio::test]
async fn a_period_has_requests_operations_and_points() {
    let service = populated(50);
    service
        .record_metric(TRACE, MetricSample::new("p", NOW - Duration::from_secs(9)).value("depth", -4.0))
        .unwrap();
    let data = service.performance_data(query(None, "1m")).await.unwrap();
    assert!(data.sampled && data.trace_id.is_none() && data.analysis.is_none());
    assert_eq!((data.requests.count, data.requests.errors, data.requests.error_rate_percent), (50, 1, 2.0));
    assert_eq!(data.requests.duration_ms.max, 500.0);
    assert!((data.requests.duration_ms.p50 - 100.0).abs() <= 1.0);
    assert_eq!(
        data.operations.iter().map(|r| r.operation.as_str()).collect::<Vec<_>>(),
        ["agent", "workflow"]
    );
    assert_eq!(data.points.iter().map(|p| p.count).sum::<u64>(), 50);
    assert_eq!((data.metrics.len(), data.metric_aggregates["depth"].p95), (1, -4.0));
    assert!(data.anomalies.is_some() && data.recommendations.is_some());
    let json = serde_json::to_value(&data).unwrap();
    assert_eq!(json["requests"]["errorRatePercent"], 2.0);
    assert_eq!(json["operations"][0]["durationMs"]["count"], 50);
    assert!(json["timeRange"]["start"].is_string() && json.get("analysis").is_none());

    let plain = PerformanceQuery { time_range: "1m".into(), ..Default::default() };
    let data = service.performance_data(plain).await.unwrap();
    assert_eq!((data.anomalies, data.recommendations), (None, None));
    let old =
        service.performance_data(query(None, "2020-01-01T00:00:00Z/2020-01-02T00:00:00Z")).await.unwrap();
    assert_eq!((old.requests.count, old.operations.len()), (0, 0), "an empty period is no error");
}

#[tokio::test]
async fn one_trace_is_analysed_against_its_past() {
    let service = populated(50);
    let anomaly = |series: &str| Anomaly {
        id: AnomalyId(uuid::Uuid::new_v4()),
        tenant: TenantId::default(),
        detected_at: NOW,
        window: TimeRange { start: NOW - Duration::from_secs(2), end: NOW },
        kind: AnomalyKind::PerformanceDegradation,
        severity: Severity::High,
        score: 1.0,
        confidence: 0.9,
        detector: "d".into(),
        series: series.into(),
        affected: vec![],
        reason: "slow".into(),
        exemplar: None,
        state: AnomalyState::Open,
    };
    let own = service.anomaly_log().upsert(anomaly("s/agent"));
    service.anomaly_log().upsert(anomaly("s/other"));
    let data = service.performance_data(query(Some(TRACE), "1h")).await.unwrap();
    let analysis = data.analysis.unwrap();
    assert_eq!((analysis.duration_ms, analysis.anomalies), (500.0, vec![own.id]));
    assert!((analysis.baseline.unwrap().delta_percent - 400.0).abs() < 8.0);
    assert_eq!(data.requests.count, 1);
    assert_eq!(data.operations[1].summary.self_time_ms.max, 20.0);
    let advice = data.recommendations.unwrap();
    let kinds: Vec<_> = advice.iter().map(|r| r.kind.as_str()).collect();
    assert_eq!(kinds, ["investigate_errors", "baseline_regression", "reduce_self_time"]);
    assert!((advice[2].estimated_gain_ms.unwrap() - 400.0).abs() < 2.0, "{advice:?}");
    let quiet = PerformanceQuery { include_recommendations: false, ..query(Some(TRACE), "1h") };
    let data = service.performance_data(quiet).await.unwrap();
    assert!(data.recommendations.is_none() && data.analysis.unwrap().recommendations.is_empty());
}

#[tokio::test]
async fn an_unsampled_trace_still_has_its_metrics() {
    let service = TracingService::builder().span_reader(Arc::new(MemoryStore::default())).build();
    service.record_metric(TRACE, MetricSample::new("p", NOW).value("depth", 2.0)).unwrap();
    let data = service.performance_data(query(Some(TRACE), "1h")).await.unwrap();
    assert!(!data.sampled && data.analysis.is_none());
    assert_eq!(data.metrics.len(), 1);
}

struct Down;

#[async_trait]
impl SpanReader for Down {
    async fn trace(&self, _: &TenantId, _: &TraceId) -> Result<Option<StoredTrace>, ReadError> {
        Err(ReadError::Unavailable { message: "disk gone".into(), source: None })
    }
    async fn search(&self, _: &TenantId, _: &SpanQuery) -> Result<Page<TraceSummary>, ReadError> {
        unreachable!("not asked")
    }
    async fn services(&self, _: &TenantId) -> Result<Vec<String>, ReadError> {
        unreachable!("not asked")
    }
    async fn operations(&self, _: &TenantId, _: &str) -> Result<Vec<String>, ReadError> {
        unreachable!("not asked")
    }
    async fn durations(
        &self,
        _: &TenantId,
        _: &SpanFilter,
        _: Option<TimeRange>,
    ) -> Result<Durations, ReadError> {
        unreachable!("not asked")
    }
}

#[tokio::test]
async fn query_errors_have_codes_and_statuses() {
    let service = populated(1);
    let error = async |q| {
        let e = service.performance_data(q).await.unwrap_err();
        (e.code(), e.http_status())
    };
    assert_eq!(error(query(None, "yesterday")).await, ("INVALID_TIME_RANGE", 400));
    assert_eq!(error(query(Some("trace-001"), "1h")).await, ("INVALID_TRACE_ID", 400));
    assert_eq!(error(query(Some(&"a".repeat(32)), "1h")).await, ("TRACE_NOT_FOUND", 404));
    let e = service.anomalies(&AnomalyQuery { severity: "bad".into(), ..Default::default() }).unwrap_err();
    assert_eq!((e.code(), e.http_status()), ("INVALID_SEVERITY", 400));
    assert!(service.anomalies(&AnomalyQuery::default()).unwrap().is_empty());
    let down = TracingService::builder().span_reader(Arc::new(Down)).build();
    let e = down.performance_data(query(Some(TRACE), "1h")).await.unwrap_err();
    assert_eq!((e.code(), e.http_status()), ("STORAGE_UNAVAILABLE", 503));
    assert!(std::error::Error::source(&e).unwrap().to_string().contains("disk gone"));
}

#[test]
fn queries_read_camel_case_with_the_seeds_defaults() {
    let q: PerformanceQuery = serde_json::from_str(r#"{"traceId":"x","includeAnomalies":true}"#).unwrap();
    assert_eq!((q.trace_id.as_deref(), q.time_range.as_str(), q.include_anomalies), (Some("x"), "1h", true));
    let q: AnomalyQuery = serde_json::from_str("{}").unwrap();
    assert_eq!((q.time_range.as_str(), q.include_resolved), ("24h", false));
    assert!(serde_json::from_str::<AnomalyQuery>(r#"{"timerange":"1h"}"#).is_err());
}

#[tokio::test]
async fn a_handle_sees_and_writes_what_its_tenant_owns() {
    let sink = Arc::new(Sink::default());
    let store = MemoryStore::default();
    let windows = Arc::new(RedWindows::new(RedConfig { clock: clock(), ..Default::default() }));
    let service = TracingService::builder()
        .span_reader(Arc::new(store.clone()))
        .windows(windows.clone())
        .alert_sink(sink.clone())
        .clock(clock())
        .build();
    let acme = service.for_tenant(TenantId::new("acme").unwrap());
    let context = SpanContext::new(trace_id(), SpanId::new(1).unwrap(), TraceFlags::SAMPLED);
    let mut span =
        SpanData::new(context, "secret", NOW - Duration::from_secs(2), NOW - Duration::from_secs(1));
    span.attributes = vec![KeyValue::new(TenantId::ATTRIBUTE, "acme")];
    let mut batch = SpanBatchMut::new(Arc::new(Resource::service("s")));
    batch.push(span);
    MeasureProcessor::new(windows).process(&mut batch);
    store.insert(&batch.seal());
    acme.record_metric(TRACE, MetricSample::new("p", NOW - Duration::from_secs(1)).value("depth", 1.0))
        .unwrap();
    acme.send_alert(AlertRequest::new("custom", Severity::High)).unwrap();
    assert_eq!(sink.0.lock().unwrap()[0].tenant.as_str(), "acme");

    let own = acme.performance_data(query(None, "1m")).await.unwrap();
    assert_eq!((own.requests.count, own.operations.len(), own.metrics.len()), (1, 1, 1));
    assert!(acme.performance_data(query(Some(TRACE), "1m")).await.is_ok());
    assert_eq!(acme.compare(&ComparisonQuery::default()).unwrap().operations.len(), 1);
    for stranger in [service.clone(), service.for_tenant(TenantId::new("globex").unwrap())] {
        let other = stranger.performance_data(query(None, "1m")).await.unwrap();
        assert_eq!((other.requests.count, other.operations.len(), other.metrics.len()), (0, 0, 0));
        assert!(!serde_json::to_string(&other).unwrap().contains("secret"));
        let error = stranger.performance_data(query(Some(TRACE), "1m")).await.unwrap_err();
        assert_eq!(error.code(), "TRACE_NOT_FOUND");
        assert!(stranger.compare(&ComparisonQuery::default()).unwrap().operations.is_empty());
    }
}

#[test]
fn a_period_is_compared_with_the_one_before_it() {
    let c = populated(50).compare(&ComparisonQuery { time_range: "20s".into(), baseline: None }).unwrap();
    assert_eq!((c.current.start, c.baseline.end), (NOW - Duration::from_secs(20), c.current.start));
    let observed: Vec<_> = c.operations.iter().map(|o| (o.current.observed, o.baseline.observed)).collect();
    assert_eq!(observed, [(20, 20), (20, 20)]);
    let bad = ComparisonQuery { baseline: Some("yesterday".into()), ..Default::default() };
    assert_eq!(populated(1).compare(&bad).unwrap_err().code(), "INVALID_TIME_RANGE");
}
