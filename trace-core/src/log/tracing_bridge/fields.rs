//! Reads the fields of a `tracing` event into a log record.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{Debug, Write as _};

use tracing::field::{Field, Visit};

use crate::log::LogLimits;
use crate::model::{AnyValue, LogRecord};

/// An error may be its own cause.
const MAX_CAUSES: usize = 32;

/// Puts the fields of an event into a record: `message` as the body, the others as attributes.
pub(super) struct EventFields<'r> {
    record: &'r mut LogRecord,
    limits: LogLimits,
    /// The event came from the `log` crate: its fields `log.*` say where it comes from.
    from_log: bool,
    locate: bool,
    /// What `log.target` says.
    pub(super) target: Option<String>,
}

impl<'r> EventFields<'r> {
    pub(super) fn new(record: &'r mut LogRecord, limits: LogLimits, from_log: bool, locate: bool) -> Self {
        Self { record, limits, from_log, locate, target: None }
    }

    fn has_room(&mut self) -> bool {
        let room = self.record.attributes.len() < self.limits.attributes;
        if !room {
            self.record.dropped_attributes = self.record.dropped_attributes.saturating_add(1);
        }
        room
    }

    #[inline]
    fn push(&mut self, field: &Field, value: impl FnOnce() -> AnyValue) {
        if self.from_log && field.name().starts_with("log.") {
            return self.origin(field.name(), value());
        }
        self.add(Cow::Borrowed(field.name()), value);
    }

    #[inline]
    fn add(&mut self, key: Cow<'static, str>, value: impl FnOnce() -> AnyValue) {
        if self.has_room() {
            let mut value = value();
            self.limits.cut(&mut value);
            self.record.attributes.push((key, value));
        }
    }

    /// Where an event of the `log` crate comes from.
    fn origin(&mut self, name: &str, value: AnyValue) {
        let key = match name {
            "log.target" => {
                self.target = Some(value.to_string());
                return;
            }
            "log.file" => "code.file.path",
            "log.line" => "code.line.number",
            "log.module_path" => "code.module.name",
            _ => return,
        };
        if self.locate {
            self.add(Cow::Borrowed(key), || value);
        }
    }
}

/// What a value says of itself. Unlike `to_string` it does not panic if the value fails to: what it said until then stays.
fn said(args: std::fmt::Arguments<'_>) -> String {
    // Most messages fit; growing is what costs.
    let mut text = String::with_capacity(64);
    let _ = text.write_fmt(args);
    text
}

impl Visit for EventFields<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, || value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, || value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, || value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, || value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.record.body = value.to_owned().into();
        } else {
            self.push(field, || value.to_owned().into());
        }
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.push(field, || AnyValue::Bytes(value.to_owned()));
    }

    /// The field itself, `FIELD.chain` with its causes, and `exception.*` by the semantic conventions, as on spans.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut causes = Vec::new();
        let mut next = value.source();
        while let Some(cause) = next.filter(|_| causes.len() < MAX_CAUSES) {
            causes.push(said(format_args!("{cause}")));
            next = cause.source();
        }
        let message = said(format_args!("{value}"));
        self.add("exception.message".into(), || message.clone().into());
        if !causes.is_empty() {
            let stack = format!("{message}\nCaused by: {}", causes.join("\nCaused by: "));
            self.add("exception.stacktrace".into(), || stack.into());
        }
        self.push(field, || message.into());
        if !causes.is_empty() {
            let chain = causes.into_iter().map(AnyValue::from).collect();
            self.add(format!("{}.chain", field.name()).into(), || AnyValue::List(chain));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.record.body = said(format_args!("{value:?}")).into();
        } else {
            self.push(field, || said(format_args!("{value:?}")).into());
        }
    }
}
