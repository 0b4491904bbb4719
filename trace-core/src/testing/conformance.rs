//! What every exporter must stand: cases to run against your own.

use std::sync::Arc;

use crate::batch::SpanBatch;
use crate::model::{
    AnyValue, Array, Event, KeyValue, Link, LogBatch, LogRecord, LogSeverity, MetricBatch, Resource, Scope,
    SpanContext, SpanData, SpanId, SpanKind, Status, Timestamp, TraceFlags, TraceId, TraceState, Value,
};
use crate::signal::{LogExporter, MetricExporter, SpanExporter};

/// Spans with every field set, and values at their edges: texts that are empty, long or not ASCII, numbers that are
/// extreme or not numbers, a span that ends before it starts, a parent in another process, dropped counts.
pub fn every_field() -> SpanBatch {
    let at = Timestamp::from_unix_secs(1_760_000_000);
    let id = |n: u64| SpanId::new(n).unwrap_or(SpanId::MAX);
    let mut context = SpanContext::new(TraceId::from_random(42), id(1), TraceFlags::SAMPLED);
    context.trace_state = TraceState::from_validated("vendor=1,other=a:b");
    let scope = Arc::new(Scope {
        version: "1.2".into(),
        schema_url: "https://example.org/1".into(),
        ..Scope::named("lib")
    });
    let values: [(&'static str, Value); 9] = [
        ("text", "<&>\"\\\n\u{0}☃".into()),
        ("empty", "".into()),
        ("long", "x".repeat(10_000).into()),
        ("least", i64::MIN.into()),
        ("nan", f64::NAN.into()),
        ("infinite", f64::NEG_INFINITY.into()),
        ("yes", true.into()),
        ("numbers", vec![1i64, -1].into()),
        ("nothing", Value::Array(Array::String(Vec::new()))),
    ];
    let mut full =
        SpanData::new(context.clone(), "every field", at, at + std::time::Duration::from_millis(5));
    full.parent_span_id = Some(id(9));
    full.parent_is_remote = true;
    full.kind = SpanKind::Server;
    full.scope = scope.clone();
    full.attributes = values.iter().map(|(k, v)| KeyValue::new(*k, v.clone())).collect();
    full.events = vec![Event {
        name: "event".into(),
        time: at,
        attributes: full.attributes.clone(),
        dropped_attributes: 1,
    }];
    full.links =
        vec![Link { context: context.clone(), attributes: full.attributes.clone(), dropped_attributes: 2 }];
    full.status = Status::Error("it broke".into());
    (full.dropped_attributes, full.dropped_events, full.dropped_links) = (3, 4, 5);

    context.span_id = id(2);
    let mut bare = SpanData::new(context.clone(), "", at, Timestamp::default());
    bare.scope = scope;
    context.span_id = id(3);
    let mut child = SpanData::new(context, "child", at, at);
    child.parent_span_id = Some(id(1));
    child.status = Status::Ok;
    let resource =
        Resource::new([KeyValue::new("service.name", "conformance"), KeyValue::new("service.version", "")]);
    SpanBatch::from_spans(Arc::new(resource), [full, bare, child])
}

/// Runs the cases that every span exporter must pass, against one whose backend is up and takes everything.
///
/// # Panics
/// With the name of the case that failed.
pub async fn span_exporter(exporter: &dyn SpanExporter) {
    let batch = every_field();
    accept("an empty batch", exporter.export(&batch.slice(0..0)).await);
    accept("every field, and values at their edges", exporter.export(&batch).await);
    accept("a slice of a shared batch", exporter.export(&batch.slice(1..2)).await);
    accept("the same batch again, as after a lost answer", exporter.export(&batch).await);
    accept("a flush", exporter.flush().await);
    accept("a second flush", exporter.flush().await);
    accept("the shutdown", exporter.shutdown().await);
}

/// Runs the cases that every metric exporter must pass, against one whose backend is up and takes everything.
///
/// # Panics
/// With the name of the case that failed.
pub async fn metric_exporter(exporter: &dyn MetricExporter) {
    let registry = crate::metric::MeterRegistry::new(Arc::new(Resource::service("conformance")));
    let at = Timestamp::from_unix_secs(1_760_000_000);
    let empty = MetricBatch { resource: Arc::new(Resource::default()), scopes: Vec::new() };
    accept("an empty collection", exporter.export(&empty).await);
    let meter = registry.meter(Scope::named("lib"));
    let labels = [KeyValue::new("text", "<&>\"\\\n☃"), KeyValue::new("n", 1), KeyValue::new("empty", "")];
    if let (Ok(counter), Ok(gauge), Ok(histogram)) = (
        meter.counter("c.d").build(),
        meter.gauge("g").unit("By").build(),
        meter.histogram("h").unit("s").build(),
    ) {
        counter.add(1, &labels);
        counter.add(u64::MAX >> 2, &[]);
        gauge.record(-1.5, &labels);
        histogram.record(0.3, &labels);
        histogram.record(1e300, &[]);
    }
    let full = registry.collect(at);
    assert!(full.point_count() >= 5, "the cases themselves are broken");
    accept("every kind of instrument", exporter.export(&full).await);
    accept("the same collection again", exporter.export(&full).await);
    accept("a flush", exporter.flush().await);
    accept("the shutdown", exporter.shutdown().await);
}

/// Log records with every field set, and values at their edges: nested, empty, extreme; a record with nothing at all.
pub fn every_log_field() -> LogBatch {
    let at = Timestamp::from_unix_secs(1_760_000_000);
    let nested = AnyValue::Map(vec![
        (
            "list".into(),
            AnyValue::List(vec![1.into(), "x".into(), AnyValue::Empty, AnyValue::List(Vec::new())]),
        ),
        ("bytes".into(), AnyValue::Bytes(vec![0, 255])),
        ("none".into(), AnyValue::Empty),
        ("nan".into(), f64::NAN.into()),
    ]);
    let mut full = LogRecord::new(LogSeverity::new(14), nested.clone());
    (full.time, full.observed) = (at, at + std::time::Duration::from_millis(1));
    full.severity_text = "WARNING".into();
    full.attributes = vec![
        ("text".into(), "<&>\"\\\n\u{0}☃".into()),
        ("empty".into(), "".into()),
        ("least".into(), i64::MIN.into()),
        ("infinite".into(), f64::NEG_INFINITY.into()),
        ("yes".into(), true.into()),
        ("nested".into(), nested),
    ];
    full.dropped_attributes = 3;
    (full.trace_id, full.span_id) = (Some(TraceId::from_random(42)), SpanId::new(7));
    full.flags = TraceFlags::SAMPLED;
    full.event_name = "card.declined".into();
    full.scope = Arc::new(Scope {
        version: "1.2".into(),
        schema_url: "https://example.org/1".into(),
        ..Scope::named("lib")
    })
    .into();
    let plain = LogRecord::new(LogSeverity::FATAL, "a text");
    LogBatch::new(Arc::new(Resource::service("conformance")), vec![full, LogRecord::default(), plain])
}

/// Runs the cases that every log exporter must pass, against one whose backend is up and takes everything.
///
/// # Panics
/// With the name of the case that failed.
pub async fn log_exporter(exporter: &dyn LogExporter) {
    let batch = every_log_field();
    accept("an empty batch", exporter.export(&batch.slice(0..0)).await);
    accept("every field, and values at their edges", exporter.export(&batch).await);
    accept("a slice of a shared batch", exporter.export(&batch.slice(1..2)).await);
    accept("the same batch again, as after a lost answer", exporter.export(&batch).await);
    accept("a flush", exporter.flush().await);
    accept("a second flush", exporter.flush().await);
    accept("the shutdown", exporter.shutdown().await);
}

fn accept(case: &str, result: Result<(), crate::signal::ExportError>) {
    if let Err(e) = result {
        panic!("{case} must be taken, but: {e}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CaptureExporter;

    #[tokio::test]
    async fn what_keeps_everything_passes() {
        span_exporter(&CaptureExporter::new()).await;
        metric_exporter(&CaptureExporter::new()).await;
        log_exporter(&CaptureExporter::new()).await;
        span_exporter(&crate::store::MemoryStore::default()).await;
    }

    #[tokio::test]
    #[should_panic(expected = "an empty batch must be taken, but: no")]
    async fn what_refuses_is_named_with_the_case() {
        let refuses = CaptureExporter::new();
        refuses.fail_next(crate::signal::ExportError::permanent("no"));
        span_exporter(&refuses).await;
    }
}
