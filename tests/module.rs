//! `TraceModule`: from a configuration to running parts.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mplp_trace::config::{Endpoint, Format, OtlpConfig};
use mplp_trace::core::metric::TemporalityPreference;
use mplp_trace::core::model::{CheckStatus, HealthLevel, MetricData, Scope, Severity, Temporality};
use mplp_trace::core::propagate::parse_traceparent;
use mplp_trace::core::service::AlertRequest;
use mplp_trace::core::signal::{Delivered, Notification, Notifier, NotifyError};
use mplp_trace::core::testing::CaptureExporter;
use mplp_trace::module::{MetricDestination, Registry, SpanDestination};
use mplp_trace::{ConfigWarning, TraceConfig, TraceModule};

const LIMIT: Duration = Duration::from_secs(10);

fn load(yaml: &str) -> TraceModule {
    let (mut config, warnings) = TraceConfig::from_str(yaml, Format::Yaml, &|_| None).unwrap();
    config.opentelemetry.tracing.sampling_rate = 1.0;
    TraceModule::builder().config(config).warnings(warnings).build().unwrap()
}

#[derive(Default)]
struct Recording(Mutex<Vec<String>>);

#[async_trait::async_trait]
impl Notifier for Recording {
    fn name(&self) -> &str {
        "recording"
    }

    async fn notify(&self, n: &Notification) -> Result<Delivered, NotifyError> {
        self.0.lock().unwrap().extend(n.alerts.iter().map(|a| a.message.clone()));
        Ok(Delivered::default())
    }
}

#[test]
fn spans_reach_every_destination_and_the_report_adds_up() {
    let capture = CaptureExporter::new();
    let module = TraceModule::builder()
        .config({
            let mut config = TraceConfig::default();
            config.opentelemetry.tracing.sampling_rate = 1.0;
            config
        })
        .span_exporter("capture", capture.clone())
        .build()
        .unwrap();
    for _ in 0..10 {
        module.recorder().span("work").start().end();
    }
    let report = module.shutdown(LIMIT).unwrap();
    assert_eq!(capture.spans().len(), 10);
    assert_eq!(module.store().stats().spans, 10);
    assert!(report.spans.ledger.adds_up());
    assert_eq!(report.spans.ledger.delivered, 10);
    assert_eq!(module.shutdown(LIMIT).unwrap(), report);
}

#[test]
fn a_registered_kind_is_built_from_the_configuration() {
    let capture = CaptureExporter::new();
    let (mine, mut registry) = (capture.clone(), Registry::default());
    registry.span_exporter("mine", move |config| {
        let wanted = config.opentelemetry.service.name == "with-mine";
        let destination = SpanDestination { exporter: Box::new(mine.clone()), config: Default::default() };
        Ok(wanted.then_some(destination))
    });
    let mut config = TraceConfig::default();
    config.opentelemetry.tracing.sampling_rate = 1.0;
    for (name, expected) in [("without", 0), ("with-mine", 1)] {
        config.opentelemetry.service.name = name.to_owned();
        let builder = TraceModule::builder().config(config.clone()).registry(registry.clone());
        let module = builder.build().unwrap();
        module.recorder().span("work").start().end();
        module.shutdown(LIMIT).unwrap();
        assert_eq!(capture.spans().len(), expected, "{name}");
    }
}

#[test]
fn alerts_are_delivered_before_the_end() {
    let channel = Arc::new(Recording::default());
    let module = TraceModule::builder().notifier(channel.clone()).build().unwrap();
    let mut request = AlertRequest::new("sla_violation", Severity::High);
    request.message = Some("too slow".to_owned());
    module.service().send_alert(request).unwrap();
    let report = module.shutdown(LIMIT).unwrap();
    assert_eq!(*channel.0.lock().unwrap(), ["too slow"]);
    assert_eq!(report.alerts.unwrap().delivered, 1);
}

#[test]
fn dropping_a_module_delivers_what_it_has() {
    let channel = Arc::new(Recording::default());
    let module = TraceModule::builder().notifier(channel.clone()).build().unwrap();
    module.service().send_alert(AlertRequest::new("sla_violation", Severity::High)).unwrap();
    drop(module);
    assert_eq!(channel.0.lock().unwrap().len(), 1);
}

#[test]
fn with_the_collector_down_the_shutdown_says_how_many_spans_were_lost() {
    // A port that was free a moment ago: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint: Endpoint = format!("http://127.0.0.1:{port}/v1/traces").parse().unwrap();
    let mut config = TraceConfig::default();
    config.opentelemetry.tracing.sampling_rate = 1.0;
    config.opentelemetry.tracing.exporters.otlp = Some(OtlpConfig::new(endpoint).into());
    let module = TraceModule::from_config(config).unwrap();
    for _ in 0..7 {
        module.recorder().span("work").start().end();
    }
    let error = module.shutdown(Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.report.lost(), 7);
    assert!(error.report.spans.ledger.adds_up());
    assert!(error.to_string().starts_with("7 spans, data points or notifications were lost"), "{error}");
    assert_eq!(module.store().stats().spans, 7, "the memory has them all the same");
}

#[test]
fn what_the_configuration_cannot_have_shows_in_the_health() {
    let module = load(
        "alerting: {notifications: {email: {enabled: true, smtpServer: mail.example.org, fromAddress: a@example.org}}}",
    );
    let health = module.service().health();
    assert_eq!(health.overall, HealthLevel::Degraded);
    let alerting = &health.components["alerting"];
    let email = alerting.checks.iter().find(|c| c.name == "email").unwrap_or_else(|| panic!("{alerting:?}"));
    assert_eq!(email.status, CheckStatus::Warn);
    assert!(email.message.contains("recipient"), "{}", email.message);
    assert!(health.components.contains_key("configuration"));
}

#[test]
fn a_route_to_recipients_of_its_own_has_channels_of_its_own() {
    let module = load(
        "alerting:
  notifications:
    email: {smtpServer: 'mail.example.org:2525', fromAddress: a@example.org, toAddresses: [ops@example.org]}
    slack: {webhookUrl: 'https://hooks.slack.com/services/T/B/x'}
  routes:
    - {severity: critical, channels: [email, slack], toAddresses: [boss@example.org, cto@example.org]}
    - {channels: [slack], slackChannel: '#low'}
",
    );
    let names: Vec<String> = module.alerts().unwrap().stats().channels.into_iter().map(|c| c.name).collect();
    assert_eq!(names, ["email", "email-1:boss@example.org", "email-1:cto@example.org", "slack", "slack-2"]);
}

#[test]
fn secrets_show_nowhere() {
    let module = load(
        "opentelemetry:
  tracing: {exporters: {otlp: {endpoint: 'http://localhost:1/v1/traces', headers: {Authorization: Bearer hunter2}}}}
alerting:
  notifications:
    slack: {webhookUrl: 'https://hooks.slack.com/services/T/B/hunter2'}
    email: {smtpServer: localhost, fromAddress: a@example.org, toAddresses: [b@example.org], username: u, password: hunter2}
",
    );
    let shown = format!(
        "{module:?} {:?} {} {:?}",
        module.service().health(),
        serde_json::to_string(module.config()).unwrap(),
        module.alerts()
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn tracing_that_is_off_records_nothing_and_harms_nobody() {
    let module = load("opentelemetry: {tracing: {enabled: false}, metrics: {enabled: false}}");
    module.recorder().span("work").start().end();
    assert_eq!(module.shutdown(LIMIT).unwrap().spans.ledger.received, 0);
}

#[test]
fn what_a_detector_cannot_do_is_said_by_its_key() {
    let mut config = TraceConfig::default();
    config.anomaly_detection.ai_model.false_alarm_rate = 0.4;
    let error = TraceModule::from_config(config).unwrap_err().to_string();
    assert!(error.starts_with("anomalyDetection.aiModel: falseAlarmRate must be"), "{error}");
}

#[test]
fn processing_and_tenants_work_as_configured() {
    let capture = CaptureExporter::new();
    let yaml = "processing:\n  enrich: {region: eu}\n  redact: {}\n\
                tenancy:\n  spanAttributes: [customer]\n  tenants: [{name: barred, spansPerSecond: 0}]\n";
    let mut loaded = TraceConfig::from_str(yaml, Format::Yaml, &|_| None).unwrap();
    loaded.0.opentelemetry.tracing.sampling_rate = 1.0;
    let module = TraceModule::builder().config(loaded).span_exporter("capture", capture.clone());
    let module = module.build().unwrap();
    for customer in ["acme", "barred"] {
        let recorder = module.recorder();
        let span = recorder.span("s").attribute("customer", customer).attribute("mail", "a@b.example");
        span.start().end();
    }
    let ledger = module.shutdown(LIMIT).unwrap_err().report.spans.ledger;
    assert_eq!((ledger.dropped["quota"], ledger.delivered), (1, 1));
    let span = capture.spans().remove(0);
    let value = |key: &str| span.attributes.iter().find(|kv| kv.key == key).map(|kv| kv.value.to_string());
    assert_eq!(value("region").as_deref(), Some("eu"));
    assert_eq!(value("mail").as_deref(), Some("***"));
    assert_eq!(value("mplp.tenant.id").as_deref(), Some("acme"));
}

#[test]
fn loaded_warnings_are_kept_and_show_in_the_health() {
    let env = |name: &str| (name == "OTEL_BSP_MAX_QUEUE_SIZE").then(|| "many".to_owned());
    let loaded = TraceConfig::from_str("", Format::Yaml, &env).unwrap();
    let module = TraceModule::from_config(loaded).unwrap();
    assert_eq!(module.warnings()[0].path, "OTEL_BSP_MAX_QUEUE_SIZE");
    let health = module.service().health();
    assert!(health.components.contains_key("configuration"), "{health:?}");
}

#[test]
fn with_tracing_off_contexts_are_passed_on_and_nothing_counts_as_lost() {
    let mut config = TraceConfig::default();
    config.opentelemetry.tracing.enabled = false;
    let module = TraceModule::from_config(config).unwrap();
    let remote = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    let span = module.recorder().span("s").parent(remote.clone()).start();
    assert_eq!(span.context().map(|c| (c.trace_id, c.is_sampled())), Some((remote.trace_id, true)));
    span.end();
    assert_eq!(module.shutdown(LIMIT).unwrap().spans.ledger.received, 0);
}

#[test]
fn a_destination_that_wants_changes_gets_them_and_others_get_totals() {
    let (deltas, totals) = (CaptureExporter::new(), CaptureExporter::new());
    let mut registry = Registry::default();
    for (name, out, temporality) in [
        ("deltas", deltas.clone(), TemporalityPreference::Delta),
        ("totals", totals.clone(), TemporalityPreference::Cumulative),
    ] {
        registry.metric_exporter(name, move |_| {
            let (exporter, config) = (Box::new(out.clone()), Default::default());
            Ok(Some(MetricDestination { exporter, config, temporality }))
        });
    }
    let mut config = TraceConfig::default();
    config.opentelemetry.metrics.exponential_histograms = true;
    let module = TraceModule::builder().config(config).registry(registry).build().unwrap();
    let meter = module.metrics().meter(Scope::named("test"));
    let counter = meter.counter("calls").build().unwrap();
    let histogram = meter.histogram("sizes").build().unwrap();
    for _ in 0..2 {
        counter.add(3, &[]);
        histogram.record(5.0, &[]);
        module.flush(LIMIT).unwrap();
    }
    module.shutdown(LIMIT).unwrap();
    let sums = |out: &CaptureExporter| {
        let metrics = out.metrics();
        let metrics = metrics.iter().flat_map(|b| &b.scopes).flat_map(|s| &s.metrics);
        let points = metrics.filter(|m| m.name == "calls").filter_map(|m| match &m.data {
            MetricData::Sum { points, temporality, .. } => Some((points[0].value.as_f64(), *temporality)),
            _ => None,
        });
        points.take(2).collect::<Vec<_>>()
    };
    assert_eq!(sums(&deltas), [(3.0, Temporality::Delta), (3.0, Temporality::Delta)]);
    assert_eq!(sums(&totals), [(3.0, Temporality::Cumulative), (6.0, Temporality::Cumulative)]);
    let exponential = totals
        .metrics()
        .iter()
        .flat_map(|b| &b.scopes)
        .flat_map(|s| &s.metrics)
        .any(|m| m.name == "sizes" && matches!(m.data, MetricData::ExponentialHistogram { .. }));
    assert!(exponential);
}

#[test]
fn warnings_that_were_loaded_stay_when_others_are_added() {
    let env = |name: &str| (name == "OTEL_BSP_MAX_QUEUE_SIZE").then(|| "many".to_owned());
    let loaded = TraceConfig::from_str("", Format::Yaml, &env).unwrap();
    let more = ConfigWarning { path: "mine".to_owned(), message: "is odd".to_owned() };
    let module = TraceModule::builder().config(loaded).warnings(vec![more]).build().unwrap();
    let paths: Vec<&str> = module.warnings().iter().map(|w| w.path.as_str()).collect();
    assert_eq!(paths, ["OTEL_BSP_MAX_QUEUE_SIZE", "mine"]);
}
