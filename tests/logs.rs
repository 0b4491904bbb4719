//! Log records of a module: from a configuration to a file, with levels and redaction.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use mplp_trace::config::Format;
use mplp_trace::core::env::LogLevel;
use mplp_trace::core::model::{LogRecord, LogSeverity};
use mplp_trace::core::testing::CaptureExporter;
use mplp_trace::module::{LogDestination, Registry};
use mplp_trace::{TraceConfig, TraceModule};

const LIMIT: Duration = Duration::from_secs(10);

fn config(yaml: &str) -> TraceConfig {
    TraceConfig::from_str(yaml, Format::Yaml, &|_| None).unwrap().0
}

#[test]
fn records_of_the_wanted_level_reach_the_file_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs.jsonl");
    let yaml = format!(
        "opentelemetry: {{logs: {{level: warn, exporters: {{otlpFile: {{path: {path:?}}}}}}}}}\n\
         processing: {{redact: {{detectors: [url_credentials]}}}}"
    );
    let module = TraceModule::builder().config(config(&yaml)).build().unwrap();
    {
        let _span = module.recorder().span("work").enter();
        module.log(LogLevel::Warn, "cannot reach http://app:hunter2@db/");
        module.log(LogLevel::Info, "not wanted");
        module.log(LogLevel::None, "not wanted either");
    }
    let report = module.shutdown(LIMIT).unwrap();
    assert_eq!((report.spans.ledger.logs.received, report.spans.ledger.logs.delivered), (1, 1));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("http://***@db/") && !text.contains("hunter2"), "{text}");
    assert!(text.contains("\"spanId\"") && text.contains("\"severityText\":\"WARN\""), "{text}");
}

#[test]
fn a_registry_may_bring_destinations_and_the_switch_turns_all_off() {
    for (yaml, expected) in [("", 1), ("opentelemetry: {logs: {enabled: false}}", 0)] {
        let capture = CaptureExporter::new();
        let (mine, mut registry) = (capture.clone(), Registry::default());
        registry.log_exporter("capture", move |_| {
            Ok(Some(LogDestination { exporter: Box::new(mine.clone()), config: Default::default() }))
        });
        let module = TraceModule::builder().config(config(yaml)).registry(registry).build().unwrap();
        module.logger().emit(LogRecord::new(LogSeverity::DEBUG, "emitted without a level"));
        let report = module.shutdown(LIMIT).unwrap();
        assert_eq!(capture.logs().len(), expected);
        let names: Vec<_> = report.spans.ledger.destinations.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names.contains(&"capture_logs"), expected == 1, "{names:?}");
    }
}
