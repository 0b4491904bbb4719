//! Reads `tracing` fields into a draft.

use std::error::Error;
use std::fmt::Debug;

use tracing::field::{Field, Visit};

use crate::batch::{Cell, Text};
use crate::model::{Array, SpanKind, Status};
use crate::record::draft::Draft;

/// Puts the fields of a span into its draft: those that begin with `otel.` steer the span, the rest are attributes.
pub(super) struct SpanFields<'d> {
    pub(super) draft: &'d mut Draft,
    pub(super) found: Found,
}

/// What fields say besides attributes.
#[derive(Default)]
pub(super) struct Found {
    pub(super) renamed: bool,
    pub(super) kind: Option<SpanKind>,
    code: Option<Code>,
    description: Option<String>,
}

enum Code {
    Unset,
    Ok,
    Error,
}

impl Found {
    /// `otel.status_code` and `otel.status_description` together.
    pub(super) fn status(&mut self) -> Option<Status> {
        match (self.code.take(), self.description.take()) {
            (Some(Code::Ok), _) => Some(Status::Ok),
            (Some(Code::Unset), None) => Some(Status::Unset),
            (None, None) => None,
            (_, description) => Some(Status::Error(description.unwrap_or_default().into())),
        }
    }
}

impl<'d> SpanFields<'d> {
    pub(super) fn new(draft: &'d mut Draft) -> Self {
        Self { draft, found: Found::default() }
    }

    /// `true` if the field steers the span.
    #[cold]
    fn steers(&mut self, name: &str, value: &dyn std::fmt::Display) -> bool {
        match name {
            "otel.name" => {
                let (name, _) = self.draft.columns().store_formatted(format_args!("{value}"));
                self.draft.set_name(name);
                self.found.renamed = true;
            }
            "otel.kind" => self.found.kind = kind(&said(value)),
            "otel.status_code" => self.found.code = code(&said(value)),
            "otel.status_description" | "otel.status_message" => {
                self.found.description = Some(said(value));
            }
            _ => return false,
        }
        true
    }

    #[inline]
    fn push(&mut self, field: &Field, value: Cell) {
        self.draft.push_attribute(Text::fixed(field.name()), value);
    }
}

fn kind(text: &str) -> Option<SpanKind> {
    [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer]
        .into_iter()
        .find(|k| k.as_str().eq_ignore_ascii_case(text))
}

fn code(text: &str) -> Option<Code> {
    if text.eq_ignore_ascii_case("ok") {
        Some(Code::Ok)
    } else if text.eq_ignore_ascii_case("error") {
        Some(Code::Error)
    } else {
        text.eq_ignore_ascii_case("unset").then_some(Code::Unset)
    }
}

impl Visit for SpanFields<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, Cell::bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, Cell::i64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let value = unsigned(self.draft, value);
        self.push(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, Cell::f64(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name().starts_with("otel.") && self.steers(field.name(), &value) {
            return;
        }
        let value = self.draft.columns().store_value(value);
        self.push(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        exception(self.draft, field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name().starts_with("otel.") && self.steers(field.name(), &format_args!("{value:?}")) {
            return;
        }
        let (_, value) = self.draft.columns().store_formatted(format_args!("{value:?}"));
        self.push(field, value);
    }
}

/// The OpenTelemetry model has no unsigned integer: what is too large becomes text.
pub(super) fn unsigned(draft: &mut Draft, value: u64) -> Cell {
    match i64::try_from(value) {
        Ok(v) => Cell::i64(v),
        Err(_) => draft.columns().store_formatted(format_args!("{value}")).1,
    }
}

/// What a value says of itself. Unlike `to_string` it does not panic if the value fails to: what it said until then stays.
pub(super) fn said(value: impl std::fmt::Display) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let _ = write!(text, "{value}");
    text
}

/// An error as attributes: the field itself and `FIELD.chain` with its causes, as `tracing-opentelemetry` names
/// them, and `exception.message` and `exception.stacktrace` by the semantic conventions. Rust errors have no stack;
/// the causes stand in its place, as text, which the conventions ask for.
pub(super) fn exception(draft: &mut Draft, field: &'static str, error: &(dyn Error + 'static)) {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next.filter(|_| causes.len() < MAX_CAUSES) {
        causes.push(said(cause));
        next = cause.source();
    }
    let message = said(error);
    let text = |d: &mut Draft, key, text: &str| {
        let value = d.columns().store_value(text);
        d.push_attribute(key, value);
    };
    text(draft, Text::fixed("exception.message"), &message);
    if !causes.is_empty() {
        let stack = format!("{message}\nCaused by: {}", causes.join("\nCaused by: "));
        text(draft, Text::fixed("exception.stacktrace"), &stack);
    }
    text(draft, Text::fixed(field), &message);
    if !causes.is_empty() {
        let (key, _) = draft.columns().store_formatted(format_args!("{field}.chain"));
        let chain = Array::String(causes.into_iter().map(Into::into).collect());
        let value = draft.columns().store_array(chain);
        draft.push_attribute(key, value);
    }
}

/// An error may be its own cause.
const MAX_CAUSES: usize = 32;
