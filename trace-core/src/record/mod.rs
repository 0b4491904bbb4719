//! The hot path: what an application calls to record a span.
//!
//! [`span!`](crate::span) writes words into a ring of its thread. A plain span of the `opentelemetry` API or the `tracing`
//! layer goes there when it ends; others of these doors are drafts until they end. Everything else goes into the thread's chunk, a [`crate::batch`] under construction behind a
//! mutex that nobody else wants, which the pipeline swaps for an empty one from time to time: a span is written in place
//! at its start and completed in place at its end, and what happens to it after its chunk or ring has been read is written
//! as a continuation, which the pipeline joins. Unless [`OverflowPolicy`] asks for it nothing waits; nothing allocates in
//! the steady state of `span!`, and what does not fit is counted.
//!
//! There are three doors, and any nesting of them finds the right parent: [`span!`](crate::span) and [`Span`],
//! the `opentelemetry` API (feature `otel`), and the `tracing` layer (feature `tracing`).

mod builder;
mod callsite;
mod chunk;
mod continuation;
mod current;
#[cfg(feature = "http")]
mod described;
#[cfg(any(feature = "otel", feature = "tracing"))]
mod draft;
#[cfg(feature = "tracing")]
mod draft_fields;
#[cfg(any(feature = "otel", feature = "tracing"))]
mod draft_write;
mod drain;
#[cfg(test)]
mod edge_tests;
mod field;
mod future;
mod guard;
mod handle;
mod hot;
mod id_gen;
mod id_hasher;
mod in_context;
mod lease;
mod limits;
mod macros;
#[cfg(any(feature = "otel", feature = "tracing"))]
mod open_drafts;
mod open_spans;
mod outlived;
mod overflow;
mod parked;
mod process_id;
mod quiet;
mod recorder;
mod ring;
mod ring_entry;
mod ring_header;
#[cfg(all(test, trace_loom))]
mod ring_loom_tests;
mod ring_reader;
mod ring_span;
#[cfg(test)]
mod ring_tests;
mod ring_text;
mod ring_texts;
mod ring_writer;
mod span;
mod start;
mod tenant_keys;
mod unended;

#[cfg(not(feature = "otel"))]
#[path = "bridge_none.rs"]
mod bridge;
#[cfg(feature = "otel")]
#[path = "bridge_otel.rs"]
pub(crate) mod bridge;

#[cfg(feature = "otel")]
pub mod otel;
#[cfg(feature = "tracing")]
pub mod tracing_layer;

#[cfg(test)]
mod tests;

pub use builder::SpanBuilder;
pub use callsite::Callsite;
pub(crate) use current::is_suppressed;
pub use current::{SuppressGuard, current_context, suppress, suppress_scope};
#[cfg(feature = "http")]
pub(crate) use described::{Description, Fields};
pub(crate) use drain::Drain;
pub use field::AsValue;
pub use future::{InSpan, InstrumentedFuture};
pub use guard::SpanGuard;
#[doc(hidden)]
pub use guard::{enter as __enter, enter_fast as __enter_fast, start as __start};
pub use in_context::{ContextFuture, ContextGuard, InContext, enter_context};
pub use limits::SpanLimits;
pub use open_spans::{OpenSpan, OpenSpans};
pub use overflow::OverflowPolicy;
pub use recorder::{DefaultGuard, Recorder, RecorderBuilder, RecorderCounts};
#[doc(hidden)]
pub use ring_writer::Writer;
pub use span::Span;
