//! One span, owned: the form to build in a test or to convert from another library's type.
//!
//! The pipeline moves [`crate::batch::SpanBatch`], which holds many spans in columns.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use super::{KeyValue, Scope, SpanContext, SpanId, Timestamp};

/// The role of a span in a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum SpanKind {
    /// Work inside a process.
    #[default]
    Internal = 1,
    /// The handling of a remote request.
    Server = 2,
    /// A request to a remote service.
    Client = 3,
    /// The sending of a message.
    Producer = 4,
    /// The processing of a message.
    Consumer = 5,
}

impl SpanKind {
    /// `internal`, `server`, `client`, `producer` or `consumer`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// Whether the work succeeded. `Ok` is final: a later `Error` does not replace it (OpenTelemetry trace API).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Nothing was said.
    #[default]
    Unset,
    /// Declared a success.
    Ok,
    /// Failed, with a description.
    Error(Cow<'static, str>),
}

/// Something that happened at a moment inside a span.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What happened; `exception` for errors.
    pub name: Cow<'static, str>,
    /// When.
    pub time: Timestamp,
    /// Details.
    pub attributes: Vec<KeyValue>,
    /// Attributes left out by a limit.
    pub dropped_attributes: u32,
}

/// A relation to a span of this or another trace that is not the parent.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The related span.
    pub context: SpanContext,
    /// Details.
    pub attributes: Vec<KeyValue>,
    /// Attributes left out by a limit.
    pub dropped_attributes: u32,
}

/// A finished span with everything it owns.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanData {
    /// Ids, flags and trace state; `is_remote` is meaningless here.
    pub context: SpanContext,
    /// The parent, if there is one.
    pub parent_span_id: Option<SpanId>,
    /// Whether the parent lives in another process.
    pub parent_is_remote: bool,
    /// What the work is called.
    pub name: Cow<'static, str>,
    /// The role in the trace.
    pub kind: SpanKind,
    /// When the work began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// Details, in the order they were set; a key occurs once.
    pub attributes: Vec<KeyValue>,
    /// What happened inside, in time order of recording.
    pub events: Vec<Event>,
    /// Related spans.
    pub links: Vec<Link>,
    /// The outcome.
    pub status: Status,
    /// The library that recorded.
    pub scope: Arc<Scope>,
    /// Attributes left out by a limit.
    pub dropped_attributes: u32,
    /// Events left out by a limit.
    pub dropped_events: u32,
    /// Links left out by a limit.
    pub dropped_links: u32,
}

impl SpanData {
    /// A span with ids, a name and times; everything else empty.
    pub fn new(
        context: SpanContext,
        name: impl Into<Cow<'static, str>>,
        start: Timestamp,
        end: Timestamp,
    ) -> Self {
        Self {
            context,
            parent_span_id: None,
            parent_is_remote: false,
            name: name.into(),
            kind: SpanKind::Internal,
            start,
            end,
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            status: Status::Unset,
            scope: Arc::new(Scope::default()),
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
        }
    }
}
