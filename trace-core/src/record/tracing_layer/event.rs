//! Reads a `tracing` event into a scratch draft.

use std::error::Error;
use std::fmt::Debug;

use tracing::field::{Field, Visit};

use super::fields::{exception, said, unsigned};
use crate::batch::{Cell, Text};
use crate::model::Status;
use crate::record::draft::Draft;

/// Puts the fields of an event into a draft as attributes, and `message` as the name.
pub(super) struct EventFields<'d> {
    pub(super) draft: &'d mut Draft,
    /// The event came from the `log` crate: its fields `log.*` say where it comes from.
    is_log: bool,
    pub(super) named: bool,
    /// What the span's outcome becomes, and the exception's message.
    pub(super) error: Option<String>,
    pub(super) log_target: Option<String>,
}

impl<'d> EventFields<'d> {
    pub(super) fn new(draft: &'d mut Draft, is_log: bool) -> Self {
        Self { draft, is_log, named: false, error: None, log_target: None }
    }

    /// The status that the event gives the span.
    pub(super) fn status(&mut self, is_error: bool) -> Option<Status> {
        match self.error.take() {
            Some(message) => Some(Status::Error(message.into())),
            None => is_error.then(|| Status::Error("".into())),
        }
    }

    /// `true` if the field is not an attribute.
    fn is_special(&mut self, field: &Field, value: &dyn std::fmt::Display) -> bool {
        match field.name() {
            "message" => {
                let (name, _) = self.draft.columns().store_formatted(format_args!("{value}"));
                self.draft.set_name(name);
                self.named = true;
            }
            name if self.is_log && name.starts_with("log.") => {
                if name == "log.target" {
                    self.log_target = Some(said(value));
                }
            }
            // `#[instrument(err)]` makes an event of this field alone, formatted.
            "error" if !self.named => {
                let message = said(value);
                let cell = self.draft.columns().store_value(&message);
                self.draft.push_attribute(Text::fixed("exception.message"), cell);
                self.error = Some(message);
            }
            _ => return false,
        }
        true
    }

    fn push(&mut self, field: &Field, value: Cell) {
        if !(self.is_log && field.name().starts_with("log.")) {
            self.draft.push_attribute(Text::fixed(field.name()), value);
        }
    }
}

impl Visit for EventFields<'_> {
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
        if !self.is_special(field, &value) {
            let value = self.draft.columns().store_value(value);
            self.push(field, value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        exception(self.draft, field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if !self.is_special(field, &format_args!("{value:?}")) {
            let (_, value) = self.draft.columns().store_formatted(format_args!("{value:?}"));
            self.push(field, value);
        }
    }
}
