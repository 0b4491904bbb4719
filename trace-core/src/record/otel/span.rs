//! The API's span.

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace as api;

use super::convert;
use super::drafted::Drafted;
use super::lean::Lean;
use crate::record::draft::End;

/// A span behind the `opentelemetry` API. Ends when it is dropped, if it has not been ended before.
///
/// Where the API leaves a choice, or differs from the specification, the specification is followed: an attribute whose
/// key is set again is replaced, and of several errors the last one counts. A span that is dropped while its
/// thread panics gets the error status `panicked`, unless it has a status.
pub struct OtelSpan(State);

enum State {
    /// It was only started, and may have got attributes; it may have ended.
    Lean(Box<Lean>),
    /// Boxed, so that a span is small: a context moves it several times.
    Drafted(Box<Drafted>),
    /// On its way to another state.
    Gone,
}

static NOTHING: api::SpanContext = api::SpanContext::NONE;

impl OtelSpan {
    #[inline]
    pub(super) fn lean(lean: Box<Lean>) -> Self {
        Self(State::Lean(lean))
    }

    pub(super) fn drafted(drafted: Drafted) -> Self {
        Self(State::Drafted(Box::new(drafted)))
    }

    #[cfg(test)]
    pub(super) fn is_lean(&self) -> bool {
        matches!(self.0, State::Lean(_))
    }

    /// The span as one that anything can be done to; `None` if it was lean and has ended.
    #[inline]
    fn thick(&mut self) -> Option<&mut Drafted> {
        if let State::Lean(lean) = &self.0 {
            if !lean.is_open() {
                return None;
            }
            self.thicken();
        }
        match &mut self.0 {
            State::Drafted(drafted) => Some(drafted),
            State::Lean(_) | State::Gone => None,
        }
    }

    #[cold]
    fn thicken(&mut self) {
        if let State::Lean(lean) = std::mem::replace(&mut self.0, State::Gone) {
            self.0 = State::Drafted(Box::new(Drafted::recording(lean.into_draft())));
        }
    }

    /// Adds the events and links of a builder.
    #[cold]
    pub(super) fn add_all(&mut self, events: Vec<api::Event>, links: Vec<api::Link>) {
        let Some(span) = self.thick() else { return };
        for e in events {
            span.add_event(e.name, e.timestamp.into(), &e.attributes);
        }
        for l in links {
            span.add_link(&l.span_context, &l.attributes);
        }
    }

    #[inline]
    fn finish(&mut self, end: End) {
        if let State::Lean(lean) = &mut self.0
            && lean.is_open()
            && lean.end(end)
        {
            return;
        }
        self.finish_draft(end);
    }

    #[inline(never)]
    fn finish_draft(&mut self, end: End) {
        if let Some(span) = self.thick() {
            span.finish(end);
        }
    }
}

impl api::Span for OtelSpan {
    fn add_event<T>(&mut self, name: T, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        if let Some(span) = self.thick()
            && let Some(now) = span.draft().map(|d| d.now())
        {
            span.add_event(name, now, &attributes);
        }
    }

    fn add_event_with_timestamp<T>(&mut self, name: T, timestamp: SystemTime, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        if let Some(span) = self.thick() {
            span.add_event(name, timestamp.into(), &attributes);
        }
    }

    #[inline]
    fn span_context(&self) -> &api::SpanContext {
        match &self.0 {
            State::Lean(lean) => lean.identity(),
            State::Drafted(drafted) => drafted.span_context(),
            State::Gone => &NOTHING,
        }
    }

    fn is_recording(&self) -> bool {
        match &self.0 {
            State::Lean(lean) => lean.is_open(),
            State::Drafted(drafted) => drafted.is_recording(),
            State::Gone => false,
        }
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        let mut attribute = Some(attribute);
        if let State::Lean(lean) = &mut self.0
            && (!lean.is_open() || lean.set(&mut attribute))
        {
            return;
        }
        if let (Some(span), Some(attribute)) = (self.thick(), attribute) {
            span.set_attribute(attribute);
        }
    }

    fn set_status(&mut self, status: api::Status) {
        if let State::Lean(lean) = &mut self.0
            && (!lean.is_open() || lean.set_status(&status))
        {
            return;
        }
        if let Some(d) = self.thick().and_then(Drafted::draft) {
            d.set_status(convert::status_from(status));
        }
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        if let Some(d) = self.thick().and_then(Drafted::draft) {
            let name = new_name.into();
            d.edit(|c, row, _| c.rows[row].name = c.text_of(name));
        }
    }

    fn add_link(&mut self, span_context: api::SpanContext, attributes: Vec<KeyValue>) {
        if let Some(span) = self.thick() {
            span.add_link(&span_context, &attributes);
        }
    }

    #[inline]
    fn end(&mut self) {
        self.finish(End::Now);
    }

    #[inline]
    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.finish(End::At(timestamp.into()));
    }
}

impl Drop for OtelSpan {
    #[inline]
    fn drop(&mut self) {
        if let State::Lean(lean) = &mut self.0 {
            if lean.is_open() && !lean.end(End::Now) {
                // Which ends it.
                self.thicken();
                return;
            }
            if let State::Lean(lean) = std::mem::replace(&mut self.0, State::Gone) {
                lean.give_back();
            }
        }
    }
}

impl std::fmt::Debug for OtelSpan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OtelSpan")
            .field("context", api::Span::span_context(self))
            .field("recording", &api::Span::is_recording(self))
            .finish()
    }
}
