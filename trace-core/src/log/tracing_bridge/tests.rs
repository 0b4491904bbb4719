//! What becomes of `tracing` events.

use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

use super::LogLayer;
use crate::log::LogLimits;
use crate::model::{AnyValue, LogRecord, LogSeverity};
use crate::pipeline::Pipeline;
use crate::record::tracing_layer::TraceLayer;
use crate::span;
use crate::testing::CaptureExporter;

const LONG: Duration = Duration::from_secs(10);

fn pipeline() -> (Pipeline, CaptureExporter) {
    let out = CaptureExporter::new();
    let limits = LogLimits { attributes: 3, ..LogLimits::default() };
    (Pipeline::builder().log_limits(limits).export_logs("out", out.clone()).start().unwrap(), out)
}

/// What `f` logs through a layer.
fn logged(layer: impl FnOnce(LogLayer) -> LogLayer, f: impl FnOnce(&Pipeline)) -> Vec<LogRecord> {
    let (p, out) = pipeline();
    let spans = TraceLayer::new(p.recorder().clone());
    let subscriber = tracing_subscriber::registry().with(spans).with(layer(LogLayer::new(p.logger())));
    tracing::subscriber::with_default(subscriber, || f(&p));
    p.shutdown(LONG).unwrap();
    out.logs()
}

fn text(r: &LogRecord, key: &str) -> Option<String> {
    r.attribute(key).map(ToString::to_string)
}

#[derive(Debug)]
struct Failed;

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it failed")
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&std::fmt::Error)
    }
}

#[test]
fn an_event_becomes_a_record_with_body_attributes_severity_and_scope() {
    let records = logged(
        |l| l,
        |_| {
            tracing::info!(n = 7, big = u64::MAX, ok = true, "paid {}", 12);
            tracing::warn!(name: "card.declined", target: "shop::pay", reason = ?Some(1));
            tracing::error!(error = &Failed as &dyn std::error::Error, "broken");
        },
    );
    let [paid, declined, broken] = &records[..] else { panic!("{records:?}") };
    assert_eq!(
        (paid.body.as_str(), paid.severity, &*paid.severity_text),
        (Some("paid 12"), LogSeverity::INFO, "INFO")
    );
    assert_eq!(paid.scope.name, "trace_core::log::tracing_bridge::tests");
    assert_eq!(paid.attribute("n"), Some(&AnyValue::I64(7)));
    assert_eq!(text(paid, "big").as_deref(), Some("18446744073709551615"));
    assert_eq!((paid.event_name.as_ref(), paid.trace_id), ("", None));
    assert!(paid.time.unix_nanos() > 0 && paid.time == paid.observed);
    assert_eq!((declined.event_name.as_ref(), &*declined.scope.name), ("card.declined", "shop::pay"));
    assert_eq!((declined.body.is_empty(), text(declined, "reason").as_deref()), (true, Some("Some(1)")));
    assert_eq!(broken.severity, LogSeverity::ERROR);
    assert_eq!(text(broken, "exception.message").as_deref(), Some("it failed"));
    assert_eq!(text(broken, "error").as_deref(), Some("it failed"));
    assert!(text(broken, "exception.stacktrace").unwrap().contains("Caused by: an error occurred"));
    assert_eq!((broken.attributes.len(), broken.dropped_attributes), (3, 1), "the chain is over the limit");
}

#[test]
fn a_record_has_the_ids_of_the_innermost_span_of_any_door() {
    let mut expected = Vec::new();
    let records = logged(
        |l| l,
        |p| {
            let outer = tracing::info_span!("outer").entered();
            tracing::info!("in tracing");
            let own = span!(recorder: p.recorder(), "own");
            expected.push(own.context().unwrap().clone());
            tracing::info!("in the macro");
            drop(own);
            tracing::info!(parent: None, "nowhere");
            drop(outer);
            tracing::info!("outside");
        },
    );
    let ids: Vec<_> = records.iter().map(|r| (r.trace_id, r.span_id)).collect();
    assert_eq!(ids[1], (Some(expected[0].trace_id), Some(expected[0].span_id)));
    assert_eq!(ids[0].0, ids[1].0, "one trace");
    assert_ne!(ids[0].1, ids[1].1);
    assert_eq!(ids[2..], [(None, None), (None, None)]);
    assert_eq!(records[0].flags, expected[0].flags);
}

#[test]
fn levels_and_denied_targets_are_not_logged() {
    let noise = || {
        tracing::debug!("too fine");
        for _ in 0..3 {
            tracing::info!(target: "hyper::client", "about sending");
        }
        tracing::info!(target: "shop::cart", "cart");
        tracing::info!("wanted");
    };
    let bodies = |records: Vec<LogRecord>| records.iter().map(|r| r.body.to_string()).collect::<Vec<_>>();
    let usual = logged(|l| l.with_level(LevelFilter::INFO), |_| noise());
    assert_eq!(bodies(usual), ["cart", "wanted"]);
    let own = logged(|l| l.with_level(LevelFilter::INFO).deny(["shop"]), |_| noise());
    assert_eq!(bodies(own), ["about sending", "about sending", "about sending", "wanted"]);
}

#[test]
fn the_place_in_the_source_is_recorded_on_demand() {
    let records = logged(|l| l.with_location(true), |_| tracing::info!(lost = 1, "here"));
    assert!(text(&records[0], "code.file.path").unwrap().ends_with("tests.rs"));
    assert!(text(&records[0], "code.line.number").is_some());
    assert_eq!(records[0].dropped_attributes, 1);
}

#[test]
fn an_event_of_the_pipelines_own_threads_is_not_logged() {
    use async_trait::async_trait;
    struct Chatty;
    #[async_trait]
    impl crate::signal::LogExporter for Chatty {
        async fn export(&self, _: &crate::model::LogBatch) -> Result<(), crate::signal::ExportError> {
            tracing::error!("sending");
            Ok(())
        }
    }
    let p = Pipeline::builder().export_logs("chatty", Chatty).start().unwrap();
    let layer = LogLayer::new(p.logger());
    // Visible on all threads, unlike `with_default`.
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    tracing::dispatcher::with_default(&dispatch, || tracing::info!("one"));
    let inner = dispatch.clone();
    struct Inside(tracing::Dispatch);
    impl crate::signal::SpanProcessor for Inside {
        fn process(&self, _: &mut crate::batch::SpanBatchMut) {
            tracing::dispatcher::with_default(&self.0, || tracing::error!("from a processor"));
        }
    }
    let other = Pipeline::builder().processor(Inside(inner)).start().unwrap();
    other.recorder().span("s").start().end();
    other.flush(LONG).unwrap();
    other.shutdown(LONG).unwrap();
    drop(dispatch);
    assert_eq!(p.shutdown(LONG).unwrap().ledger.logs.received, 1);
}

#[test]
fn a_value_that_logs_while_it_is_formatted_does_not_stop_the_world() {
    struct Talks;
    impl std::fmt::Debug for Talks {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            tracing::info!("inner");
            f.write_str("outer value")?;
            Err(std::fmt::Error)
        }
    }
    let records = logged(|l| l, |_| tracing::info!(v = ?Talks, "outer"));
    let outer = records.iter().find(|r| r.body.as_str() == Some("outer")).unwrap();
    assert_eq!(text(outer, "v").as_deref(), Some("outer value"));
}
