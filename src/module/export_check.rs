//! Whether every destination answers: one span, data point or log record to each.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, join3};
use serde::Serialize;
use trace_core::batch::SpanBatch;
use trace_core::metric::MeterRegistry;
use trace_core::model::{
    KeyValue, LogBatch, LogRecord, LogSeverity, MetricBatch, Resource, Scope, SpanContext, SpanData, SpanId,
    Timestamp, TraceFlags, TraceId,
};
use trace_core::signal::{ExportError, LogExporter, MetricExporter, SpanExporter};
use trace_exporters::delivery::TimeLimit;

use super::builtin::kind_of;
use super::{builder, log_exporters, metric_exporters, span_exporters};
use crate::config::TraceConfig;

/// The longest that one destination is waited for, whatever it allows itself.
const LIMIT: Duration = Duration::from_secs(15);
/// What the span and the metric are called, and what the log record says.
const NAME: &str = "mplp-trace export-check";
const METRIC: &str = "mplp.export_check";

/// What one destination answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// Its name, such as `otlp` or `zipkin/backup`.
    pub name: String,
    /// `spans`, `metrics` or `logs`.
    pub signal: &'static str,
    /// Where it is, without secrets.
    pub address: String,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// Why it failed; `None` if it took what was sent.
    pub error: Option<String>,
    /// What to do about it, if the error does not say so itself.
    pub remedy: Option<&'static str>,
}

impl Checked {
    /// Whether it took what was sent.
    pub fn is_ok(&self) -> bool {
        self.error.is_none()
    }
}

/// Sends one span, one data point, or one log record, to every destination that is on, to each by itself: without retries, logs on disk and
/// alternatives. Stores get them, too.
///
/// Needs a Tokio runtime with I/O and time. Takes 15 s at most, whatever the limits of the destinations.
pub async fn export_check(config: &TraceConfig) -> Vec<Checked> {
    let otel = &config.opentelemetry;
    let resource = Arc::new(builder::resource(otel));
    let spans =
        span_exporters::configured(config).filter(|_| otel.tracing.enabled).map(|(name, exporter)| {
            let resource = resource.clone();
            async move {
                let started = Instant::now();
                let address = exporter.address();
                let result = match span_exporters::build(&name, &exporter, config) {
                    Ok(part) => {
                        let batch = span(resource, kind_of(&name) == "mplp");
                        send_span(part.destination.exporter, &batch).await.map_err(|e| e.to_string())
                    }
                    Err(error) => Err(with_causes(&error)),
                };
                checked(name, "spans", address, started, result)
            }
        });
    let metrics =
        metric_exporters::configured(config).filter(|_| otel.metrics.enabled).map(|(name, exporter)| {
            let resource = resource.clone();
            async move {
                let started = Instant::now();
                let address = exporter.address();
                let result = match metric_exporters::build(&name, &exporter, config) {
                    Ok(part) => {
                        let batch = metric(resource);
                        send_metric(part.destination.exporter, &batch).await.map_err(|e| e.to_string())
                    }
                    Err(error) => Err(with_causes(&error)),
                };
                checked(name, "metrics", address, started, result)
            }
        });
    let logs = log_exporters::configured(config).filter(|_| otel.logs.enabled).map(|(name, exporter)| {
        let resource = resource.clone();
        async move {
            let started = Instant::now();
            let address = exporter.address();
            let result = match log_exporters::build(&name, &exporter, config) {
                Ok(part) => {
                    send_log(part.destination.exporter, &log(resource)).await.map_err(|e| e.to_string())
                }
                Err(error) => Err(with_causes(&error)),
            };
            checked(name, "logs", address, started, result)
        }
    });
    let (mut all, metrics, logs) = join3(join_all(spans), join_all(metrics), join_all(logs)).await;
    all.extend(metrics.into_iter().chain(logs));
    all
}

async fn send_span(exporter: Box<dyn SpanExporter>, batch: &SpanBatch) -> Result<(), ExportError> {
    let exporter = TimeLimit::new(exporter, LIMIT);
    SpanExporter::export(&exporter, batch).await?;
    SpanExporter::flush(&exporter).await?;
    SpanExporter::shutdown(&exporter).await
}

async fn send_metric(exporter: Box<dyn MetricExporter>, batch: &MetricBatch) -> Result<(), ExportError> {
    let exporter = TimeLimit::new(exporter, LIMIT);
    MetricExporter::export(&exporter, batch).await?;
    MetricExporter::flush(&exporter).await?;
    MetricExporter::shutdown(&exporter).await
}

async fn send_log(exporter: Box<dyn LogExporter>, batch: &LogBatch) -> Result<(), ExportError> {
    let exporter = TimeLimit::new(exporter, LIMIT);
    LogExporter::export(&exporter, batch).await?;
    LogExporter::flush(&exporter).await?;
    LogExporter::shutdown(&exporter).await
}

fn checked(
    name: String,
    signal: &'static str,
    address: String,
    started: Instant,
    result: Result<(), String>,
) -> Checked {
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let error = result.err();
    let remedy = error.as_deref().and_then(remedy);
    Checked { name, signal, address, milliseconds, error, remedy }
}

/// What most often helps, by the words of the exporters' errors.
fn remedy(error: &str) -> Option<&'static str> {
    let says = |words: &[&str]| words.iter().any(|word| error.contains(word));
    Some(if says(&["failed to lookup address"]) {
        "the name is not known: mend the address, or look at the name server"
    } else if says(&["certificate"]) {
        "set caCertificate to the certificate that the receiver's is signed by"
    } else if says(&["corrupt message"]) {
        "what listens there speaks no TLS: write http://, or ask at its port of TLS"
    } else if says(&["onnection refused", "cannot connect"]) {
        "nothing listens there: start the receiver, or mend the address"
    } else if says(&["401", "403", "UNAUTHENTICATED", "PERMISSION_DENIED"]) {
        "the receiver wants other credentials: look at headers, or username and password"
    } else if says(&["404", "UNIMPLEMENTED"]) {
        "the receiver has nothing at this path: look at the endpoint and the protocol"
    } else if says(&["not HTTP"]) {
        "something else listens there: a port of gRPC wants protocol: grpc, one of TLS https://"
    } else if error.starts_with("gRPC ") && says(&["ended without an answer"]) {
        "it may speak no gRPC: look at the port, and at protocol"
    } else if says(&["no answer within", "time limit", "timed out"]) {
        "it may be overloaded, or a firewall drops what is sent: try from another machine, or raise timeoutMs"
    } else if says(&["No such file or directory"]) {
        "make the folder, or mend the path"
    } else if says(&["Permission denied"]) {
        "let the user that this program runs as write there"
    } else {
        return None;
    })
}

/// The causes of an error too, as far as it does not tell them itself.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    text
}

/// A span of a millisecond, with ids that nothing else has.
fn span(resource: Arc<Resource>, document: bool) -> SpanBatch {
    let random = |n: u8| RandomState::new().hash_one(n);
    let long = |n: u8| u128::from(random(n)) << 64 | u128::from(random(n + 1));
    let ids = TraceId::new(long(0) | 1).zip(SpanId::new(random(2) | 1));
    let end = Timestamp::now();
    let spans = ids.map(|(trace, span)| {
        let context = SpanContext::new(trace, span, TraceFlags::SAMPLED);
        let mut span = SpanData::new(context, NAME, end - Duration::from_millis(1), end);
        if document {
            // Trace documents belong to a Context; this one is nobody's.
            let hex = format!("{:032x}", long(3));
            let id =
                format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]);
            span.attributes.push(KeyValue::new("mplp.context.id", id));
        }
        span
    });
    SpanBatch::from_spans(resource, spans)
}

/// A record that says who sent it.
fn log(resource: Arc<Resource>) -> LogBatch {
    let now = Timestamp::now();
    let mut record = LogRecord::new(LogSeverity::INFO, NAME);
    (record.time, record.observed) = (now, now);
    LogBatch::new(resource, vec![record])
}

/// A counter at one.
fn metric(resource: Arc<Resource>) -> MetricBatch {
    let registry = MeterRegistry::new(resource);
    let meter = registry.meter(Scope::from_static("mplp-trace", env!("CARGO_PKG_VERSION")));
    if let Ok(counter) = meter.counter(METRIC).description("Sent by mplp-trace export-check.").build() {
        counter.add(1, &[]);
    }
    registry.collect(Timestamp::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_is_that_of_the_cause_and_not_of_the_words_around_it() {
        for (error, part) in [
            (
                "POST https://c:4318/v1/traces: cannot connect: invalid peer certificate: UnknownIssuer",
                "caCertificate",
            ),
            (
                "POST https://c:4318/v1/traces: cannot connect: received corrupt message of type InvalidContentType",
                "http://",
            ),
            (
                "POST http://c:4318/v1/traces: cannot connect: Connection refused (os error 111)",
                "nothing listens",
            ),
            (
                "POST http://c:4318/: cannot connect: failed to lookup address information",
                "the name is not known",
            ),
            ("gRPC http://c:4318/Export: the connection ended without an answer: broken pipe", "no gRPC"),
        ] {
            assert!(remedy(error).is_some_and(|said| said.contains(part)), "{error}: {:?}", remedy(error));
        }
    }
}
