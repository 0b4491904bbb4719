//! Reads `tracing` fields.

use std::error::Error;
use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};

use crate::model::{KeyValue, SpanKind, Status, Value};

/// What the fields of a span or event say. Fields that begin with `otel.` steer the span, the rest are attributes.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) attributes: Vec<KeyValue>,
    pub(super) name: Option<String>,
    pub(super) kind: Option<SpanKind>,
    pub(super) status_code: Option<String>,
    pub(super) status_message: Option<String>,
    pub(super) message: Option<String>,
}

impl Fields {
    /// `otel.status_code` and `otel.status_message` together.
    pub(super) fn status(&self) -> Option<Status> {
        let message = self.status_message.clone();
        match self.status_code.as_deref() {
            Some(c) if c.eq_ignore_ascii_case("ok") => Some(Status::Ok),
            Some(c) if c.eq_ignore_ascii_case("error") => {
                Some(Status::Error(message.unwrap_or_default().into()))
            }
            _ => message.map(|m| Status::Error(m.into())),
        }
    }

    fn text(&mut self, field: &Field, text: String) {
        match field.name() {
            "otel.name" => self.name = Some(text),
            "otel.kind" => self.kind = kind(&text),
            "otel.status_code" => self.status_code = Some(text),
            "otel.status_message" | "otel.status_description" => self.status_message = Some(text),
            "message" => self.message = Some(text),
            name => self.attributes.push(KeyValue::new(name, text)),
        }
    }

    fn value(&mut self, field: &Field, value: impl Into<Value>) {
        self.attributes.push(KeyValue::new(field.name(), value));
    }
}

fn kind(text: &str) -> Option<SpanKind> {
    [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer]
        .into_iter()
        .find(|k| k.as_str().eq_ignore_ascii_case(text))
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.value(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.value(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.value(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.value(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value.to_owned());
    }

    fn record_error(&mut self, _field: &Field, value: &(dyn Error + 'static)) {
        let mut text = String::new();
        append(&mut text, format_args!("{value}"));
        // An error may be its own cause.
        for cause in std::iter::successors(value.source(), |c| (*c).source()).take(MAX_CAUSES) {
            append(&mut text, format_args!(": {cause}"));
        }
        self.attributes.push(KeyValue::new("exception.message", text));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        append(&mut text, format_args!("{value:?}"));
        self.text(field, text);
    }
}

const MAX_CAUSES: usize = 32;

/// Writing to a text fails only if the value says so, and must not fail the application: what it wrote stays.
fn append(text: &mut String, value: fmt::Arguments<'_>) {
    let _ = text.write_fmt(value);
}
