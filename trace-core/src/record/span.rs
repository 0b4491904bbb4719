//! A span that is being recorded, movable between threads and tasks.

use std::borrow::Cow;
use std::error::Error;
use std::time::SystemTime;

use super::handle::{Handle, write_status};
use crate::batch::{Columns, EventCell, LinkCell, List, NONE, Row};
use crate::model::{KeyValue, SpanContext, Status, TenantTag, Timestamp, Value};

/// A span that is being recorded. It ends when it is dropped, or by [`Span::end`].
///
/// It is not the active span of any thread; see [`Span::enter`] and [`super::InSpan`] for that. A span that is
/// not sampled costs next to nothing; its context still travels to its children. A span that is dropped while
/// its thread panics gets the error status `panicked`, unless it has a status already.
#[derive(Debug)]
pub struct Span {
    pub(super) context: Option<SpanContext>,
    pub(super) record: Option<Handle>,
}

impl Span {
    /// A span that records nothing and has no context.
    pub const fn none() -> Self {
        Self { context: None, record: None }
    }
    /// The span's identity; `None` for [`Span::none`] and after the shutdown of a recorder.
    pub fn context(&self) -> Option<&SpanContext> {
        self.context.as_ref()
    }

    /// Whether attributes and events are kept.
    pub fn is_recording(&self) -> bool {
        self.record.is_some()
    }

    /// Adds an attribute, or replaces its value. One that names a tenant counts for children from then on, as far as they
    /// find this span as the active one; a context that was copied before does not change.
    pub fn set_attribute(&self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        let Some(h) = &self.record else { return };
        let (key, value) = (key.into(), value.into());
        let tenant = h.slot.tenants.said_by(&key, &value);
        if !tenant.is_none() {
            h.set_tenant(self, tenant);
        }
        h.edit(self, |c, row, limits| {
            let key = c.text_of(key);
            let value = c.cell_of(value);
            c.set_attribute(row, key, value, limits.attributes);
            if !tenant.is_none() {
                c.rows[row].tenant = tenant;
            }
        });
    }

    /// What children inherit: the span's identity, with the tenant that it has named since its start.
    pub(crate) fn inherited(&self) -> Option<SpanContext> {
        let context = self.context.clone()?;
        Some(SpanContext { tenant: self.named_later().or(context.tenant), ..context })
    }

    /// The tenant that it has named since its start.
    pub(super) fn named_later(&self) -> TenantTag {
        self.record.as_ref().map(Handle::tenant).unwrap_or_default()
    }

    /// Adds an event at the present moment.
    pub fn add_event(
        &self,
        name: impl Into<Cow<'static, str>>,
        attributes: impl IntoIterator<Item = KeyValue>,
    ) {
        let Some(h) = &self.record else { return };
        self.add_event_at(name, h.slot.clock.now(), attributes);
    }

    /// Adds an event at a given moment.
    pub fn add_event_at(
        &self,
        name: impl Into<Cow<'static, str>>,
        time: Timestamp,
        attributes: impl IntoIterator<Item = KeyValue>,
    ) {
        let Some(h) = &self.record else { return };
        // The caller's iterator runs before the chunk is locked: it may record spans itself.
        let (name, attributes): (_, Vec<KeyValue>) = (name.into(), attributes.into_iter().collect());
        h.edit(self, |c, row, limits| {
            if c.extra(row).event_count >= limits.events {
                c.extra(row).dropped_events += 1;
                return;
            }
            let name = c.text_of(name);
            let (attributes, dropped_attributes) = list_of(c, attributes, limits.event_attributes);
            c.push_event(
                row,
                EventCell { name, time: time.unix_nanos(), attributes, dropped_attributes, next: NONE },
            );
        });
    }

    /// Adds a link to a span of this or another trace.
    pub fn add_link(&self, context: SpanContext, attributes: impl IntoIterator<Item = KeyValue>) {
        let Some(h) = &self.record else { return };
        let attributes: Vec<KeyValue> = attributes.into_iter().collect();
        let context = SpanContext { flags: context.flags.w3c(), ..context };
        h.edit(self, |c, row, limits| {
            if c.extra(row).link_count >= limits.links {
                c.extra(row).dropped_links += 1;
                return;
            }
            let (attributes, dropped_attributes) = list_of(c, attributes, limits.link_attributes);
            c.push_link(row, LinkCell { context, attributes, dropped_attributes, next: NONE });
        });
    }

    /// Sets the outcome. `Ok` is final, and `Unset` changes nothing (OpenTelemetry trace API, "Set Status").
    pub fn set_status(&self, status: Status) {
        let Some(h) = &self.record else { return };
        h.edit(self, |c, row, _| write_status(c, row, status));
    }

    /// Adds an `exception` event with the error's type and message, and sets the error status.
    pub fn record_error<E: Error + ?Sized>(&self, error: &E) {
        if self.record.is_none() {
            return;
        }
        let message = error_text(error);
        self.add_event(
            "exception",
            [
                KeyValue::new("exception.type", std::any::type_name::<E>()),
                KeyValue::new("exception.message", message.clone()),
            ],
        );
        self.set_status(Status::Error(message.into()));
    }

    /// Sets the status to `Ok`, or records the error.
    pub fn record_outcome<T, E: Error>(&self, outcome: &Result<T, E>) {
        match outcome {
            Ok(_) => self.set_status(Status::Ok),
            Err(error) => self.record_error(error),
        }
    }

    /// Replaces the name.
    pub fn update_name(&self, name: impl Into<Cow<'static, str>>) {
        let Some(h) = &self.record else { return };
        let name = name.into();
        h.edit(self, |c, row, _| {
            c.rows[row].name = c.text_of(name);
            c.rows[row].bits |= Row::RENAMED;
        });
    }

    /// Ends the span now.
    pub fn end(self) {
        drop(self);
    }

    /// Ends the span at a given moment.
    pub fn end_at(mut self, time: SystemTime) {
        if let Some(h) = &self.record {
            h.end(&self, Some(Timestamp::from(time)));
        }
        self.record = None;
    }
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        if let Some(h) = &self.record {
            h.end(self, None);
        }
    }
}

fn list_of(c: &mut Columns, attributes: Vec<KeyValue>, limit: u16) -> (List, u32) {
    let mut list = List::EMPTY;
    let dropped = attributes.len().saturating_sub(limit.into()) as u32;
    for kv in attributes.into_iter().take(limit.into()) {
        let key = c.text_of(kv.key);
        let value = c.cell_of(kv.value);
        c.push_attribute(&mut list, key, value);
    }
    (list, dropped)
}

/// The error's message, followed by its causes.
fn error_text<E: Error + ?Sized>(error: &E) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(c) = cause {
        text.push_str(": ");
        text.push_str(&c.to_string());
        cause = c.source();
    }
    text
}
