//! The logs API of `opentelemetry` as a source of log records (feature `otel`).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::logs as api;
use opentelemetry::{InstrumentationScope, Key};

use super::Logger;
use crate::model::{
    AnyValue, LogRecord, LogScope, LogSeverity, Scope, SpanId, Timestamp, TraceFlags, TraceId,
};
use crate::record::otel::convert;

/// Serves the logs API of `opentelemetry`, so that its appenders emit into a pipeline.
///
/// A record without a trace context gets that of the active span of the thread, whichever door it came through.
///
/// ```
/// use opentelemetry::logs::{LogRecord as _, Logger as _, LoggerProvider as _, Severity};
/// use trace_core::{log::LoggerProvider, pipeline::Pipeline, testing::CaptureExporter};
///
/// let out = CaptureExporter::new();
/// let pipeline = Pipeline::builder().export_logs("out", out.clone()).start()?;
/// let logger = LoggerProvider::new(pipeline.logger()).logger("my-library");
/// let mut record = logger.create_log_record();
/// record.set_severity_number(Severity::Warn);
/// record.set_body("card expires soon".into());
/// logger.emit(record);
/// pipeline.shutdown(std::time::Duration::from_secs(5))?;
/// assert_eq!(out.logs()[0].scope.name, "my-library");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LoggerProvider(Logger);

impl LoggerProvider {
    /// A provider whose loggers emit there.
    pub fn new(logger: Logger) -> Self {
        Self(logger)
    }
}

impl api::LoggerProvider for LoggerProvider {
    type Logger = OtelLogger;

    fn logger_with_scope(&self, scope: InstrumentationScope) -> OtelLogger {
        OtelLogger { logger: self.0.clone(), scope: Arc::new(convert::scope_from(&scope)) }
    }
}

/// A logger of the API; see [`LoggerProvider`].
#[derive(Clone)]
pub struct OtelLogger {
    logger: Logger,
    scope: Arc<Scope>,
}

/// A record of the API under construction.
#[derive(Clone, Debug, Default)]
pub struct OtelLogRecord {
    record: LogRecord,
    /// What an appender says in place of the logger's own name.
    target: Option<Cow<'static, str>>,
}

impl api::Logger for OtelLogger {
    type LogRecord = OtelLogRecord;

    fn create_log_record(&self) -> OtelLogRecord {
        OtelLogRecord::default()
    }

    fn emit(&self, OtelLogRecord { mut record, target }: OtelLogRecord) {
        record.scope = match target {
            // As the official SDK: an appender has one logger, and a target for each record.
            Some(target) if !target.is_empty() => {
                LogScope::from(Arc::new(Scope { name: target, ..(*self.scope).clone() }))
            }
            _ => self.scope.clone().into(),
        };
        self.logger.emit(record);
    }

    fn event_enabled(&self, _: api::Severity, _: &str, _: Option<&str>) -> bool {
        self.logger.is_enabled()
    }
}

impl api::LogRecord for OtelLogRecord {
    fn set_event_name(&mut self, name: &'static str) {
        self.record.event_name = Cow::Borrowed(name);
    }

    fn set_target<T: Into<Cow<'static, str>>>(&mut self, target: T) {
        self.target = Some(target.into());
    }

    fn set_timestamp(&mut self, timestamp: SystemTime) {
        self.record.time = time(timestamp);
    }

    fn set_observed_timestamp(&mut self, timestamp: SystemTime) {
        self.record.observed = time(timestamp);
    }

    fn set_severity_text(&mut self, text: &'static str) {
        self.record.severity_text = Cow::Borrowed(text);
    }

    fn set_severity_number(&mut self, number: api::Severity) {
        self.record.severity = LogSeverity::new(number as u8);
    }

    fn set_body(&mut self, body: api::AnyValue) {
        self.record.body = value(body);
    }

    fn add_attributes<I, K, V>(&mut self, attributes: I)
    where
        I: IntoIterator<Item = (K, V)>,
        K: Into<Key>,
        V: Into<api::AnyValue>,
    {
        attributes.into_iter().for_each(|(key, value)| self.add_attribute(key, value));
    }

    fn add_attribute<K: Into<Key>, V: Into<api::AnyValue>>(&mut self, key: K, v: V) {
        let key: Key = key.into();
        self.record.attributes.push((Cow::Owned(key.into()), value(v.into())));
    }

    fn set_trace_context(
        &mut self,
        trace_id: opentelemetry::TraceId,
        span_id: opentelemetry::SpanId,
        flags: Option<opentelemetry::TraceFlags>,
    ) {
        self.record.trace_id = TraceId::from_bytes(trace_id.to_bytes());
        self.record.span_id = SpanId::from_bytes(span_id.to_bytes());
        self.record.flags = TraceFlags(flags.map_or(0, opentelemetry::TraceFlags::to_u8));
    }
}

/// Times before 1970 count as 1970.
fn time(at: SystemTime) -> Timestamp {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

fn value(v: api::AnyValue) -> AnyValue {
    match v {
        api::AnyValue::Int(v) => v.into(),
        api::AnyValue::Double(v) => v.into(),
        api::AnyValue::String(v) => AnyValue::String(String::from(v).into()),
        api::AnyValue::Boolean(v) => v.into(),
        api::AnyValue::Bytes(v) => AnyValue::Bytes(*v),
        api::AnyValue::ListAny(list) => AnyValue::List(list.into_iter().map(value).collect()),
        api::AnyValue::Map(map) => {
            // In the order of the keys: that of a hash map differs from record to record.
            let mut entries: Vec<(Cow<'static, str>, AnyValue)> =
                map.into_iter().map(|(k, v)| (Cow::Owned(k.into()), value(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            AnyValue::Map(entries)
        }
        // A kind of value that this version does not know travels as text rather than not at all.
        other => AnyValue::String(format!("{other:?}").into()),
    }
}

impl fmt::Debug for OtelLogger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtelLogger").field("scope", &self.scope.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use opentelemetry::logs::{LogRecord as _, Logger as _, LoggerProvider as _};

    use super::*;
    use crate::pipeline::Pipeline;
    use crate::span;
    use crate::testing::CaptureExporter;

    #[test]
    fn a_record_of_the_api_keeps_every_field_and_finds_its_span() {
        let out = CaptureExporter::new();
        let p = Pipeline::builder().export_logs("out", out.clone()).start().unwrap();
        let scope = InstrumentationScope::builder("lib").with_version("1").build();
        let logger = LoggerProvider::new(p.logger()).logger_with_scope(scope);
        assert!(logger.event_enabled(api::Severity::Info, "", None));
        {
            let _span = span!(recorder: p.recorder(), "s");
            let mut r = logger.create_log_record();
            r.set_event_name("e");
            r.set_target("shop::pay");
            r.set_timestamp(UNIX_EPOCH + Duration::from_nanos(5));
            r.set_observed_timestamp(UNIX_EPOCH + Duration::from_nanos(6));
            r.set_severity_text("W");
            r.set_severity_number(api::Severity::Warn2);
            r.set_body([("b", api::AnyValue::from("x")), ("a", 1i64.into())].into_iter().collect());
            r.add_attributes([("list", [1i64, 2].into_iter().collect::<api::AnyValue>())]);
            r.add_attribute("bytes", &b"\x00\xff"[..]);
            logger.emit(r);
        }
        let mut r = logger.create_log_record();
        let (trace, id) = (opentelemetry::TraceId::from(7), opentelemetry::SpanId::from(8));
        r.set_trace_context(trace, id, Some(opentelemetry::TraceFlags::SAMPLED));
        logger.emit(r);
        p.shutdown(Duration::from_secs(10)).unwrap();
        let records = out.logs();
        let r = &records[0];
        assert_eq!((&*r.event_name, &*r.scope.name, &*r.scope.version), ("e", "shop::pay", "1"));
        assert_eq!((r.time.unix_nanos(), r.observed.unix_nanos()), (5, 6));
        assert_eq!((r.severity.number(), &*r.severity_text), (14, "W"));
        assert_eq!(r.body.to_string(), r#"{"a":1,"b":"x"}"#);
        assert_eq!(r.attribute("list"), Some(&AnyValue::List(vec![1.into(), 2.into()])));
        assert_eq!(r.attribute("bytes"), Some(&AnyValue::Bytes(vec![0, 255])));
        assert!(r.trace_id.is_some() && r.span_id.is_some());
        let r = &records[1];
        assert_eq!((r.trace_id, r.span_id, r.flags), (TraceId::new(7), SpanId::new(8), TraceFlags::SAMPLED));
        assert_eq!(&*r.scope.name, "lib");
        assert!(r.observed.unix_nanos() > 6);
    }
}
